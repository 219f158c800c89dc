import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/harness/entry.ts';

/** The built binary at work. */
export interface Doorbuster {
  readonly child: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** All that it has printed so far, on both outputs. */
  said(): string;
}

/** Starts it as a user would in `dir`, with all that it keeps for itself beneath it (`dir`/tmp is there). */
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

/** The folder of the one run in these results; undefined before it has one. */
export function runIn(results: string): string | undefined {
  const [name] = existsSync(results) ? readdirSync(results) : [];
  return name === undefined ? undefined : join(results, name);
}
