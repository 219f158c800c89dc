import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { DoorbusterError } from '../../src/core/errors.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { findEngine } from '../../src/harness/stack/containers.ts';
import { imageTags } from '../../src/harness/stack/images.ts';
import {
  defaultRegistryDir,
  killGroup,
  registrations,
  sweepLeftovers,
} from '../../src/harness/stack/registry.ts';
import { SESSION_LABEL } from '../../src/harness/stack/session.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { watchdogsOf } from '../support/processes.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, stackOwners, startStack, until } from './support/stacks.ts';

/** What is different with containers; `stack.test.ts` is for what is not. */
const folder = ownFolders('containers');

describe.skipIf(runtime.kind !== 'containers')('servers in containers', () => {
  /** What other runs on this machine have there is none of a test's business. */
  let others: readonly string[] = [];
  beforeAll(async () => {
    others = await all();
  });

  /** Names of all that a test's sessions have left with the engine. */
  async function left(): Promise<readonly string[]> {
    return (await all()).filter((name) => !others.includes(name));
  }

  async function all(): Promise<readonly string[]> {
    const { default: Docker } = await import('dockerode');
    const docker = new Docker();
    const filters = JSON.stringify({ label: [SESSION_LABEL] });
    const containers = await docker.listContainers({ all: true, filters });
    const networks = await docker.listNetworks({ filters });
    const { Volumes } = await docker.listVolumes({ filters });
    return [
      ...containers.flatMap(({ Names }) => Names),
      ...networks.map(({ Name }) => Name),
      ...(Volumes ?? []).map(({ Name }) => Name),
    ];
  }

  it('are bounded in memory, healthy, and not root', async () => {
    const { default: Docker } = await import('dockerode');
    const docker = new Docker();
    await using _stack = await startStack({ runDir: folder() });
    const filters = JSON.stringify({ label: [SESSION_LABEL] });
    const running = (await docker.listContainers({ filters })).filter(
      ({ Names }) => !others.includes(Names[0] as string),
    );
    expect(running).toHaveLength(6);
    for (const { Id, Names } of running) {
      const { HostConfig, Config } = await docker.getContainer(Id).inspect();
      expect(HostConfig.Memory, Names[0]).toBeGreaterThan(0);
      expect(Config.User, Names[0]).toBe('doorbuster');
      await until(async () => {
        const { State } = await docker.getContainer(Id).inspect();
        return State.Health?.Status === 'healthy';
      }, 60_000);
    }
  });

  it('that one takes with it are named, and all of them go', async () => {
    const runDir = folder();
    const stack: Stack = await startStack({ runDir });
    const victim = stack.processes().find(({ server }) => server === 'flink-taskmanager');
    expect(victim).toBeDefined();
    process.kill(victim?.pid as number, 'SIGKILL');
    await until(() => stack.broken.aborted, 15_000);
    const error = stack.broken.reason as DoorbusterError;
    expect(error.exitCode).toBe(EXIT.stackBroke);
    expect(error.message).toMatch(/^flink-taskmanager died unasked \(killed by SIGKILL\)/);
    await stack.stop();
    expect(await left()).toEqual([]);
    expect(readdirSync(runDir)).toEqual(['logs']);
  });

  it('leave nothing when the start is interrupted', async () => {
    const runDir = folder();
    const interrupt = new AbortController();
    const reason = new Error('Ctrl-C');
    const started = startStack({
      runDir,
      signal: interrupt.signal,
      onProgress: (_, state) => state === 'ready' && interrupt.abort(reason),
    });
    await expect(started).rejects.toBe(reason);
    expect(await left()).toEqual([]);
    expect(registrations(defaultRegistryDir())).toEqual([]);
  });

  it('go elsewhere when a port is taken in the last moment', async () => {
    const thieves: ReturnType<typeof createServer>[] = [];
    const runDir = folder();
    const starting = startStack({ runDir });
    await until(
      () =>
        registrations(defaultRegistryDir()).some(
          ({ registration }) => registration.ports.length > 0,
        ),
      60_000,
    );
    const [entry] = registrations(defaultRegistryDir());
    const stolen = entry?.registration.ports[0] as number;
    const thief = createServer((socket) => socket.destroy());
    thief.listen({ host: '127.0.0.1', port: stolen });
    await once(thief, 'listening');
    thieves.push(thief);
    try {
      await using stack = await starting;
      expect(stack.endpoints.kafka.brokers).not.toContain(`127.0.0.1:${stolen}`);
    } finally {
      for (const one of thieves) one.close();
    }
    expect(await left()).toEqual([]);
  });

  it('whose image does not build are one clear error', async () => {
    process.env.DOORBUSTER_BASE_IMAGE = 'localhost:1/no/such:image';
    try {
      await expect(startStack({ runDir: folder() })).rejects.toMatchObject({
        exitCode: EXIT.stackBroke,
        message: expect.stringMatching(/^the image of kafka could not be built: ./),
      });
    } finally {
      delete process.env.DOORBUSTER_BASE_IMAGE;
    }
    expect(await left()).toEqual([]);
  });

  it('are told when one needs more memory than it may have', async () => {
    const engine = await findEngine();
    const name = 'doorbuster-greedy';
    const labels = { [SESSION_LABEL]: name };
    await engine.createNetwork(name, labels);
    await engine.createVolume(name, labels);
    try {
      const greedy = await engine.run({
        name,
        image: imageTags(readLock()).minio,
        command: ['tail', '/dev/zero'],
        environment: {},
        labels,
        network: { name, alias: name },
        publish: { host: '127.0.0.1', ports: [] },
        volume: { name, at: '/work' },
        memoryMiB: 16,
        cpuShares: 110,
      });
      expect(await greedy.exited).toEqual({ code: 137, outOfMemory: true });
    } finally {
      await engine.sweep(`${SESSION_LABEL}=${name}`);
    }
    expect(await left()).toEqual([]);
  });

  describe('of a killed owner', () => {
    const owner = stackOwners();

    it('are removed by its watchdog', async () => {
      const runDir = folder();
      const child = await owner(runDir);
      expect(await left()).not.toEqual([]);
      killGroup(child.pid as number, 'SIGKILL');
      await once(child, 'exit');
      await until(async () => (await left()).length === 0, 30_000);
      const swept = await sweepLeftovers(clock);
      expect(swept).toMatchObject([{ containers: [], folder: 'gone' }]);
      expect(existsSync(join(runDir, 'work'))).toBe(false);
    });

    it('are removed by the next start when the watchdog was killed as well', async () => {
      const runDir = folder();
      const child = await owner(runDir);
      const watchdogs = watchdogsOf(child.pid as number);
      expect(watchdogs).toHaveLength(1);
      killGroup(watchdogs[0] as number, 'SIGKILL');
      killGroup(child.pid as number, 'SIGKILL');
      await once(child, 'exit');
      expect(await left()).not.toEqual([]);
      const [swept] = await sweepLeftovers(clock);
      expect(swept?.containers?.length).toBeGreaterThan(0);
      expect(await left()).toEqual([]);
    });
  });
});
