import { type ChildProcess, fork } from 'node:child_process';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { entryFile } from '../entry.ts';
import type { LoaderConfig } from './loader.ts';
import type { FromLoader, ToLoader } from './loader-child.ts';

const POLL_MS = 200;
/** A loader connects within two seconds on an idle machine. */
const READY_WITHIN_MS = 60_000;
/** Pause before a loader that failed is started again, ms: what it needs may be away for a while. */
const RESTART_AFTER_MS = 1_000;
/** Longest time in which it may fail without completing a load, ms, and the number of failures in it. */
const FAILING_WITHIN_MS = 10_000;
const FAILURES = 3;

/** A loader in a process of its own, which is started again when it ends, as a service manager does. */
export class LoaderProcess implements AsyncDisposable {
  readonly #config: LoaderConfig;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #ready = false;
  #drained = false;
  #lastError = 'it ended';
  /** Failures since the last completed load, and the time of the first, by the monotonic clock. */
  #failures = 0;
  #failingSinceMs: number | null = null;
  readonly #running: Promise<void>;

  /** Resolves when it reads the topics; rejects with a DoorbusterError if it does not get there within a minute. */
  static async start(
    config: LoaderConfig,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<LoaderProcess> {
    const loader = new LoaderProcess(config, clock);
    const startedMs = clock.monotonicMs();
    try {
      while (!loader.#ready) {
        if (clock.monotonicMs() - startedMs > READY_WITHIN_MS || loader.#failures >= FAILURES) {
          throw stackBroke(`the loader did not start: ${loader.#lastError}`);
        }
        await clock.sleep(POLL_MS, signal);
      }
      return loader;
    } catch (error) {
      await loader[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(config: LoaderConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#running = this.#run();
  }

  /** null between two processes. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** See `DeployedStage.watch`. */
  async watch(signal: AbortSignal, underDeclaredFault: () => boolean): Promise<void> {
    while (!signal.aborted && !this.#stopping.signal.aborted && !this.#drained) {
      if (underDeclaredFault()) this.#succeeded();
      const sinceMs = this.#failingSinceMs;
      const failingMs = sinceMs === null ? 0 : this.#clock.monotonicMs() - sinceMs;
      if (failingMs > FAILING_WITHIN_MS && this.#failures >= FAILURES) {
        throw stackBroke(`the loader fails again and again: ${this.#lastError}`);
      }
      await this.#clock.sleep(POLL_MS, signal).catch(() => {});
    }
  }

  /** Ends it after it has loaded everything that is in the topics. */
  async drain(signal?: AbortSignal): Promise<void> {
    while (!this.#drained) {
      // A process that was started after the last message has not got it.
      if (this.#ready) send(this.#child, { kind: 'drain' });
      await this.#clock.sleep(POLL_MS, signal);
    }
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#child?.kill('SIGKILL');
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const failed = await this.#runOnce();
      if (failed) await this.#clock.sleep(RESTART_AFTER_MS, signal).catch(() => {});
    }
  }

  /** One process, from its start to its end; resolves with whether it ended by an error of its own. */
  #runOnce(): Promise<boolean> {
    const child = fork(entryFile('harness/batches/loader-child'), {
      serialization: 'advanced',
      execArgv: [],
      // A session of its own, to which the lower priority applies.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    let failed = false;
    child.on('message', (message: FromLoader) => {
      if (message.kind === 'ready') this.#ready = true;
      if (message.kind === 'loaded') this.#succeeded();
      if (message.kind === 'drained') this.#drained = true;
      if (message.kind === 'failed') {
        failed = true;
        this.#lastError = message.error;
      }
    });
    send(child, { kind: 'start', config: this.#config });
    return new Promise((resolve) => {
      const ended = (how: string) => {
        this.#child = null;
        this.#ready = false;
        if (!failed) this.#lastError = how;
        this.#failures += 1;
        this.#failingSinceMs ??= this.#clock.monotonicMs();
        resolve(failed);
      };
      child.once('exit', (code, signal) => ended(`its process ended with ${signal ?? code}`));
      child.once('error', (error) => ended(`its process could not be started: ${error.message}`));
    });
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#failingSinceMs = null;
  }
}

/** Does nothing if the process has ended, which its exit event reports. */
function send(child: ChildProcess | null, message: ToLoader): void {
  if (child?.connected) child.send(message, () => {});
}
