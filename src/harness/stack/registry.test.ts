import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { identify } from '../process-identity.ts';
import {
  claimedPorts,
  defaultRegistryDir,
  killGroup,
  MARKER,
  newEntry,
  otherOwners,
  registrations,
  sweepLeftovers,
  sweptLines,
} from './registry.ts';

let dir: string;
let registryDir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-registry-'));
  registryDir = join(dir, 'stacks');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** A real process of its own group, standing in for a server. */
function aProcess(env: NodeJS.ProcessEnv = {}): { pid: number; exited: Promise<unknown> } {
  const child = spawn('sleep', ['60'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  children.push(child);
  return { pid: child.pid!, exited: once(child, 'exit') };
}

function workFolder(name: string, marked: boolean): string {
  const path = join(dir, name);
  mkdirSync(join(path, 'kafka'), { recursive: true });
  if (marked) writeFileSync(join(path, MARKER), '');
  return path;
}

/** An owner that has lived and is gone. */
async function formerOwner() {
  const { pid, exited } = aProcess();
  const owner = identify(pid)!;
  killGroup(pid, 'SIGKILL');
  await exited;
  return owner;
}

function enter(options: {
  owner: { pid: number; born: string };
  workDir: string;
  run?: string;
  servers?: readonly { server: string; pid: number; born: string }[];
}) {
  const entry = newEntry(registryDir);
  const servers = [...(options.servers ?? [])];
  entry.write({ ...options, version: 1, ports: [20_001], servers });
  return entry;
}

describe('who a process is', () => {
  it('stays the same while the process runs, and is null after its end', async () => {
    const { pid, exited } = aProcess();
    const first = identify(pid);
    expect(first?.pid).toBe(pid);
    expect(identify(pid)).toEqual(first);
    expect(identify(process.pid)?.born).not.toBe(first?.born);
    killGroup(pid, 'SIGKILL');
    await exited;
    expect(identify(pid)).toBeNull();
  });
});

describe('leftovers', () => {
  it('of a gone owner are killed and removed', async () => {
    const server = aProcess();
    const workDir = workFolder('work', true);
    const owner = await formerOwner();
    enter({ owner, workDir, servers: [{ server: 'kafka', ...identify(server.pid)! }] });
    const swept = await sweepLeftovers(systemClock, registryDir);
    const killed = [{ server: 'kafka', pid: server.pid }];
    expect(swept).toEqual([
      { owner, workDir, run: null, killed, folder: 'removed', containers: [] },
    ]);
    expect(sweptLines(swept)).toEqual([
      `an earlier doorbuster was killed (process ${owner.pid}): ` +
        `ended kafka, which were still running; removed ${workDir}`,
    ]);
    await server.exited;
    expect(existsSync(workDir)).toBe(false);
    expect(registrations(registryDir)).toEqual([]);
  });

  it('are found by their home where their owner had no time to write them down', async () => {
    const workDir = workFolder('work', true);
    const server = aProcess({ HOME: workDir });
    const neighbour = aProcess({ HOME: `${workDir}-too` });
    const owner = await formerOwner();
    enter({ owner, workDir });
    const swept = await sweepLeftovers(systemClock, registryDir);
    expect(swept).toMatchObject([
      { killed: [{ server: `process ${server.pid}`, pid: server.pid }], folder: 'removed' },
    ]);
    await server.exited;
    expect(identify(neighbour.pid)).not.toBeNull();
  });

  it('are not what a live owner runs', async () => {
    const server = aProcess();
    const workDir = workFolder('work', true);
    const servers = [{ server: 'kafka', ...identify(server.pid)! }];
    enter({ owner: identify(process.pid)!, workDir, servers });
    expect(await sweepLeftovers(systemClock, registryDir)).toEqual([]);
    expect(identify(server.pid)).not.toBeNull();
    expect(existsSync(workDir)).toBe(true);
    expect(registrations(registryDir)).toHaveLength(1);
  });

  it('are not a stranger that has got the process id meanwhile', async () => {
    const stranger = aProcess();
    const born = `${identify(stranger.pid)!.born}0`;
    const workDir = workFolder('work', true);
    const servers = [{ server: 'kafka', pid: stranger.pid, born }];
    enter({ owner: await formerOwner(), workDir, servers });
    const swept = await sweepLeftovers(systemClock, registryDir);
    expect(swept).toMatchObject([{ workDir, killed: [], folder: 'removed' }]);
    expect(identify(stranger.pid)).not.toBeNull();
  });

  it('never include a folder that is not marked as ours', async () => {
    const workDir = workFolder('precious', false);
    enter({ owner: await formerOwner(), workDir });
    expect(await sweepLeftovers(systemClock, registryDir)).toMatchObject([{ folder: 'kept' }]);
    expect(existsSync(join(workDir, 'kafka'))).toBe(true);
    expect(registrations(registryDir)).toEqual([]);
  });

  it('of one run are reported in one line, with its folder', async () => {
    const owner = await formerOwner();
    const run = workFolder('run', false);
    writeFileSync(join(run, 'record.json'), '{}');
    writeFileSync(join(run, 'record.json.4711.tmp'), '{');
    writeFileSync(join(run, 'kafka', 'facts.parquet.partial'), 'PAR');
    enter({ owner, workDir: workFolder('work', true), run });
    enter({ owner, workDir: join(dir, 'stack, which the watchdog has removed') });
    const swept = await sweepLeftovers(systemClock, registryDir);
    expect(sweptLines(swept)).toEqual([
      `the run ${run} was killed (process ${owner.pid}): removed ${join(dir, 'work')}`,
    ]);
    expect(readdirSync(run, { recursive: true }).sort()).toEqual(['kafka', 'record.json']);
    expect(await sweepLeftovers(systemClock, registryDir)).toEqual([]);

    enter({ owner, workDir: join(dir, 'gone'), run });
    expect(sweptLines(await sweepLeftovers(systemClock, registryDir))).toEqual([
      `the run ${run} was killed (process ${owner.pid}): its servers had ended and its data was removed`,
    ]);
  });
});

describe('the registry', () => {
  it('counts the ports of live stacks, our own entry and dead ones apart', async () => {
    const live = enter({ owner: identify(process.pid)!, workDir: dir });
    enter({ owner: await formerOwner(), workDir: dir });
    expect([...claimedPorts(registryDir)]).toEqual([20_001]);
    expect([...claimedPorts(registryDir, live.path)]).toEqual([]);
  });

  it('names another run once, however much it has on record, and never this one', async () => {
    const other = identify(aProcess().pid)!;
    enter({ owner: other, workDir: dir });
    enter({ owner: other, workDir: dir });
    enter({ owner: identify(process.pid)!, workDir: dir });
    enter({ owner: await formerOwner(), workDir: dir });
    expect(otherOwners(registryDir)).toEqual([other.pid]);
  });

  it('passes over files that are not registrations', () => {
    newEntry(registryDir);
    writeFileSync(join(registryDir, 'other.json'), '{"version": 9}');
    writeFileSync(join(registryDir, 'torn.json'), '{"vers');
    expect(registrations(registryDir)).toEqual([]);
  });

  it('follows XDG, and ignores a relative folder as its specification says', () => {
    const xdg = defaultRegistryDir({ XDG_STATE_HOME: '/state' });
    expect(xdg).toBe('/state/doorbuster/stacks');
    expect(defaultRegistryDir({ XDG_STATE_HOME: 'state' })).toMatch(/\/\.local\/state\//);
  });
});
