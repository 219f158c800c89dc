import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { badInput, stackBroke } from '../../core/errors.ts';
import type { ContainerEngine, RunningContainer } from '../clients/container-engine.ts';
import { defaultCacheDir } from '../setup/cache.ts';
import { readLock, type StackLock } from '../setup/lock.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import { type ArchivedCommand, classesOf, withClassArchive } from './class-archives.ts';
import { CLASS_VOLUME, CLASSES_TO_READ, CLASSES_TO_WRITE, ClassVolume } from './class-volume.ts';
import type { Command, Image } from './components/component.ts';
import { COMPONENTS } from './components/components.ts';
import { fromImage } from './fetch-from-image.ts';
import { buildImages, filesInImages, hasImage, type ImageTags, imageTags } from './images.ts';
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
    const ofPrograms = (options.auxiliary ?? []).filter(hasImage);
    const images = await imagesOf([...new Set(ofServers), ...ofPrograms]);
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
    // Without the label of a session: it outlives all of them.
    await engine.createVolume(CLASS_VOLUME, {});
  } catch (cause) {
    await remove();
    throw stackBroke(
      `the engine created no network and volume: ${(cause as Error).message}`,
      'docker info',
      cause,
    );
  }
  const classes = {
    volume: new ClassVolume(`${WORK}/tmp`),
    restarted: options.restarted ?? [],
  };
  const host = containerHost({
    engine,
    images,
    session,
    plan: insideContainers(lock),
    logDir,
    classes,
  });
  return {
    ...host,
    leasePath: lease.path,
    takePorts: (ports) => lease.takePorts(ports),
    attachInfo: () => ({ session, images, servers: [] }),
    detach: () => lease.detach(),
    async remove() {
      await classes.volume.store(host.shell);
      await remove();
    },
  };
}

interface SessionHost
  extends Pick<RuntimeHost, 'plan' | 'writeFiles' | 'launch' | 'launchAuxiliary' | 'ended'> {
  /** Runs a shell script as root, with the volumes of the session and of the class archives. Gives what it printed. */
  shell(script: string, files?: Readonly<Record<string, string>>): Promise<string>;
  /** The running container of a server; null if there is none. */
  find(server: ServerName, sinceMs: number): Promise<Launched | null>;
}

/** The class archives of servers that are started here. */
interface Classes {
  readonly volume: ClassVolume;
  /** Servers that a fault will restart: they must not write their archive then, during the measurement. */
  readonly restarted: readonly ServerName[];
}

/** The containers of one session. */
function containerHost({
  engine,
  images,
  session,
  logDir,
  classes,
  ...its
}: {
  readonly engine: ContainerEngine;
  readonly images: ImageTags;
  readonly session: string;
  /** Folder on this machine for the containers' output. */
  readonly logDir: string;
  readonly plan: RuntimeHost['plan'] | Plan;
  readonly classes?: Classes;
}): SessionHost {
  const labels = { [SESSION_LABEL]: session };
  let plan = 'ports' in its.plan ? its.plan : undefined;
  const started = new Map<Launched, () => Promise<void>>();

  const taken = (container: RunningContainer, archived?: ArchivedCommand): Launched => {
    const launched = { ...asLaunched(container), ...classesOf(archived) };
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
      volumes: [{ name: session, at: WORK }, CLASSES_TO_READ],
      memoryMiB: service.memoryMiB,
      cpuShares: CPU_SHARES,
      ...(log === undefined ? {} : { healthy: healthCheck(server, drawn), log }),
    });
  };

  const shell = async (script: string, files: Readonly<Record<string, string>> = {}) => {
    const container = await engine.run({
      name: `${session}-shell`,
      // Whichever is there: each of them has a shell.
      image: images[COMPONENTS[(plan as Plan).servers[0] as ServerName].image],
      user: 'root',
      command: ['sh', '-c', script],
      environment: {},
      labels,
      network: { name: session, alias: 'shell' },
      publish: { host: HOST, ports: [] },
      volumes: [{ name: session, at: WORK }, CLASSES_TO_WRITE],
      files,
      memoryMiB: 64,
      cpuShares: CPU_SHARES,
    });
    const { code } = await container.exited;
    await container.remove();
    if (code !== 0) throw new Error(`the volume could not be prepared: ${container.printed()}`);
    return container.printed();
  };

  const archivedOf = async (server: ServerName, command: Command) => {
    if (classes === undefined) return undefined;
    const store = classes.volume.storeOf(await engine.imageId(images[COMPONENTS[server].image]));
    return withClassArchive(server, command, store, !classes.restarted.includes(server));
  };

  return {
    plan: its.plan,
    shell,

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
      const made = `mkdir -p ${[`${WORK}/tmp`, ...dirs].join(' ')} && chown -R doorbuster: ${WORK}`;
      // One container for both: to start one takes most of a second.
      const laid = (script: string) => shell(`${made} && ${script}`, files);
      await (classes === undefined ? laid('true') : classes.volume.look(laid));
    },

    async launch(server, command, capture) {
      const log = capture ? undefined : join(logDir, `${server}.log`);
      const archived = capture ? undefined : await archivedOf(server, command);
      const container = await run(server, archived?.command ?? command, log).catch((cause) =>
        notStarted(server, cause),
      );
      return taken(container, archived);
    },

    launchAuxiliary: (program) => launchAuxiliary({ engine, images, session, classes }, program),

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
    classes,
  }: {
    readonly engine: ContainerEngine;
    readonly images: ImageTags;
    readonly session: string;
    readonly classes: Classes | undefined;
  },
  program: AuxiliaryProcess,
): Promise<Launched> {
  const { name, memoryMiB, log, onLine, files, command } = program;
  if (!hasImage(name)) {
    throw badInput(
      `${name} has no image, so it does not run next to servers in containers`,
      'run with --set stack.runtime=processes',
    );
  }
  const { ports = [], untilKilled = false } = program;
  // Several may run at a time.
  const own = `${session}-${name}-${randomUUID().slice(0, 4)}`;
  const lease = await ResourceLease.open(
    await mkdtemp(join(temporaryDir(), `doorbuster-${name}-`)),
    {
      session: own,
    },
  );
  const plain = command({
    ...{ java: 'java', artifacts: filesInImages(readLock()), dir: SCRATCH, internal: true },
  });
  try {
    lease.takePorts(ports);
    // The image exists since the start of the stack, unless its use was not known then.
    if (!(await engine.hasImage(images[name]))) {
      const { signal } = new AbortController();
      const building = { engine, lock: readLock(), cacheDir: defaultCacheDir(), signal };
      await buildImages([name], building, () => {});
    }
    const store = classes?.volume.storeOf(await engine.imageId(images[name]));
    const archived = store && withClassArchive(name, plain, store, !untilKilled);
    const { program, args, env } = archived?.command ?? plain;
    const container = await engine.run({
      name: own,
      image: images[name],
      command: [program, ...args],
      environment: serverEnvironment({ program, args, env }),
      labels: { [SESSION_LABEL]: own, 'io.doorbuster.server': name },
      network: { name: session, alias: name },
      publish: { host: HOST, ports },
      volumes: [{ name: session, at: WORK }, CLASSES_TO_READ],
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
      if (exit.code === 0) await archived?.keep();
      await container.remove();
      await lease.remove();
      return exit;
    });
    return { ...launched, ...classesOf(archived), exited };
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
