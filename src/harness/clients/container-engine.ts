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
import { buildImage, extractFiles, type ImageBuild, type ImageFiles } from './image-build.ts';

/** A container engine that is reachable. */
export interface ContainerEngine {
  /** Its own name, with its version. */
  readonly name: string;
  /** The folder of this machine that holds its images and volumes; null if it cannot be seen from here. */
  readonly dataDir: string | null;
  hasImage(tag: string): Promise<boolean>;
  /** Identity of the content of an image that is there. */
  imageId(tag: string): Promise<string>;
  /** Pulls a missing image, with the user's own login to its registry. */
  pull(tag: string, signal: AbortSignal): Promise<void>;
  build(image: ImageBuild): Promise<void>;
  extractFiles(files: ImageFiles): Promise<void>;
  createNetwork(name: string, labels: Labels): Promise<void>;
  /** Does nothing if there is one of this name. */
  createVolume(name: string, labels: Labels): Promise<void>;
  run(container: ContainerSpec): Promise<RunningContainer>;
  /** Finds a running container that another process started; its output since `sinceMs` (epoch) goes to `log`. */
  find(
    name: string,
    its: { readonly log: string; readonly sinceMs: number },
  ): Promise<RunningContainer | null>;
  /** Removes every container, network and volume with this label, running or not; returns their names. */
  sweep(label: string): Promise<readonly string[]>;
}

type Labels = Readonly<Record<string, string>>;

/** A volume in a container. */
export interface Mount {
  readonly name: string;
  readonly at: string;
  readonly readOnly?: boolean;
}

/** Specification of a container. */
interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** The image's own by default. */
  readonly user?: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Labels;
  /** The network that it joins, and its name there. */
  readonly network: { readonly name: string; readonly alias: string };
  /** Ports that are published on this address, with the same numbers as inside the container. */
  readonly publish: { readonly host: string; readonly ports: readonly number[] };
  readonly volumes: readonly Mount[];
  /** Files that are copied into it before it starts, by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  /** Its CPU weight on a saturated machine; 1024 is a process of normal niceness. */
  readonly cpuShares: number;
  /** Health check: a shell command that fails while it is not healthy. */
  readonly healthy?: string;
  /** File for its output; without one the output is kept in memory. */
  readonly log?: string;
  /** Called with every line of its standard output, which is then not in the log. */
  readonly onLine?: (line: string) => void;
}

/** A container that was started. */
export interface RunningContainer {
  readonly id: string;
  /** Process id of its first process on this machine; null if the engine runs elsewhere. */
  readonly pid: number | null;
  /** Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly outOfMemory: boolean }>;
  /** Its output, if there is no log. */
  printed(): string;
  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<void>;
  /** Freezes all of its processes, until `unpause`. Rejects when the engine cannot. */
  pause(): Promise<void>;
  /** Does nothing if the container is not paused or no longer exists. */
  unpause(): Promise<void>;
  /** Resolves when the container no longer exists, even if another process removed it. */
  remove(): Promise<void>;
}

/** Interval of the engine's health checks, ms. */
const HEALTH_EVERY_MS = 10_000;

/** The harness checks readiness itself: a port on which a proxy listens proves nothing. */
const NO_WAIT: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => NO_WAIT,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 60_000,
};

/** Options of the engine that the library does not expose. */
class BoundedContainer extends GenericContainer {
  bounded(spec: ContainerSpec): this {
    const bindings = spec.publish.ports.map((port) => [
      `${port}/tcp`,
      [{ HostIp: spec.publish.host, HostPort: String(port) }],
    ]);
    this.hostConfig.PortBindings = Object.fromEntries(bindings);
    this.createOpts.ExposedPorts = Object.fromEntries(bindings.map(([port]) => [port, {}]));
    this.hostConfig.Memory = spec.memoryMiB * 1024 ** 2;
    // No swap: a server that needs more memory must fail.
    this.hostConfig.MemorySwap = this.hostConfig.Memory;
    this.hostConfig.CpuShares = spec.cpuShares;
    return this;
  }
}

/** An engine that accepts a connection and does not answer within this counts as absent, ms. */
const ANSWER_WITHIN_MS = 10_000;

/** Connects to the container engine; if DOCKER_HOST names one, to that and no other. Throws the reason if there is none. */
export async function openContainerEngine(): Promise<ContainerEngine> {
  const dockerHost = process.env.DOCKER_HOST;
  const named = dockerHost === undefined ? '' : ` at DOCKER_HOST, ${dockerHost}`;
  const client = await Promise.race([
    getContainerRuntimeClient().catch((cause) => {
      throw dockerHost === undefined ? cause : new Error(`no engine listens${named}`);
    }),
    setTimeout(ANSWER_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Error(`the engine${named} does not answer within ${ANSWER_WITHIN_MS / 1_000} s`);
    }),
  ]);
  const docker = client.container.dockerode;
  // The library falls back to the default sockets if no engine listens at the named one.
  const { socketPath } = docker.modem as { readonly socketPath?: string };
  if (
    dockerHost !== undefined &&
    socketPath !== undefined &&
    new URL(dockerHost).pathname !== socketPath
  ) {
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
      pid: runsInContainer(State.Pid, id) ? State.Pid : null,
      exited,
      printed: printed.text,
      // A container that has already ended or is gone is not an error.
      kill: (signal) => started.kill({ signal }).then(ignore, ignore),
      pause: () => started.pause(),
      unpause: () => started.unpause().then(ignore, ignore),
      remove: () =>
        started
          .remove({ force: true, v: true })
          // The engine refuses if a removal is in progress: the name is free only after that.
          .catch(() => started.wait({ condition: 'removed' }))
          .then(ignore, ignore),
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

    imageId: async (tag) => (await docker.getImage(tag).inspect()).Id,

    async pull(tag, signal) {
      const pulled = client.image.pull(ImageName.fromString(tag));
      await Promise.race([pulled, once(signal, 'abort')]);
      signal.throwIfAborted();
    },

    build: (image) => buildImage(docker, image),

    extractFiles: (files) => extractFiles(docker, files),

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
        .withBindMounts(
          spec.volumes.map(({ name: source, at: target, readOnly = false }) => ({
            source,
            target,
            mode: readOnly ? ('ro' as const) : ('rw' as const),
          })),
        )
        .withCopyContentToContainer(
          Object.entries(spec.files ?? {}).map(([target, content]) => ({ target, content })),
        )
        .withWaitStrategy(NO_WAIT)
        // No Ryuk: it would end a persistent stack, and is one more image to pull. What a kill leaves behind is
        // removed by label.
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
      // The last requests of a killed process may take effect only now.
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
      docker.getContainer(Id).remove({ force: true, v: true }).then(ignore, ignore),
    ),
  );
  const networks = await docker.listNetworks({ filters });
  await Promise.all(networks.map(({ Id }) => docker.getNetwork(Id).remove().then(ignore, ignore)));
  const { Volumes } = await docker.listVolumes({ filters });
  await Promise.all(
    (Volumes ?? []).map(({ Name }) => docker.getVolume(Name).remove().then(ignore, ignore)),
  );
  return containers.map(({ Names, Id }) => Names[0]?.replace(/^\//, '') ?? Id);
}

/**
 * Whether this process of this machine is in that container. The process ids of an engine on another or a
 * virtual machine belong to unrelated processes here.
 */
function runsInContainer(pid: number, container: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(container);
  } catch {
    return false;
  }
}

function ignore(): void {}

/** Follows stdout and stderr from the beginning into a file or memory; with `onLine`, stdout goes there line by line. */
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
    end: Promise.all([finished(into), finished(lines)]).then(ignore, ignore),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
