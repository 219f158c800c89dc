import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/harness/entry.ts';

/** A process of the built binary. */
export interface Doorbuster {
  readonly child: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Its output so far, on both streams. */
  said(): string;
}

/** Starts it in `dir`, with all of its folders below that (`dir`/tmp exists). */
export function startDoorbuster(dir: string, ...args: readonly string[]): Doorbuster {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/doorbuster.js'), ...args], {
    cwd: dir,
    env: { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: dir, TMPDIR: join(dir, 'tmp') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, said: () => said };
}

/** The folder of the only run in these results; undefined before it exists. */
export function runIn(results: string): string | undefined {
  const [name] = existsSync(results) ? readdirSync(results) : [];
  return name === undefined ? undefined : join(results, name);
}
