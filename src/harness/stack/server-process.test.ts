import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { readProcesses } from '../clients/proc.ts';
import { killGroup } from './registry.ts';
import { launch } from './server-process.ts';

/** T: stopped by a signal. */
function isStopped(pid: number): boolean {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).startsWith('T');
}

async function until(fact: () => boolean | Promise<boolean>): Promise<void> {
  for (let waits = 0; waits < 100 && !(await fact()); waits++) await systemClock.sleep(50);
  expect(await fact()).toBe(true);
}

test.skipIf(process.platform !== 'linux')(
  'a paused server is paused with the processes that it gave a group of their own',
  async () => {
    const workDir = mkdtempSync(join(tmpdir(), 'doorbuster-pause-'));
    // As Postgres does with its sessions.
    const args = ['-c', 'setsid sleep 1000 & wait'];
    const command = { program: 'sh', args, env: {} };
    const launched = await launch(command, { workDir, log: join(workDir, 'log') });
    const children = async () =>
      [...(await readProcesses()).values()].filter(({ parent }) => parent === launched.pid);
    try {
      await until(async () => (await children()).some(({ name }) => name === 'sleep'));
      const [child] = await children();
      const pids = [launched.pid, child?.pid as number];
      await launched.pause();
      await until(() => pids.every(isStopped));
      await launched.resume();
      await until(() => !pids.some(isStopped));
    } finally {
      for (const { pid } of await children()) killGroup(pid, 'SIGKILL');
      launched.kill('SIGKILL');
      await launched.exited;
      rmSync(workDir, { recursive: true });
    }
  },
);
