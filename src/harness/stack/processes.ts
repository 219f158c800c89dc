import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { badInput, stackBroke } from '../../core/errors.ts';
import { SERVERS } from '../../core/metrics.ts';
import { javaCommand } from '../setup/prerequisites.ts';
import { Claim } from './claim.ts';
import { type ArchivedCommand, withClassArchive } from './class-archives.ts';
import { stateDir } from './configs.ts';
import { BUCKET, HOST, type Plan, type Ports, REGION } from './plan.ts';
import { freePorts } from './ports.ts';
import { claimedPorts, defaultRegistryDir, killGroup, sweepLeftovers } from './registry.ts';
import {
  deathOf,
  type Exit,
  end,
  isReady,
  type Launched,
  launch,
  neverReady,
} from './server-process.ts';
import { type Command, SERVICES } from './services.ts';
import type { Endpoints, Runtime, ServerName, Stack, StackOptions } from './stack.ts';

/** Longest wait for one server on a busy machine; a start on idle cores takes a tenth of it. */
const READY_WITHIN_MS = 120_000;
const POLL_MS = 100;
/** The data goes anyway, so a server gets only the time it needs to close its sockets. */
const STOP_GRACE_MS = 5_000;
/** What a JVM needs to write its classes down, on a busy machine. */
const KEEP_WITHIN_MS = 120_000;
const ATTEMPTS = 3;

/** Child processes of our own: no container engine needed. */
export const processes: Runtime = {
  kind: 'processes',
  async start(options) {
    options.signal.throwIfAborted();
    await sweepLeftovers(options.clock);
    for (let attempt = 1; ; attempt++) {
      const stack = new ProcessStack(options);
      try {
        await stack.start();
        return stack;
      } catch (error) {
        await stack.stop();
        if (!stack.portWasTaken || attempt === ATTEMPTS) throw error;
      }
    }
  },
};

class ProcessStack implements Stack {
  readonly versions: Readonly<Record<string, string>>;
  readonly stateDir: string;
  /** A server met a port that was free a moment ago: worth another try with other ports. */
  portWasTaken = false;

  readonly #options: StackOptions;
  readonly #workDir: string;
  readonly #logDir: string;
  readonly #broken = new AbortController();
  /** Ends every wait as soon as the start has failed or a stop was asked for. */
  readonly #over = new AbortController();
  readonly #running = new Map<ServerName, Launched>();
  readonly #archived = new Map<ServerName, ArchivedCommand>();
  readonly #onAbort = () => void this.stop();
  #endpoints: Endpoints | undefined;
  #ports: Ports | undefined;
  #claim: Claim | undefined;
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: StackOptions) {
    this.#options = options;
    this.#workDir = resolve(options.workDir);
    this.#logDir = join(resolve(options.runDir), 'logs');
    this.stateDir = stateDir(this.#workDir);
    const { kafka, minio, catalog, flink, lakehouse } = options.artifacts.versions;
    const versions = { kafka, minio, catalog, flink, iceberg: lakehouse };
    this.versions = Object.fromEntries(
      Object.entries(versions).flatMap(([name, version]) => (version ? [[name, version]] : [])),
    );
  }

  get endpoints(): Endpoints {
    if (!this.#endpoints) throw new Error('the stack has not been started');
    return this.#endpoints;
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  processes() {
    return [...this.#running].map(([server, { pid }]) => ({ server, pid }));
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    const plan = await this.#plan(await this.#claimFolder());
    this.#endpoints = endpoints(plan);
    this.#ports = plan.ports;
    await writeFiles(plan);
    const ready = new Map<ServerName, Promise<void>>();
    for (const server of SERVERS) {
      const needs = SERVICES[server].needs.map((need) => ready.get(need)!);
      ready.set(server, this.#bringUp(server, plan, needs));
    }
    // The first failure ends the other waits; only then may everything be stopped.
    const starts = [...ready.values()];
    for (const start of starts) start.catch((error) => this.#over.abort(error));
    await Promise.allSettled(starts);
    if (this.#over.signal.aborted) throw this.#over.signal.reason;
  }

  stop({ keepClasses = false } = {}): Promise<void> {
    this.#stopped ??= this.#stop(keepClasses);
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The work folder must be ours alone, since it is removed as a whole. */
  async #claimFolder(): Promise<Claim> {
    const dir = this.#workDir;
    if (existsSync(dir) && readdirSync(dir).length > 0) {
      throw badInput(
        `the work folder ${dir} is not empty`,
        'name a folder that does not exist yet',
      );
    }
    const claim = await Claim.open(dir);
    this.#claim = claim;
    await mkdir(join(dir, 'tmp'), { recursive: true });
    await mkdir(this.#logDir, { recursive: true });
    return claim;
  }

  /**
   * Ports are claimed on record and then looked up again: of two stacks that chose the same port at
   * the same moment, at least one sees the other and chooses anew.
   */
  async #plan(claim: Claim): Promise<Plan> {
    const { artifacts, flink, jit } = this.#options;
    const registryDir = defaultRegistryDir();
    let ports: Ports;
    for (;;) {
      ports = await freePorts(claimedPorts(registryDir, claim.path));
      const mine = Object.values(ports);
      claim.takePorts(mine);
      const others = claimedPorts(registryDir, claim.path);
      if (!mine.some((port) => others.has(port))) break;
    }
    return {
      ports,
      secrets: {
        accessKeyId: `doorbuster-${randomBytes(6).toString('hex')}`,
        secretAccessKey: randomBytes(24).toString('base64url'),
        // Its own parser takes an id that begins with a dash for an option.
        clusterId: `d${randomBytes(16).toString('base64url').slice(1)}`,
      },
      artifacts,
      java: javaCommand(),
      workDir: this.#workDir,
      logDir: this.#logDir,
      jit,
      flink,
    };
  }

  /** One server, from its preparation to its readiness. */
  async #bringUp(server: ServerName, plan: Plan, needs: readonly Promise<void>[]): Promise<void> {
    const { clock, onProgress } = this.#options;
    const service = SERVICES[server];
    const prepared = service.prepare ? await this.#prepare(server, service.prepare(plan)) : '';
    await Promise.all(needs);
    this.#over.signal.throwIfAborted();
    const startedMs = clock.monotonicMs();
    onProgress({ server, state: 'starting', ms: 0 });
    const archived = withClassArchive(server, service.command(plan, prepared), {
      dir: this.#options.artifacts.classArchives,
      scratch: join(this.#workDir, 'tmp'),
    });
    this.#archived.set(server, archived);
    const launched = await this.#launch(server, archived.command);
    let alive = true;
    void launched.exited.then((exit) => {
      alive = false;
      this.#onExit(server, exit);
    });
    const readiness = service.ready(plan);
    while (!(await isReady(readiness)) || !alive) {
      this.#over.signal.throwIfAborted();
      if (clock.monotonicMs() - startedMs > READY_WITHIN_MS) {
        throw neverReady(server, READY_WITHIN_MS, this.#log(server));
      }
      await clock.sleep(POLL_MS, this.#over.signal);
    }
    onProgress({ server, state: 'ready', ms: clock.monotonicMs() - startedMs });
  }

  /** Runs a preparing command to its end and gives what it printed. */
  async #prepare(server: ServerName, command: Command): Promise<string> {
    const launched = await this.#launch(server, command, true);
    const kill = () => killGroup(launched.pid, 'SIGKILL');
    this.#over.signal.addEventListener('abort', kill, { once: true });
    const exit = await launched.exited;
    this.#over.signal.removeEventListener('abort', kill);
    this.#running.delete(server);
    this.#claim?.release(launched.pid);
    this.#over.signal.throwIfAborted();
    if (exit.code !== 0) {
      await writeFile(this.#log(server), launched.printed(), { flag: 'a' });
      throw deathOf(server, exit, this.#log(server), 'while it was prepared').error;
    }
    return launched.printed();
  }

  async #launch(server: ServerName, command: Command, capture = false): Promise<Launched> {
    const { signal } = this.#over;
    signal.throwIfAborted();
    const launched = await launch(command, {
      workDir: this.#workDir,
      log: this.#log(server),
      capture,
    });
    this.#claim?.guard(server, launched.pid);
    this.#running.set(server, launched);
    return launched;
  }

  #onExit(server: ServerName, exit: Exit): void {
    const launched = this.#running.get(server);
    this.#running.delete(server);
    if (launched) this.#claim?.release(launched.pid);
    if (this.#stopped || this.#over.signal.aborted) return;
    const death = deathOf(server, exit, this.#log(server), 'unasked', this.#portsOf(server));
    this.portWasTaken ||= death.portWasTaken;
    this.#over.abort(death.error);
    this.#broken.abort(death.error);
  }

  async #stop(keepClasses: boolean): Promise<void> {
    const { signal, clock, onProgress } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    this.#over.abort(
      signal.aborted ? signal.reason : stackBroke('the stack was stopped while it was starting'),
    );
    // What is being started would otherwise appear behind our back.
    await this.#starting?.catch(() => {});
    // Reverse order by need: a server goes once everything that needs it is gone.
    const gone = new Map<ServerName, Promise<void>>();
    for (const server of [...SERVERS].reverse()) {
      const users = SERVERS.filter((other) => SERVICES[other].needs.includes(server));
      const stopping = async () => {
        await Promise.all(users.map((user) => gone.get(user)));
        const launched = this.#running.get(server);
        if (!launched) return;
        const askedMs = clock.monotonicMs();
        const archived = this.#archived.get(server);
        if (!archived?.writes) await end(launched, clock, STOP_GRACE_MS);
        else {
          await end(launched, clock, keepClasses ? KEEP_WITHIN_MS : 0, signal);
          if (keepClasses) await archived.keep();
        }
        this.#running.delete(server);
        this.#claim?.release(launched.pid);
        onProgress({ server, state: 'stopped', ms: clock.monotonicMs() - askedMs });
      };
      gone.set(server, stopping());
    }
    await Promise.all(gone.values());
    await this.#claim?.remove();
  }

  #portsOf(server: ServerName): readonly number[] {
    const ports = this.#ports;
    return ports === undefined ? [] : SERVICES[server].ports.map((name) => ports[name]);
  }

  #log(server: ServerName): string {
    return join(this.#logDir, `${server}.log`);
  }
}

async function writeFiles(plan: Plan): Promise<void> {
  for (const server of SERVERS) {
    const service = SERVICES[server];
    for (const dir of service.dirs(plan)) await mkdir(dir, { recursive: true });
    for (const [path, text] of Object.entries(service.files(plan))) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }
}

function endpoints({ ports, secrets }: Plan): Endpoints {
  return {
    kafka: { brokers: [`${HOST}:${ports.kafka}`] },
    s3: {
      endpoint: `http://${HOST}:${ports.minio}`,
      region: REGION,
      bucket: BUCKET,
      accessKeyId: secrets.accessKeyId,
      secretAccessKey: secrets.secretAccessKey,
    },
    catalog: { uri: `http://${HOST}:${ports.catalog}`, warehouse: `s3://${BUCKET}/` },
    flink: {
      rest: `http://${HOST}:${ports.flinkRest}`,
      gateway: `http://${HOST}:${ports.gateway}`,
    },
  };
}
