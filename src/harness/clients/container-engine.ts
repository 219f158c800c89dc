import { createWriteStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { GenericContainer, getContainerRuntimeClient, type WaitStrategy } from 'testcontainers';

/** A container engine that answers. */
export interface ContainerEngine {
  /** As it calls itself, with its version. */
  readonly name: string;
  hasImage(tag: string): Promise<boolean>;
  /** Builds one target of the Dockerfile at `dockerfile`, a path within the folder `context`. */
  build(image: ImageBuild): Promise<void>;
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

interface ImageBuild {
  readonly tag: string;
  readonly context: string;
  readonly dockerfile: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
}

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

/** The engine that answers. Throws what kept the library from finding one. */
export async function openContainerEngine(): Promise<ContainerEngine> {
  // Its own helper is an image to be pulled; what is left after a kill is swept by label all the same.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const client = await getContainerRuntimeClient();
  const docker = client.container.dockerode;
  const { Version, Platform } = await docker.version();
  const onThisMachine = !client.info.containerRuntime.remoteSocketPath.startsWith('tcp');

  const follow = async (
    started: import('dockerode').Container,
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
      pid: onThisMachine && State.Pid > 0 ? State.Pid : null,
      exited,
      printed: printed.text,
      // One that has ended or is gone is where it was to be.
      kill: (signal) => started.kill({ signal }).then(nothing, nothing),
      pause: () => started.pause(),
      unpause: () => started.unpause().then(nothing, nothing),
      remove: () => started.remove({ force: true, v: true }).then(nothing, nothing),
    };
  };

  return {
    name: `${(Platform as { Name?: string } | undefined)?.Name || 'Docker Engine'} ${Version}`,

    hasImage: (tag) =>
      docker
        .getImage(tag)
        .inspect()
        .then(
          () => true,
          () => false,
        ),

    async build({ tag, context, dockerfile, target, args }) {
      await GenericContainer.fromDockerfile(context, dockerfile)
        .withTarget(target)
        .withBuildArgs({ ...args })
        .withBuildkit()
        .build(tag, { deleteOnExit: false });
    },

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
      return follow(started, await outputOf(started, docker.modem, spec.log));
    },

    async find(name, { log, sinceMs }) {
      const [found] = await docker.listContainers({
        filters: JSON.stringify({ name: [`^/${name}$`] }),
      });
      if (found === undefined) return null;
      const started = docker.getContainer(found.Id);
      return follow(
        started,
        await outputOf(started, docker.modem, log, Math.ceil(sinceMs / 1_000)),
      );
    },

    async sweep(label) {
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
    },
  };
}

function nothing(): void {}

/** Follows both outputs from the beginning, into a file or memory. */
async function outputOf(
  container: import('dockerode').Container,
  modem: { demuxStream(from: unknown, out: unknown, err: unknown): void },
  log: string | undefined,
  since = 0,
): Promise<{ readonly end: Promise<void>; readonly text: () => string }> {
  const raw = await container.logs({ follow: true, stdout: true, stderr: true, since });
  const both = new PassThrough();
  modem.demuxStream(raw, both, both);
  raw.on('end', () => both.end());
  raw.on('close', () => both.end());
  raw.on('error', () => both.end());
  const chunks: Buffer[] = [];
  const into =
    log === undefined
      ? both.on('data', (chunk) => chunks.push(chunk))
      : createWriteStream(log, { flags: 'a' });
  if (log !== undefined) both.pipe(into as NodeJS.WritableStream);
  return {
    end: finished(into).then(nothing, nothing),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
