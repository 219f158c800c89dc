import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import type { FaultAct } from '../../scenario/scenario.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { allocatePlan } from './allocate-plan.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import { portWasTaken } from './cause.ts';
import type { Command } from './components/component.ts';
import { COMPONENTS } from './components/components.ts';
import { stateDir } from './components/flink-config.ts';
import { endpointsOf } from './endpoints.ts';
import { type PersistedStack, writePersisted } from './persisted-stack.ts';
import type { Plan } from './plan.ts';
import type { AttachedHost, RuntimeHost } from './runtime-host.ts';
import { type Exit, end, exitError, type Launched, neverReady, readyAnswer } from './server.ts';
import type { AttachOptions, RuntimeKind, ServerName, Stack, StackOptions } from './stack.ts';

/** Longest wait for one server on a busy machine, ms; on idle cores a start takes a tenth of it. */
const READY_WITHIN_MS = 120_000;
const POLL_MS = 100;
/** Grace period at the stop, ms: the data is removed anyway, so a server only has to close its sockets. */
const STOP_GRACE_MS = 5_000;
/** Grace period of a restart fault, ms: the server has state to write. */
const RESTART_GRACE_MS = 30_000;
/** Longest time to write a class archive on a busy machine, ms. */
const ARCHIVE_WITHIN_MS = 120_000;

/** Options of every supervised stack, started or attached. */
interface SupervisedOptions
  extends AttachOptions,
    Pick<StackOptions, 'signal' | 'servers' | 'flink' | 'jit'> {
  readonly logDir: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Servers that this process supervises, whether it started them or attached to them. */
export class SupervisedStack implements Stack {
  readonly runtime: RuntimeKind;
  readonly inProcess = null;
  readonly servers: readonly ServerName[];
  readonly versions: Readonly<Record<string, string>>;
  /** A server found its port in use although it was free before: the start is retried with other ports. */
  portWasTaken = false;

  readonly #options: SupervisedOptions;
  readonly #open: () => Promise<RuntimeHost>;
  readonly #broken = new AbortController();
  /** Ends every wait when the start has failed or a stop was requested. */
  readonly #stopWaiting = new AbortController();
  readonly #running = new Map<ServerName, Launched>();
  readonly #auxiliary = new Set<Launched>();
  /** Resolves when a server's end has been handled. */
  readonly #ends = new Map<ServerName, Promise<void>>();
  /** Output of each preparation. */
  readonly #prepared = new Map<ServerName, string>();
  /** Response of each server (or of another on its behalf) when it was last ready. */
  readonly #readyAnswers = new Map<ServerName, string>();
  /** Per JVM that can have a class archive: whether all its starts used one. */
  readonly #fromArchive = new Map<string, boolean>();
  /** Servers under an injected outage, and its kind. */
  readonly #outages = new Map<ServerName, FaultAct>();
  /** Restores in progress. */
  readonly #restores = new Set<Promise<void>>();
  readonly #onAbort = () => void this[Symbol.asyncDispose]();
  #plan: Plan | undefined;
  #host: RuntimeHost | undefined;
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  #found = false;
  #detached = false;

  constructor(runtime: RuntimeKind, options: SupervisedOptions, open: () => Promise<RuntimeHost>) {
    this.runtime = runtime;
    this.#options = options;
    this.#open = open;
    this.servers = options.servers;
    this.versions = options.versions;
  }

  get endpoints(): Endpoints {
    return endpointsOf(this.#planned());
  }

  get stateDir(): string {
    return stateDir(this.#planned().workDir);
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  processes() {
    return [...this.#running].flatMap(([server, { pid }]) =>
      pid === null ? [] : [{ server, pid }],
    );
  }

  classArchives(): Readonly<Record<string, boolean>> {
    return Object.fromEntries(this.#fromArchive);
  }

  #note(program: string, { fromArchive }: Launched): void {
    if (fromArchive === undefined) return;
    // One start without an archive makes the value false.
    this.#fromArchive.set(program, fromArchive && this.#fromArchive.get(program) !== false);
  }

  async launch(program: AuxiliaryProcess): Promise<Launched> {
    this.#stopWaiting.signal.throwIfAborted();
    const host = this.#host as RuntimeHost;
    const running = await host.launchAuxiliary(program);
    this.#auxiliary.add(running);
    this.#note(program.name, running);
    void running.exited.then(() => this.#auxiliary.delete(running));
    if (this.#stopped) running.kill('SIGKILL');
    return running;
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    const host = await this.#open();
    this.#host = host;
    const plan = await allocatePlan(host, this.#options);
    this.#plan = plan;
    await host.writeFiles(plan);
    const ready = new Map<ServerName, Promise<void>>();
    for (const server of this.servers) {
      const needs = COMPONENTS[server].needs.map((need) => ready.get(need)!);
      ready.set(server, this.#setUp(server, plan, needs));
    }
    // The first failure ends the other waits; only then may everything be stopped.
    const starts = [...ready.values()];
    for (const start of starts) start.catch((error) => this.#stopWaiting.abort(error));
    await Promise.allSettled(starts);
    if (this.#stopWaiting.signal.aborted) throw this.#stopWaiting.signal.reason;
  }

  stop({ keepClasses = false } = {}): Promise<void> {
    this.#stopped ??= this.#stop(keepClasses);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#found) this.#detach();
    else await this.stop();
  }

  async attach({ plan, prepared }: PersistedStack, host: AttachedHost): Promise<void> {
    this.#found = true;
    this.#host = host;
    this.#plan = plan;
    for (const server of this.servers) {
      const printed = prepared[server];
      if (printed !== undefined) this.#prepared.set(server, printed);
    }
    for (const [server, launched] of host.running) {
      this.#running.set(server, launched);
      // A process that attached before may have been killed during an outage.
      await launched.resume();
      const answer = await readyAnswer(COMPONENTS[server].ready(plan), plan.ports, null);
      if (answer !== null) this.#readyAnswers.set(server, answer);
      const ended = launched.exited.then((exit) => this.#onExit(server, exit));
      this.#ends.set(server, ended);
    }
  }

  missing(): readonly ServerName[] {
    return this.servers.filter((server) => !this.#running.has(server));
  }

  async keep({ name, home }: { readonly name: string; readonly home: string }): Promise<void> {
    const host = this.#host as RuntimeHost;
    // Register the new name before removing the old entry: after a crash in between, the stack is ended.
    writePersisted({
      version: 1,
      name,
      home,
      runtime: this.runtime,
      keptAt: new Date(this.#options.clock.nowMs()).toISOString(),
      versions: { ...this.versions },
      plan: this.#planned(),
      prepared: Object.fromEntries(this.#prepared),
      ...host.attachInfo(),
    });
    this.#detach();
  }

  /** From now on ignores what happens to the servers. */
  #detach(): void {
    this.#detached = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#stopped ??= Promise.resolve();
    this.#stopWaiting.abort(new Error('the stack was detached'));
    this.#host?.detach();
  }

  /** Prepares and starts one server, and waits until it is ready. */
  async #setUp(server: ServerName, plan: Plan, needs: readonly Promise<void>[]): Promise<void> {
    const { prepare } = COMPONENTS[server];
    if (prepare) this.#prepared.set(server, await this.#prepare(server, prepare(plan)));
    await Promise.all(needs);
    await this.#startUp(server, plan);
  }

  /** Starts or restarts a server's process, and waits until it is ready. */
  async #startUp(server: ServerName, plan: Plan): Promise<void> {
    const { clock, onProgress } = this.#options;
    this.#stopWaiting.signal.throwIfAborted();
    const startedMs = clock.monotonicMs();
    onProgress({ server, state: 'starting', ms: 0 });
    const command = COMPONENTS[server].command(plan, this.#prepared.get(server) ?? '');
    const launched = await this.#launch(server, command);
    let alive = true;
    this.#ends.set(
      server,
      launched.exited.then((exit) => {
        alive = false;
        return this.#onExit(server, exit);
      }),
    );
    await this.#untilReady(server, plan, () => alive, this.#readyAnswers.get(server) ?? null);
    onProgress({ server, state: 'ready', ms: clock.monotonicMs() - startedMs });
  }

  async #untilReady(
    server: ServerName,
    plan: Plan,
    alive: () => boolean,
    earlier: string | null,
  ): Promise<void> {
    const { clock } = this.#options;
    const askedMs = clock.monotonicMs();
    const readiness = COMPONENTS[server].ready(plan);
    for (;;) {
      const answer = await readyAnswer(readiness, plan.ports, earlier);
      this.#stopWaiting.signal.throwIfAborted();
      if (answer !== null && alive()) {
        this.#readyAnswers.set(server, answer);
        return;
      }
      if (clock.monotonicMs() - askedMs > READY_WITHIN_MS) {
        throw neverReady(server, READY_WITHIN_MS, this.#log(server));
      }
      await clock.sleep(POLL_MS, this.#stopWaiting.signal);
    }
  }

  async injectOutage(server: ServerName, act: FaultAct): Promise<void> {
    const launched = this.#running.get(server);
    if (!launched || this.#outages.has(server))
      throw new Error(`${server} does not run, so it cannot be stopped`);
    this.#stopWaiting.signal.throwIfAborted();
    this.#outages.set(server, act);
    if (act === 'pause') return launched.pause();
    const { clock } = this.#options;
    if (act === 'kill') launched.kill('SIGKILL');
    else {
      const ending = { hurry: this.#stopWaiting.signal, by: COMPONENTS[server].endsBy };
      await end(launched, clock, RESTART_GRACE_MS, ending);
    }
    await this.#ends.get(server);
  }

  restore(server: ServerName): Promise<void> {
    const act = this.#outages.get(server);
    if (act === undefined) throw new Error(`${server} was not stopped`);
    this.#outages.delete(server);
    const back = act === 'pause' ? this.#resume(server) : this.#startUp(server, this.#planned());
    const returning = back.finally(() => this.#restores.delete(returning));
    this.#restores.add(returning);
    return returning;
  }

  async #resume(server: ServerName): Promise<void> {
    await this.#running.get(server)?.resume();
    await this.#untilReady(server, this.#planned(), () => this.#running.has(server), null);
  }

  /** Runs a preparing command to its end and returns its output. */
  async #prepare(server: ServerName, command: Command): Promise<string> {
    const launched = await this.#launch(server, command, true);
    const kill = () => launched.kill('SIGKILL');
    this.#stopWaiting.signal.addEventListener('abort', kill, { once: true });
    const exit = await launched.exited;
    this.#stopWaiting.signal.removeEventListener('abort', kill);
    this.#running.delete(server);
    await this.#host?.ended(launched);
    this.#stopWaiting.signal.throwIfAborted();
    if (exit.code !== 0) {
      await writeFile(this.#log(server), launched.printed(), { flag: 'a' });
      throw exitError(server, exit, this.#log(server), 'during its preparation').error;
    }
    return launched.printed();
  }

  async #launch(server: ServerName, command: Command, capture = false): Promise<Launched> {
    this.#stopWaiting.signal.throwIfAborted();
    const launched = await (this.#host as RuntimeHost)
      .launch(server, command, capture)
      .catch((error) => {
        this.portWasTaken ||= portWasTaken((error as Error).message);
        throw error;
      });
    this.#running.set(server, launched);
    if (!capture) this.#note(server, launched);
    return launched;
  }

  async #onExit(server: ServerName, exit: Exit): Promise<void> {
    if (this.#detached) return;
    const launched = this.#running.get(server);
    this.#running.delete(server);
    if (launched) await this.#host?.ended(launched);
    if (this.#stopped || this.#stopWaiting.signal.aborted) return;
    // A paused server was not stopped by the fault.
    const act = this.#outages.get(server);
    if (act === 'kill' || act === 'restart') return;
    const death = exitError(server, exit, this.#log(server), 'unexpectedly', this.#portsOf(server));
    this.portWasTaken ||= death.portWasTaken;
    this.#stopWaiting.abort(death.error);
    this.#broken.abort(death.error);
  }

  async #stop(keepClasses: boolean): Promise<void> {
    const { signal, clock, onProgress } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    this.#stopWaiting.abort(
      signal.aborted ? signal.reason : stackBroke('the stack was stopped while it was starting'),
    );
    // Wait for starts in progress, which would otherwise add servers during the stop.
    await Promise.allSettled([this.#starting, ...this.#restores]);
    await Promise.all([...this.#auxiliary].map((one) => this.#endAuxiliary(one, keepClasses)));
    // Reverse order of dependencies: a server is stopped after everything that depends on it.
    const gone = new Map<ServerName, Promise<void>>();
    for (const server of this.servers.toReversed()) {
      const users = this.servers.filter((other) => COMPONENTS[other].needs.includes(server));
      const stopping = async () => {
        await Promise.all(users.map((user) => gone.get(user)));
        const launched = this.#running.get(server);
        if (!launched) return;
        // A paused process does not handle SIGTERM.
        if (this.#outages.get(server) === 'pause') await launched.resume();
        const askedMs = clock.monotonicMs();
        const by = COMPONENTS[server].endsBy;
        if (!launched.keepClasses) await end(launched, clock, STOP_GRACE_MS, { by });
        else {
          await end(launched, clock, keepClasses ? ARCHIVE_WITHIN_MS : 0, { hurry: signal, by });
          if (keepClasses) await launched.keepClasses();
        }
        this.#running.delete(server);
        await this.#host?.ended(launched);
        onProgress({ server, state: 'stopped', ms: clock.monotonicMs() - askedMs });
      };
      gone.set(server, stopping());
    }
    await Promise.all(gone.values());
    await this.#host?.remove();
  }

  /** Ends an auxiliary program. One that is paused before its exit first writes its class archive. */
  async #endAuxiliary(launched: Launched, keepClasses: boolean): Promise<void> {
    const { clock, signal } = this.#options;
    if (keepClasses && launched.keepClasses) {
      await launched.resume();
      const gone = new AbortController();
      void launched.exited.then(() => gone.abort());
      await clock
        .sleep(ARCHIVE_WITHIN_MS, AbortSignal.any([gone.signal, signal]))
        .catch(() => undefined);
    }
    launched.kill('SIGKILL');
    await launched.exited;
  }

  #portsOf(server: ServerName): readonly number[] {
    const ports = this.#plan?.ports;
    return ports === undefined ? [] : COMPONENTS[server].ports.map((name) => ports[name]);
  }

  #planned(): Plan {
    if (!this.#plan) throw new Error('the stack has not been started');
    return this.#plan;
  }

  #log(server: ServerName): string {
    return join(this.#options.logDir, `${server}.log`);
  }
}
