import { once } from 'node:events';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import type Docker from 'dockerode';
import {
  GenericContainer,
  getContainerRuntimeClient,
  ImageName,
  type WaitStrategy,
} from 'testcontainers';
import { buildImage, type FilesOfImage, type ImageBuild, takeOut } from './image-build.ts';

/** A container engine that answers. */
export interface ContainerEngine {
  /** As it calls itself, with its version. */
  readonly name: string;
  /** The folder of this machine that it keeps images and volumes in; null where that is out of sight. */
  readonly dataDir: string | null;
  hasImage(tag: string): Promise<boolean>;
  /** Pulls an image that is not there, with the user's own login to its registry. */
  pull(tag: string, signal: AbortSignal): Promise<void>;
  build(image: ImageBuild): Promise<void>;
  takeOut(files: FilesOfImage): Promise<void>;
  createNetwork(name: string, labels: Labels): Promise<void>;
  createVolume(name: string, labels: Labels): Promise<void>;
  run(container: ContainerSpec): Promise<RunningContainer>;
  /** A container that somebody else has started, if it runs; what it prints since (epoch ms) goes to `log`. */
  find(
    name: string,
    its: { readonly log: string; readonly sinceMs: number },
  ): Promise<RunningContainer | null>;
  /** Removes every container, network and volume with this label, running or not; gives their names. */
  sweep(label: string): Promise<readonly string[]>;
}

type Labels = Readonly<Record<string, string>>;

/** One container, as it is to be. */
interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** Left out: the image's own. */
  readonly user?: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Labels;
  /** Joined under this name. */
  readonly network: { readonly name: string; readonly alias: string };
  /** Published on this address and under the very numbers that the container listens on. */
  readonly publish: { readonly host: string; readonly ports: readonly number[] };
  readonly volume: { readonly name: string; readonly at: string };
  /** Files put into it before it starts, by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  /** Its weight where cores are short; 1024 is a process of normal niceness. */
  readonly cpuShares: number;
  /** A shell command that fails while it is not healthy. */
  readonly healthy?: string;
  /** File that gets what it prints; left out, it is kept. */
  readonly log?: string;
  /** Told every line of its standard output, which is then left out of the log. */
  readonly onLine?: (line: string) => void;
}

/** A container that was started. */
export interface RunningContainer {
  readonly id: string;
  /** Its first process, in the numbering of this machine if the engine runs here; null where that is unknown. */
  readonly pid: number | null;
  /** Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly outOfMemory: boolean }>;
  /** What it has printed, when there is no log. */
  printed(): string;
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Freezes all of its processes, until `unpause`. Rejects when the engine cannot. */
  pause(): Promise<void>;
  /** Nothing happens when it is not paused, or gone. */
  unpause(): Promise<void>;
  /** It is gone when this resolves, whoever removed it. */
  remove(): Promise<void>;
}

/** How often the engine looks whether a container is healthy. */
const HEALTH_EVERY_MS = 10_000;

/** Readiness is the harness's own to judge: a port that a proxy listens on says nothing. */
const AT_ONCE: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => AT_ONCE,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 60_000,
};

/** The engine's own options that the library has no word for. */
class BoundedContainer extends GenericContainer {
  bounded(spec: ContainerSpec): this {
    const bindings = spec.publish.ports.map((port) => [
      `${port}/tcp`,
      [{ HostIp: spec.publish.host, HostPort: String(port) }],
    ]);
    this.hostConfig.PortBindings = Object.fromEntries(bindings);
    this.createOpts.ExposedPorts = Object.fromEntries(bindings.map(([port]) => [port, {}]));
    this.hostConfig.Memory = spec.memoryMiB * 1024 ** 2;
    // No swap: a server that needs more is to say so.
    this.hostConfig.MemorySwap = this.hostConfig.Memory;
    this.hostConfig.CpuShares = spec.cpuShares;
    return this;
  }
}

/** An engine that takes a connection and says nothing is no engine. */
const ANSWER_WITHIN_MS = 10_000;

/** The engine that answers, and no other than the one that was asked for. Throws what kept it from being found. */
export async function openContainerEngine(): Promise<ContainerEngine> {
  const asked = process.env.DOCKER_HOST;
  const named = asked === undefined ? '' : ` at DOCKER_HOST, ${asked}`;
  const client = await Promise.race([
    getContainerRuntimeClient().catch((cause) => {
      throw asked === undefined ? cause : new Error(`no engine listens${named}`);
    }),
    setTimeout(ANSWER_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Error(`the engine${named} does not answer within ${ANSWER_WITHIN_MS / 1_000} s`);
    }),
  ]);
  const docker = client.container.dockerode;
  // The library goes on to the customary sockets where nobody is at the one that was named.
  const { socketPath } = docker.modem as { readonly socketPath?: string };
  if (asked !== undefined && socketPath !== undefined && new URL(asked).pathname !== socketPath) {
    throw new Error(`no engine listens${named} (there is one at ${socketPath})`);
  }
  const { Version, Platform } = await docker.version();
  const { DockerRootDir } = await docker.info();
  const onThisMachine = !client.info.containerRuntime.remoteSocketPath.startsWith('tcp');

  const follow = async (
    started: Docker.Container,
    printed: Awaited<ReturnType<typeof outputOf>>,
  ): Promise<RunningContainer> => {
    const { id } = started;
    const { State } = await started.inspect();
    const exited = started.wait().then(
      async ({ StatusCode }: { StatusCode: number }) => {
        await printed.end;
        const { State: last } = await started.inspect().catch(() => ({ State: null }));
        return { code: StatusCode, outOfMemory: last?.OOMKilled ?? false };
      },
      () => ({ code: null, outOfMemory: false }),
    );
    return {
      id,
      pid: isHere(State.Pid, id) ? State.Pid : null,
      exited,
      printed: printed.text,
      // One that has ended or is gone is where it was to be.
      kill: (signal) => started.kill({ signal }).then(nothing, nothing),
      pause: () => started.pause(),
      unpause: () => started.unpause().then(nothing, nothing),
      remove: () =>
        started
          .remove({ force: true, v: true })
          // The engine refuses one that another is removing: its name is free only once that is done.
          .catch(() => started.wait({ condition: 'removed' }))
          .then(nothing, nothing),
    };
  };

  return {
    name: `${(Platform as { Name?: string } | undefined)?.Name || 'Docker Engine'} ${Version}`,

    dataDir: onThisMachine && existsSync(DockerRootDir) ? DockerRootDir : null,

    hasImage: (tag) =>
      docker
        .getImage(tag)
        .inspect()
        .then(
          () => true,
          () => false,
        ),

    async pull(tag, signal) {
      const pulled = client.image.pull(ImageName.fromString(tag));
      await Promise.race([pulled, once(signal, 'abort')]);
      signal.throwIfAborted();
    },

    build: (image) => buildImage(docker, image),

    takeOut: (files) => takeOut(docker, files),

    async createNetwork(name, labels) {
      await docker.createNetwork({ Name: name, Labels: { ...labels } });
    },

    async createVolume(name, labels) {
      await docker.createVolume({ Name: name, Labels: { ...labels } });
    },

    async run(spec) {
      const container = new BoundedContainer(spec.image)
        .withName(spec.name)
        .withCommand([...spec.command])
        .withEnvironment({ ...spec.environment })
        .withLabels({ ...spec.labels })
        .withNetworkMode(spec.network.name)
        .withNetworkAliases(spec.network.alias)
        .withBindMounts([{ source: spec.volume.name, target: spec.volume.at }])
        .withCopyContentToContainer(
          Object.entries(spec.files ?? {}).map(([target, content]) => ({ target, content })),
        )
        .withWaitStrategy(AT_ONCE)
        // The library's helper would end a stack that is to stay up, and is one more image to be pulled: what is
        // left after a kill is swept by label.
        .withAutoCleanup(false)
        .bounded(spec);
      if (spec.user !== undefined) container.withUser(spec.user);
      if (spec.healthy !== undefined) {
        container.withHealthCheck({
          test: ['CMD-SHELL', spec.healthy],
          interval: HEALTH_EVERY_MS,
          timeout: HEALTH_EVERY_MS / 2,
          retries: 3,
        });
      }
      const id = (await container.start()).getId();
      const started = docker.getContainer(id);
      return follow(started, await outputOf(started, docker.modem, spec));
    },

    async find(name, { log, sinceMs }) {
      const [found] = await docker.listContainers({
        filters: JSON.stringify({ name: [`^/${name}$`] }),
      });
      if (found === undefined) return null;
      const started = docker.getContainer(found.Id);
      const since = Math.ceil(sinceMs / 1_000);
      return follow(started, await outputOf(started, docker.modem, { log }, since));
    },

    async sweep(label) {
      const swept = new Set<string>();
      // What a killed doorbuster had asked for last may only now come about.
      for (;;) {
        const before = swept.size;
        for (const name of await sweepOnce(docker, label)) swept.add(name);
        if (swept.size === before) return [...swept];
        await setTimeout(SETTLE_MS);
      }
    },
  };
}

const SETTLE_MS = 300;

async function sweepOnce(docker: Docker, label: string): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: [label] });
  const containers = await docker.listContainers({ all: true, filters });
  await Promise.all(
    containers.map(({ Id }) =>
      docker.getContainer(Id).remove({ force: true, v: true }).then(nothing, nothing),
    ),
  );
  const networks = await docker.listNetworks({ filters });
  await Promise.all(
    networks.map(({ Id }) => docker.getNetwork(Id).remove().then(nothing, nothing)),
  );
  const { Volumes } = await docker.listVolumes({ filters });
  await Promise.all(
    (Volumes ?? []).map(({ Name }) => docker.getVolume(Name).remove().then(nothing, nothing)),
  );
  return containers.map(({ Names, Id }) => Names[0]?.replace(/^\//, '') ?? Id);
}

/**
 * Whether this process of this machine is in that container: an engine on another machine, or in a virtual
 * one, has numbers of its own, and here they are somebody else's.
 */
function isHere(pid: number, container: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(container);
  } catch {
    return false;
  }
}

function nothing(): void {}

/** Follows both outputs from the beginning, into a file or memory, or the first of them line by line. */
async function outputOf(
  container: Docker.Container,
  modem: { demuxStream(from: unknown, out: unknown, err: unknown): void },
  { log, onLine }: Pick<ContainerSpec, 'log' | 'onLine'>,
  since = 0,
): Promise<{ readonly end: Promise<void>; readonly text: () => string }> {
  const raw = await container.logs({ follow: true, stdout: true, stderr: true, since });
  const both = new PassThrough();
  const lines = onLine === undefined ? both : new PassThrough();
  modem.demuxStream(raw, lines, both);
  if (onLine !== undefined) createInterface({ input: lines }).on('line', onLine);
  for (const over of ['end', 'close', 'error']) {
    raw.on(over, () => {
      lines.end();
      both.end();
    });
  }
  const chunks: Buffer[] = [];
  const into =
    log === undefined
      ? both.on('data', (chunk) => chunks.push(chunk))
      : createWriteStream(log, { flags: 'a' });
  if (log !== undefined) both.pipe(into as NodeJS.WritableStream);
  return {
    end: Promise.all([finished(into), finished(lines)]).then(nothing, nothing),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
