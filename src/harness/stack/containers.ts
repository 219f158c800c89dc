import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { badInput, stackBroke } from '../../core/errors.ts';
import type { ContainerEngine, RunningContainer } from '../clients/container-engine.ts';
import { defaultCacheDir } from '../setup/cache.ts';
import { readLock, type StackLock } from '../setup/lock.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import type { Command, Image } from './components/component.ts';
import { COMPONENTS } from './components/components.ts';
import { fromImage } from './fetch-from-image.ts';
import { buildImages, filesInImages, type ImageTags, imageTags } from './images.ts';
import { healthCheck, insideContainers, serverEnvironment, WORK } from './inside-containers.ts';
import { PersistedServers, persistedPath } from './persisted-stack.ts';
import { HOST, type Plan } from './plan.ts';
import { sweepLeftovers } from './registry.ts';
import { ResourceLease } from './resource-lease.ts';
import type { RuntimeHost } from './runtime-host.ts';
import type { Exit, Launched } from './server.ts';
import { engineHere, SESSION_LABEL, sweepSession } from './session.ts';
import type { Runtime, ServerName, StackOptions } from './stack.ts';
import { attachSupervised, startSupervised } from './supervised.ts';

/** A folder inside each container, for files that are not server data. */
const SCRATCH = '/tmp';

/** CPU weight of niceness 10, relative to 1024 for niceness 0: the harness goes first here too (ADR 7). */
const CPU_SHARES = 110;

/** Runs each server in a container. */
export const containers: Runtime & { readonly kind: 'containers' } = {
  kind: 'containers',
  artifactSource: async () => ({
    servers: filesInImages(readLock()),
    fetch: fromImage(await findEngine()),
  }),
  dataDir: async () => (await findEngine()).dataDir,
  async start(options) {
    options.signal.throwIfAborted();
    await sweepLeftovers(options.clock);
    const engine = await findEngine();
    const lock = readLock();
    const building = { engine, lock, cacheDir: defaultCacheDir(), signal: options.signal };
    const imagesOf = (images: readonly Image[]) =>
      buildImages(images, building, (image) => options.onBuilding?.(image));
    const ofServers = options.servers.map((server) => COMPONENTS[server].image);
    const images = await imagesOf([...new Set(ofServers), ...(options.auxiliary ?? [])]);
    return startSupervised('containers', options, (again) =>
      openSession({ engine, lock, images }, again),
    );
  },
  async attach(kept, options) {
    const engine = await findEngine();
    const { plan, session = '' } = kept;
    const images = { ...imageTags(readLock()), ...kept.images };
    const host = containerHost({ engine, images, session, plan, logDir: join(kept.home, 'logs') });
    const running = new Map<ServerName, Launched>();
    for (const server of plan.servers) {
      const found = await host.find(server, options.clock.nowMs());
      if (found !== null) running.set(server, found);
    }
    return attachSupervised(kept, options, {
      ...host,
      running,
      leasePath: persistedPath(kept.name),
      takePorts: () => {},
      attachInfo: () => ({ session, images, servers: [] }),
      detach: () => {},
      async remove() {
        await sweepSession(session, engine);
        await new PersistedServers(kept).remove();
      },
    });
  },
};

/** The container engine of this machine. Throws DoorbusterError (exit 2) when none answers. */
export async function findEngine(): Promise<ContainerEngine> {
  try {
    return await engineHere();
  } catch (cause) {
    throw badInput(
      `no container engine answers: ${(cause as Error).message}`,
      'docker info   # shows the cause; or set stack.runtime: processes, which needs no engine',
    );
  }
}

/** Creates a network and a volume with a label, by which everything of the session is found again. */
async function openSession(
  {
    engine,
    lock,
    images,
  }: {
    readonly engine: ContainerEngine;
    readonly lock: StackLock;
    readonly images: ImageTags;
  },
  { runDir, ...options }: StackOptions,
): Promise<RuntimeHost> {
  const session = `doorbuster-${randomUUID().slice(0, 8)}`;
  const labels = { [SESSION_LABEL]: session };
  const logDir = join(resolve(runDir), 'logs');
  await mkdir(logDir, { recursive: true });
  const lease = await ResourceLease.open(resolve(options.workDir), { session });
  const remove = async () => {
    await sweepSession(session, engine);
    await lease.remove();
  };
  try {
    await engine.createNetwork(session, labels);
    await engine.createVolume(session, labels);
  } catch (cause) {
    await remove();
    throw stackBroke(
      `the engine created no network and volume: ${(cause as Error).message}`,
      'docker info',
      cause,
    );
  }
  return {
    ...containerHost({ engine, images, session, plan: insideContainers(lock), logDir }),
    leasePath: lease.path,
    takePorts: (ports) => lease.takePorts(ports),
    attachInfo: () => ({ session, images, servers: [] }),
    detach: () => lease.detach(),
    remove,
  };
}

interface SessionHost
  extends Pick<RuntimeHost, 'plan' | 'writeFiles' | 'launch' | 'launchAuxiliary' | 'ended'> {
  /** The running container of a server; null if there is none. */
  find(server: ServerName, sinceMs: number): Promise<Launched | null>;
}

/** The containers of one session. */
function containerHost({
  engine,
  images,
  session,
  logDir,
  ...its
}: {
  readonly engine: ContainerEngine;
  readonly images: ImageTags;
  readonly session: string;
  /** Folder on this machine for the containers' output. */
  readonly logDir: string;
  readonly plan: RuntimeHost['plan'] | Plan;
}): SessionHost {
  const labels = { [SESSION_LABEL]: session };
  let plan = 'ports' in its.plan ? its.plan : undefined;
  const started = new Map<Launched, () => Promise<void>>();

  const taken = (container: RunningContainer): Launched => {
    const launched = asLaunched(container);
    started.set(launched, container.remove);
    return launched;
  };

  const run = async (server: ServerName, command: Command, log?: string) => {
    const service = COMPONENTS[server];
    const drawn = plan as Plan;
    return engine.run({
      name: log === undefined ? `${session}-${server}-prepare` : `${session}-${server}`,
      image: images[service.image],
      command: [command.program, ...command.args],
      environment: serverEnvironment(command),
      labels: { ...labels, 'io.doorbuster.server': server },
      // Only the server itself gets its network name, not its preparation.
      network: { name: session, alias: log === undefined ? `${server}-prepare` : server },
      publish: {
        host: HOST,
        ports: log === undefined ? [] : service.ports.map((name) => drawn.ports[name]),
      },
      volume: { name: session, at: WORK },
      memoryMiB: service.memoryMiB,
      cpuShares: CPU_SHARES,
      ...(log === undefined ? {} : { healthy: healthCheck(server, drawn), log }),
    });
  };

  return {
    plan: its.plan,

    async find(server, sinceMs) {
      const found = await engine.find(`${session}-${server}`, {
        log: join(logDir, `${server}.log`),
        sinceMs,
      });
      return found && taken(found);
    },

    async writeFiles(drawn) {
      plan = drawn;
      const dirs = drawn.servers.flatMap((server) => COMPONENTS[server].dirs(drawn));
      const files = Object.assign(
        {},
        ...drawn.servers.map((server) => COMPONENTS[server].files(drawn)),
      );
      const laying = await engine.run({
        name: `${session}-lay`,
        image: images.minio,
        user: 'root',
        command: [
          'sh',
          '-c',
          `mkdir -p ${[`${WORK}/tmp`, ...dirs].join(' ')} && chown -R doorbuster: ${WORK}`,
        ],
        environment: {},
        labels,
        network: { name: session, alias: 'lay' },
        publish: { host: HOST, ports: [] },
        volume: { name: session, at: WORK },
        files,
        memoryMiB: 64,
        cpuShares: CPU_SHARES,
      });
      const { code } = await laying.exited;
      await laying.remove();
      if (code !== 0) throw new Error(`the volume could not be prepared: ${laying.printed()}`);
    },

    async launch(server, command, capture) {
      const log = capture ? undefined : join(logDir, `${server}.log`);
      return taken(await run(server, command, log).catch((cause) => notStarted(server, cause)));
    },

    launchAuxiliary: (program) => launchAuxiliary({ engine, images, session }, program),

    async ended(launched) {
      await started.get(launched)?.();
      started.delete(launched);
    },
  };
}

/** Starts a program in its own container with its own lease: it ends with this process, independent of the servers. */
async function launchAuxiliary(
  {
    engine,
    images,
    session,
  }: { readonly engine: ContainerEngine; readonly images: ImageTags; readonly session: string },
  { name, memoryMiB, log, onLine, files, command }: AuxiliaryProcess,
): Promise<Launched> {
  const own = `${session}-${name}`;
  const lease = await ResourceLease.open(
    await mkdtemp(join(temporaryDir(), `doorbuster-${name}-`)),
    {
      session: own,
    },
  );
  const { program, args, env } = command({
    ...{ java: 'java', artifacts: filesInImages(readLock()), dir: SCRATCH, internal: true },
  });
  try {
    // The image exists since the start of the stack, unless its use was not known then.
    if (!(await engine.hasImage(images[name]))) {
      const { signal } = new AbortController();
      const building = { engine, lock: readLock(), cacheDir: defaultCacheDir(), signal };
      await buildImages([name], building, () => {});
    }
    const container = await engine.run({
      name: own,
      image: images[name],
      command: [program, ...args],
      environment: serverEnvironment({ program, args, env }),
      labels: { [SESSION_LABEL]: own, 'io.doorbuster.server': name },
      network: { name: session, alias: name },
      publish: { host: HOST, ports: [] },
      volume: { name: session, at: WORK },
      files: Object.fromEntries(
        Object.entries(files({ internal: true })).map(([file, text]) => [
          join(SCRATCH, file),
          text,
        ]),
      ),
      memoryMiB,
      cpuShares: CPU_SHARES,
      log,
      onLine,
    });
    const launched = asLaunched(container);
    const exited = launched.exited.then(async (exit) => {
      await container.remove();
      await lease.remove();
      return exit;
    });
    return { ...launched, exited };
  } catch (cause) {
    await sweepSession(own, engine);
    await lease.remove();
    return notStarted(name, cause);
  }
}

function asLaunched(container: RunningContainer): Launched {
  return {
    pid: container.pid,
    exited: container.exited.then(asExit),
    printed: container.printed,
    kill: (signal) => void container.kill(signal),
    pause: container.pause,
    resume: container.unpause,
  };
}

function notStarted(name: string, cause: unknown): never {
  const why = (cause as Error).message;
  throw stackBroke(`the container of ${name} did not start: ${why}`, 'docker ps -a', cause);
}

/** Exit codes above 128 mean a signal, as in a shell. */
function asExit({ code, outOfMemory }: Awaited<RunningContainer['exited']>): Exit {
  if (code === 137) return { code: null, signal: 'SIGKILL', outOfMemory };
  if (code === 143) return { code: null, signal: 'SIGTERM' };
  return { code, signal: null };
}
