import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { entryFile } from '../entry.ts';
import { FailureStreak } from './failure-streak.ts';
import type { ToLoader } from './loader-child.ts';
import type { ToWarehouse } from './warehouse-child.ts';

/**
 * Messages from the process. `loaded`: a load or a merge is done, with its number; null: there was nothing to do.
 * `answer`: the answer to a query.
 */
export type ChildReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loaded'; readonly load: number | null }
  | { readonly kind: 'drained' }
  | { readonly kind: 'failed'; readonly error: string }
  | {
      readonly kind: 'answer';
      readonly id: number;
      readonly rows: readonly Readonly<Record<string, unknown>>[];
      readonly error: string | null;
      /** Epoch ms from its arrival to its end. */
      readonly startMs: number;
      readonly endMs: number;
      readonly cpuS: number;
    };

type Answer = Extract<ChildReport, { kind: 'answer' }>;
type Message = ToLoader | ToWarehouse;

/** A program of a stage, and the message that starts its work. */
interface Program {
  /** What it is called in errors. */
  readonly title: string;
  readonly entry: 'harness/batches/loader-child' | 'harness/batches/warehouse-child';
  readonly start: Extract<Message, { kind: 'start' }>;
}

const POLL_MS = 200;
/** A loader connects within two seconds on an idle machine. */
const READY_WITHIN_MS = 60_000;
/** Pause before a loader that failed is started again, ms: what it needs may be away for a while. */
const RESTART_AFTER_MS = 1_000;

/** A process of a stage, which is started again when it ends, as a service manager does. */
export class StageProcess implements AsyncDisposable {
  readonly #program: Program;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #ready = false;
  readonly #drained = new AbortController();
  readonly #failures: FailureStreak;
  readonly #running: Promise<void>;
  readonly #answers = new EventEmitter();
  #exited: Promise<string> = Promise.resolve('has not been started');

  /** Resolves when it reads the topics; rejects with a DoorbusterError if it does not get there within a minute. */
  static async start(
    program: Program,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<StageProcess> {
    const started = new StageProcess(program, clock);
    const startedMs = clock.monotonicMs();
    try {
      while (!started.#ready) {
        if (clock.monotonicMs() - startedMs > READY_WITHIN_MS || started.#failures.many) {
          throw stackBroke(`the ${program.title} did not start: ${started.#failures.lastError}`);
        }
        await clock.sleep(POLL_MS, signal);
      }
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(program: Program, clock: Clock) {
    this.#program = program;
    this.#clock = clock;
    this.#failures = new FailureStreak(clock);
    this.#running = this.#run();
  }

  /** null between two processes. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** See `DeployedStage.watch`. */
  watch(signal: AbortSignal, underDeclaredFault: () => boolean): Promise<void> {
    const over = AbortSignal.any([signal, this.#stopping.signal, this.#drained.signal]);
    return this.#failures.watch(this.#program.title, over, underDeclaredFault);
  }

  /** Resolves when it has done everything that there is to do; it runs on until it is disposed of. */
  async drain(signal?: AbortSignal): Promise<void> {
    while (!this.#drained.signal.aborted) {
      // A process that was started after the last message has not got it.
      if (this.#ready) send(this.#child, { kind: 'drain' });
      await this.#clock.sleep(POLL_MS, signal);
    }
  }

  /** Sends a message to the process that runs now. */
  send(message: Message): void {
    send(this.#child, message);
  }

  /** Resolves with the answer to a query; listening ends when `signal` aborts. */
  async answerTo(id: number, signal: AbortSignal): Promise<Answer> {
    const [answer] = await once(this.#answers, String(id), { signal });
    return answer as Answer;
  }

  /** Resolves with a description of how the process that runs now ended. */
  get exited(): Promise<string> {
    return this.#exited;
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
  async #runOnce(): Promise<boolean> {
    const child = fork(entryFile(this.#program.entry), {
      serialization: 'advanced',
      execArgv: [],
      // A session of its own, to which the lower priority applies.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    let error: string | null = null;
    child.on('message', (message: ChildReport) => {
      if (message.kind === 'ready') this.#ready = true;
      if (message.kind === 'loaded') this.#failures.succeeded();
      if (message.kind === 'answer') this.#answers.emit(String(message.id), message);
      if (message.kind === 'drained') this.#drained.abort();
      if (message.kind === 'failed') error = message.error;
    });
    send(child, this.#program.start);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(`its process ended with ${signal ?? code}`));
      child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
    });
    const how = await this.#exited;
    this.#child = null;
    this.#ready = false;
    this.#failures.failed(error ?? how);
    return error !== null;
  }
}

/** Does nothing if the process has ended, which its exit event reports. */
function send(child: ChildProcess | null, message: Message): void {
  if (child?.connected) child.send(message, () => {});
}
