import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { identify } from '../process-identity.ts';
import { killGroup } from './registry.ts';
import { watchdogShell } from './watchdog.ts';

let dir: string;
let workDir: string;
const groups: number[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-watchdog-'));
  workDir = join(dir, 'work with a space');
  mkdirSync(workDir);
  writeFileSync(join(workDir, 'data'), 'x');
});

afterEach(() => {
  for (const pid of groups.splice(0)) killGroup(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

function aServer(home = dir): number {
  const child = spawn('sh', ['-c', 'sleep 60 & wait'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, HOME: home },
  });
  groups.push(child.pid!);
  return child.pid!;
}

function environmentOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
}

async function until(fact: () => boolean): Promise<void> {
  for (let waits = 0; waits < 100 && !fact(); waits++) await systemClock.sleep(50);
  expect(fact()).toBe(true);
}

it('kills what it guards and removes the data when the pipe closes without a goodbye', async () => {
  const shell = watchdogShell(workDir);
  const [guarded, released] = [aServer(), aServer()];
  shell.stdin.write(`guard ${guarded}\nguard ${released}\nrelease ${released}\n`);
  shell.stdin.end();
  await once(shell, 'exit');
  await until(() => identify(guarded) === null);
  expect(identify(released)).not.toBeNull();
  expect(existsSync(workDir)).toBe(false);
});

it.skipIf(!existsSync('/proc'))('kills a server that was not registered in time', async () => {
  const shell = watchdogShell(workDir);
  const [untold, neighbour] = [aServer(workDir), aServer(`${workDir}-too`)];
  await until(() => environmentOf(untold).includes(`HOME=${workDir}`));
  shell.stdin.end();
  await once(shell, 'exit');
  await until(() => identify(untold) === null);
  expect(identify(neighbour)).not.toBeNull();
});

it('does nothing after a goodbye', async () => {
  const shell = watchdogShell(workDir);
  const guarded = aServer();
  shell.stdin.write(`guard ${guarded}\ndismiss\n`);
  shell.stdin.end();
  await once(shell, 'exit');
  expect(identify(guarded)).not.toBeNull();
  expect(existsSync(join(workDir, 'data'))).toBe(true);
});
