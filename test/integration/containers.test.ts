import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { DoorbusterError } from '../../src/core/errors.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { lockedArtifact, readLock } from '../../src/harness/setup/lock.ts';
import { needsOf } from '../../src/harness/setup/needs.ts';
import { parseOwner, readClaim } from '../../src/harness/setup/owner.ts';
import { provision } from '../../src/harness/setup/provision.ts';
import { verifyDeep } from '../../src/harness/setup/verify.ts';
import { CLASS_VOLUME } from '../../src/harness/stack/class-volume.ts';
import { findEngine } from '../../src/harness/stack/containers.ts';
import { imageTags } from '../../src/harness/stack/images.ts';
import {
  defaultRegistryDir,
  killGroup,
  registrations,
  sweepLeftovers,
} from '../../src/harness/stack/registry.ts';
import { runtimeFor } from '../../src/harness/stack/runtimes.ts';
import { SESSION_LABEL } from '../../src/harness/stack/session.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { watchdogsOf } from '../support/processes.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, stackOwners, startStack, USUAL_SERVERS, until } from './support/stacks.ts';

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

  /** Contexts that a build of this process has left. */
  const halfBuilt = () => {
    const partials = join(defaultCacheDir(), '.partial');
    return readdirSync(partials).filter(
      (name) => parseOwner(readClaim(join(partials, name)) ?? '')?.pid === process.pid,
    );
  };

  describe('that run', () => {
    let dir: string;
    let stack: Stack;
    beforeAll(async () => {
      dir = folder();
      stack = await startStack({ runDir: dir, beside: ['spark'] });
    });
    afterAll(() => stack?.stop());

    it('are bounded in memory, healthy, and not root', async () => {
      const { default: Docker } = await import('dockerode');
      const docker = new Docker();
      const filters = JSON.stringify({ label: [SESSION_LABEL] });
      const running = (await docker.listContainers({ filters })).filter(
        ({ Names }) => !others.includes(Names[0] as string),
      );
      expect(running).toHaveLength(USUAL_SERVERS.length);
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

    it('are joined by a program in a container of its own, which goes when it is killed', async () => {
      const servers = await left();
      const lines: string[] = [];
      const launched = await stack.launch({
        name: 'spark',
        memoryMiB: 256,
        files: () => ({ 'said.txt': 'as it was put there' }),
        command: ({ dir }) => ({
          program: 'sh',
          args: ['-c', `cat ${dir}/said.txt; echo; echo aside >&2; sleep 600`],
          env: {},
        }),
        onLine: (line) => lines.push(line),
        log: join(folder(), 'beside.log'),
      });
      await until(() => lines.length > 0, 10_000);
      expect(lines).toEqual(['as it was put there']);
      expect((await left()).filter((name) => !servers.includes(name))).toHaveLength(1);
      expect(launched.pid).toBeGreaterThan(0);
      launched.kill('SIGKILL');
      expect(await launched.exited).toMatchObject({ signal: 'SIGKILL' });
      expect(await left()).toEqual(servers);
    });

    it('are named when one exits, and all of them end, an auxiliary program too', async () => {
      await stack.launch({
        name: 'spark',
        memoryMiB: 256,
        files: () => ({}),
        command: () => ({ program: 'sleep', args: ['600'], env: {} }),
        onLine: () => {},
        log: join(folder(), 'beside.log'),
      });
      const victim = stack.processes().find(({ server }) => server === 'flink-taskmanager');
      expect(victim).toBeDefined();
      process.kill(victim?.pid as number, 'SIGKILL');
      await until(() => stack.broken.aborted, 15_000);
      const error = stack.broken.reason as DoorbusterError;
      expect(error.exitCode).toBe(EXIT.stackBroke);
      expect(error.message).toMatch(/^flink-taskmanager exited unexpectedly \(killed by SIGKILL\)/);
      await stack.stop();
      expect(await left()).toEqual([]);
      expect(readdirSync(dir)).toEqual(['logs']);
      expect(registrations(defaultRegistryDir())).toEqual([]);
    });
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

  it('whose image fails in a step have the output of that step', async () => {
    // An image of ours is run by a user who may not install anything.
    process.env.DOORBUSTER_BASE_IMAGE = imageTags(readLock()).minio;
    try {
      await expect(startStack({ runDir: folder() })).rejects.toMatchObject({
        exitCode: EXIT.stackBroke,
        message: expect.stringMatching(
          /^the image of kafka could not be built: [\s\S]*ermission denied/,
        ),
        hint: expect.stringContaining('docker build'),
      });
    } finally {
      delete process.env.DOORBUSTER_BASE_IMAGE;
    }
    expect(await left()).toEqual([]);
    expect(halfBuilt()).toEqual([]);
  });

  it('whose start is interrupted while an image is built leave nothing half built', async () => {
    const { default: Docker } = await import('dockerode');
    const docker = new Docker();
    // Another name for the base is another name for every image.
    const base = 'doorbuster-test-base:1';
    await docker.getImage('debian:trixie-slim').tag({ repo: 'doorbuster-test-base', tag: '1' });
    process.env.DOORBUSTER_BASE_IMAGE = base;
    const interrupt = new AbortController();
    const reason = new Error('Ctrl-C');
    try {
      const started = startStack({
        runDir: folder(),
        signal: interrupt.signal,
        onBuilding: () => void setTimeout(() => interrupt.abort(reason), 500),
      });
      await expect(started).rejects.toBe(reason);
      await expect(docker.getImage(imageTags(readLock()).kafka).inspect()).rejects.toThrow();
    } finally {
      delete process.env.DOORBUSTER_BASE_IMAGE;
      await docker.getImage(base).remove();
    }
    expect(await left()).toEqual([]);
    expect(halfBuilt()).toEqual([]);
  });

  it('leave it to an image to bring what the harness loads', async () => {
    const cacheDir = folder();
    const events: string[] = [];
    const artifacts = await provision({
      cacheDir,
      clock,
      signal: new AbortController().signal,
      mayInstall: false,
      onProgress: ({ artifact, state }) => events.push(`${artifact} ${state}`),
      onLine: () => {},
      needs: needsOf(readLock(), { servers: 'containers', observes: true, programs: ['spark'] }),
      ...(await runtime.artifactSource()),
    });
    expect(new Set(events)).toEqual(
      new Set(['duckdb-extensions working', 'duckdb-extensions done']),
    );
    expect(Object.values(artifacts.duckdbExtensions).every((path) => existsSync(path))).toBe(true);
    const extensions = lockedArtifact(readLock(), 'duckdb-extensions');
    expect(await verifyDeep(cacheDir, extensions, new AbortController().signal)).toEqual([]);
    expect(readdirSync(cacheDir).filter((name) => !name.startsWith('.'))).toEqual([
      'duckdb-extensions',
    ]);
    expect(await left()).toEqual([]);
  }, 900_000);

  it('are the result of auto if an engine answers', async () => {
    vi.stubEnv('DOORBUSTER_RUNTIME', '');
    try {
      expect(await runtimeFor('auto')).toBe('containers');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('use the engine that was named, and no other', async () => {
    const elsewhere = folder();
    const socket = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(
      'unix://',
      '',
    );
    symlinkSync(socket, join(elsewhere, 'docker.sock'));
    const args = ['run', 'scenarios/quick.yaml', '--set', 'stack.runtime=containers'];
    const refused = promisify(execFile)(process.execPath, ['bin/doorbuster.js', ...args], {
      cwd: packageRoot,
      // The library's default socket, if no engine listens on the named one.
      env: {
        ...process.env,
        ...{ XDG_RUNTIME_DIR: elsewhere, DOCKER_HOST: 'unix:///nowhere/docker.sock' },
      },
    });
    await expect(refused).rejects.toMatchObject({
      code: EXIT.badInput,
      stderr: expect.stringMatching(
        /no engine listens at DOCKER_HOST, .*nowhere.* \(there is one at /,
      ),
    });
  });

  it('leave their classes to those of the next run, in a volume that outlives them', async () => {
    const engine = await findEngine();
    const archives = { name: CLASS_VOLUME, at: '/class-archives' };
    const image = imageTags(readLock()).kafka;
    // Without its image there is no archive that fits.
    if (await engine.hasImage(image)) {
      const name = `doorbuster-forget-${process.pid}`;
      const labels = { [SESSION_LABEL]: name };
      await engine.createNetwork(name, labels);
      await engine.createVolume(archives.name, {});
      const forget = await engine.run({
        ...{ name, labels, image, user: 'root', environment: {}, volumes: [archives] },
        ...{ command: ['sh', '-c', `rm -f ${archives.at}/kafka-*`] },
        ...{ network: { name, alias: 'forget' } },
        ...{ publish: { host: '127.0.0.1', ports: [] }, memoryMiB: 64, cpuShares: 110 },
      });
      expect(await forget.exited).toMatchObject({ code: 0 });
      await engine.sweep(`${SESSION_LABEL}=${name}`);
    }

    // What the runtime says of it, and what the process itself has mapped.
    const start = async () => {
      const stack = await startStack({ runDir: folder(), servers: ['kafka'] });
      const maps = readFileSync(`/proc/${stack.processes()[0]?.pid}/maps`, 'utf8');
      const mapped = maps.includes(`${archives.at}/kafka-`);
      return { stack, found: { said: stack.classArchives(), mapped } };
    };
    const first = await start();
    await first.stack.stop({ keepClasses: true });
    expect(first.found).toEqual({ said: { kafka: false }, mapped: false });
    const second = await start();
    await second.stack.stop();
    expect(second.found).toEqual({ said: { kafka: true }, mapped: true });
    expect(await left()).toEqual([]);
  });

  it('whose end two hear of at once leave their name free for both', async () => {
    const engine = await findEngine();
    const name = `doorbuster-twice-${process.pid}`;
    const labels = { [SESSION_LABEL]: name };
    await engine.createNetwork(name, labels);
    await engine.createVolume(name, labels);
    try {
      for (let round = 0; round < 5; round++) {
        const started = () =>
          engine.run({
            ...{ name, labels, image: imageTags(readLock()).minio, command: ['sleep', '60'] },
            ...{
              environment: {},
              network: { name, alias: 'twice' },
              volumes: [{ name, at: '/work' }],
            },
            ...{ publish: { host: '127.0.0.1', ports: [] }, memoryMiB: 64, cpuShares: 2 },
          });
        const holders = [await started()];
        const log = join(folder(), 'log');
        for (let more = 0; more < 2; more++) {
          const found = await engine.find(name, { log, sinceMs: clock.nowMs() });
          if (found !== null) holders.push(found);
        }
        expect(holders).toHaveLength(3);
        const removals = holders.map((holder) => holder.remove());
        // The last to ask is the one that is refused.
        await removals.at(-1);
        const again = await started();
        await Promise.all(removals);
        await again.remove();
      }
    } finally {
      await engine.sweep(`${SESSION_LABEL}=${name}`);
    }
    expect(await left()).toEqual([]);
  });

  it('report a server that exceeds its memory limit', async () => {
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
        volumes: [{ name, at: '/work' }],
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
