import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { withServerPriority } from '../priority.ts';
import { identify } from '../process-identity.ts';
import { killGroup, newEntry, registrations, sweepLeftovers } from './registry.ts';
import { ResourceLease } from './resource-lease.ts';

let dir: string;
let registryDir: string;
let workDir: string;
const groups: number[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-claim-'));
  registryDir = join(dir, 'stacks');
  workDir = join(dir, 'work');
});

afterEach(() => {
  for (const pid of groups.splice(0)) killGroup(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** A program that runs long, started the way Spark and the servers are. */
async function longLived(): Promise<number> {
  const child = spawn(...withServerPriority('sleep', ['60']), { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  groups.push(child.pid!);
  return child.pid!;
}

const onRecord = () => registrations(registryDir).map(({ registration }) => registration);

it('is on record with its processes while they run, and gone without a trace afterwards', async () => {
  const lease = await ResourceLease.open(workDir, { registryDir });
  const pid = await longLived();
  lease.register('spark', pid);
  lease.takePorts([20_007]);
  const server = { server: 'spark', ...identify(pid)! };
  const owner = identify(process.pid)!;
  expect(onRecord()).toEqual([{ version: 1, owner, workDir, ports: [20_007], servers: [server] }]);
  expect(await sweepLeftovers(systemClock, registryDir)).toEqual([]);
  expect(identify(pid)).not.toBeNull();

  lease.unregister(pid);
  expect(onRecord()).toMatchObject([{ servers: [] }]);
  await lease.remove();
  expect(onRecord()).toEqual([]);
  expect(existsSync(workDir)).toBe(false);
  expect(identify(pid)).not.toBeNull();
});

it('of a killed owner is what the next start finds and ends, by what was put on record', async () => {
  const lease = await ResourceLease.open(workDir, { registryDir });
  const pid = await longLived();
  lease.register('spark', pid);
  // The same record under an owner that has lived and is gone: as after kill -9 of it and its watchdog.
  const [mine] = onRecord();
  const owner = identify(await longLived())!;
  killGroup(owner.pid, 'SIGKILL');
  while (identify(owner.pid) !== null) await systemClock.sleep(20);
  newEntry(registryDir).write({ ...mine!, owner });

  const swept = await sweepLeftovers(systemClock, registryDir);
  const killed = [{ server: 'spark', pid }];
  expect(swept).toEqual([{ owner, workDir, run: null, killed, folder: 'removed', containers: [] }]);
  expect(identify(pid)).toBeNull();
  expect(existsSync(workDir)).toBe(false);
  await lease.remove();
});
