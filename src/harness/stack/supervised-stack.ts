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
import { deathOf, type Exit, end, type Launched, neverReady, readyAnswer } from './server.ts';
import type { AttachOptions, RuntimeKind, ServerName, Stack, StackOptions } from './stack.ts';

/** Longest wait for one server on a busy machine; a start on idle cores takes a tenth of it. */
const READY_WITHIN_MS = 120_000;
const POLL_MS = 100;
/** The data goes anyway, so a server gets only the time it needs to close its sockets. */
const STOP_GRACE_MS = 5_000;
/** What a server may take to end when a fault asks it to: it has state worth closing. */
const RESTART_GRACE_MS = 30_000;
/** What a JVM needs to write its classes down, on a busy machine. */
const KEEP_WITHIN_MS = 120_000;

/** What a stack is told, however it came about. */
interface SupervisedOptions
  extends AttachOptions,
    Pick<StackOptions, 'signal' | 'servers' | 'flink' | 'jit'> {
  readonly logDir: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Servers that this process watches: it starts and stops them, or goes on with those of another. */
export class SupervisedStack implements Stack {
  readonly runtime: RuntimeKind;
  readonly inProcess = null;
  readonly servers: readonly ServerName[];
  readonly versions: Readonly<Record<string, string>>;
  /** A server met a port that was free a moment ago: worth another try with other ports. */
  portWasTaken = false;

  readonly #options: SupervisedOptions;
  readonly #open: () => Promise<RuntimeHost>;
  readonly #broken = new AbortController();
  /** Ends every wait as soon as the start has failed or a stop was asked for. */
  readonly #over = new AbortController();
  readonly #running = new Map<ServerName, Launched>();
  readonly #auxiliary = new Set<Launched>();
  /** Resolves when a server's end has been dealt with. */
  readonly #ends = new Map<ServerName, Promise<void>>();
  /** What each preparation has printed. */
  readonly #prepared = new Map<ServerName, string>();
  /** What each server, or another in its name, answered when it was ready last. */
  readonly #said = new Map<ServerName, string>();
  /** Per JVM that archives of classes are for, whether it always started from one. */
  readonly #fromArchive = new Map<string, boolean>();
  /** Servers under an injected outage, and which. */
  readonly #away = new Map<ServerName, FaultAct>();
  /** Servers on their way back. */
  readonly #returning = new Set<Promise<void>>();
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
    // One start without an archive is one that was unlike the others.
    this.#fromArchive.set(program, fromArchive && this.#fromArchive.get(program) !== false);
  }

  async launch(program: AuxiliaryProcess): Promise<Launched> {
    this.#over.signal.throwIfAborted();
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
      // Whoever had it before may have died while it was away.
      await launched.thaw();
      const said = await readyAnswer(COMPONENTS[server].ready(plan), plan.ports, null);
      if (said !== null) this.#said.set(server, said);
      const ended = launched.exited.then((exit) => this.#onExit(server, exit));
      this.#ends.set(server, ended);
    }
  }

  missing(): readonly ServerName[] {
    return this.servers.filter((server) => !this.#running.has(server));
  }

  async keep({ name, home }: { readonly name: string; readonly home: string }): Promise<void> {
    const host = this.#host as RuntimeHost;
    // First on record under its new name, then off the old one: a crash in between ends it.
    writePersisted({
      version: 1,
      name,
      home,
      runtime: this.runtime,
      keptAt: new Date(this.#options.clock.nowMs()).toISOString(),
      versions: { ...this.versions },
      plan: this.#planned(),
      prepared: Object.fromEntries(this.#prepared),
      ...host.traces(),
    });
    this.#detach();
  }

  /** Nothing that happens to the servers from now on is this stack's business. */
  #detach(): void {
    this.#detached = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#stopped ??= Promise.resolve();
    this.#over.abort(new Error('the stack was detached'));
    this.#host?.detach();
  }

  /** One server, from its preparation to its readiness. */
  async #bringUp(server: ServerName, plan: Plan, needs: readonly Promise<void>[]): Promise<void> {
    const { prepare } = COMPONENTS[server];
    if (prepare) this.#prepared.set(server, await this.#prepare(server, prepare(plan)));
    await Promise.all(needs);
    await this.#startUp(server, plan);
  }

  /** From the start of its process to its readiness, whether for the first time or again. */
  async #startUp(server: ServerName, plan: Plan): Promise<void> {
    const { clock, onProgress } = this.#options;
    this.#over.signal.throwIfAborted();
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
    await this.#untilReady(server, plan, () => alive, this.#said.get(server) ?? null);
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
      this.#over.signal.throwIfAborted();
      if (answer !== null && alive()) {
        this.#said.set(server, answer);
        return;
      }
      if (clock.monotonicMs() - askedMs > READY_WITHIN_MS) {
        throw neverReady(server, READY_WITHIN_MS, this.#log(server));
      }
      await clock.sleep(POLL_MS, this.#over.signal);
    }
  }

  async injectOutage(server: ServerName, act: FaultAct): Promise<void> {
    const launched = this.#running.get(server);
    if (!launched || this.#away.has(server))
      throw new Error(`${server} does not run, so it cannot be stopped`);
    this.#over.signal.throwIfAborted();
    this.#away.set(server, act);
    if (act === 'pause') return launched.freeze();
    const { clock } = this.#options;
    if (act === 'kill') launched.kill('SIGKILL');
    else await end(launched, clock, RESTART_GRACE_MS, this.#over.signal);
    await this.#ends.get(server);
  }

  restore(server: ServerName): Promise<void> {
    const act = this.#away.get(server);
    if (act === undefined) throw new Error(`${server} was not stopped`);
    this.#away.delete(server);
    const back = act === 'pause' ? this.#thaw(server) : this.#startUp(server, this.#planned());
    const returning = back.finally(() => this.#returning.delete(returning));
    this.#returning.add(returning);
    return returning;
  }

  async #thaw(server: ServerName): Promise<void> {
    await this.#running.get(server)?.thaw();
    await this.#untilReady(server, this.#planned(), () => this.#running.has(server), null);
  }

  /** Runs a preparing command to its end and gives what it printed. */
  async #prepare(server: ServerName, command: Command): Promise<string> {
    const launched = await this.#launch(server, command, true);
    const kill = () => launched.kill('SIGKILL');
    this.#over.signal.addEventListener('abort', kill, { once: true });
    const exit = await launched.exited;
    this.#over.signal.removeEventListener('abort', kill);
    this.#running.delete(server);
    await this.#host?.ended(launched);
    this.#over.signal.throwIfAborted();
    if (exit.code !== 0) {
      await writeFile(this.#log(server), launched.printed(), { flag: 'a' });
      throw deathOf(server, exit, this.#log(server), 'during its preparation').error;
    }
    return launched.printed();
  }

  async #launch(server: ServerName, command: Command, capture = false): Promise<Launched> {
    this.#over.signal.throwIfAborted();
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
    if (this.#stopped || this.#over.signal.aborted) return;
    // One that is frozen was not asked to end.
    const act = this.#away.get(server);
    if (act === 'kill' || act === 'restart') return;
    const death = deathOf(server, exit, this.#log(server), 'unexpectedly', this.#portsOf(server));
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
    await Promise.allSettled([this.#starting, ...this.#returning]);
    await Promise.all([...this.#auxiliary].map((one) => this.#endBeside(one, keepClasses)));
    // Reverse order by need: a server goes once everything that needs it is gone.
    const gone = new Map<ServerName, Promise<void>>();
    for (const server of this.servers.toReversed()) {
      const users = this.servers.filter((other) => COMPONENTS[other].needs.includes(server));
      const stopping = async () => {
        await Promise.all(users.map((user) => gone.get(user)));
        const launched = this.#running.get(server);
        if (!launched) return;
        // What is frozen does not hear that it is to end.
        if (this.#away.get(server) === 'pause') await launched.thaw();
        const askedMs = clock.monotonicMs();
        if (!launched.keepClasses) await end(launched, clock, STOP_GRACE_MS);
        else {
          await end(launched, clock, keepClasses ? KEEP_WITHIN_MS : 0, signal);
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

  /** One that is held before its end is to write its classes down first; it keeps them by itself. */
  async #endBeside(launched: Launched, keepClasses: boolean): Promise<void> {
    const { clock, signal } = this.#options;
    if (keepClasses && launched.keepClasses) {
      await launched.thaw();
      const gone = new AbortController();
      void launched.exited.then(() => gone.abort());
      await clock
        .sleep(KEEP_WITHIN_MS, AbortSignal.any([gone.signal, signal]))
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
