import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import type { Params } from '../clients/duckdb.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { entryFile } from '../entry.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { QueryAnswer, QueryLimits } from './engine.ts';
import {
  answerWithin,
  type EngineInstance,
  EngineProcess,
  type InstanceAnswer,
} from './process-reader.ts';

/** Configuration of a reader process. Extensions are loaded by path. */
export interface ReaderConfig {
  readonly s3: Endpoints['s3'];
  /** Where its tables come from. */
  readonly tables:
    | { readonly from: 'catalog'; readonly catalog: Endpoints['catalog'] }
    | { readonly from: 'batches' | 'lake'; readonly namespace: string };
  readonly extensions: Artifacts['duckdbExtensions'];
  readonly threads: number;
  readonly memoryMb: number;
  readonly cachesFiles: boolean;
}

/** Messages to the process. Each query gets one answer. */
export type ToChild =
  | { readonly kind: 'open'; readonly config: ReaderConfig }
  | { readonly kind: 'query'; readonly id: number; readonly sql: string; readonly params: Params }
  | { readonly kind: 'interrupt' };

/** Messages from the process. */
export type FromChild =
  | { readonly kind: 'opened'; readonly attachMs: number }
  | { readonly kind: 'refused'; readonly error: string }
  | (InstanceAnswer & { readonly kind: 'answer'; readonly id: number });

/** See `answerWithin`, ms. */
const STOP_WITHIN_MS = 2_000;
/** LOAD and ATTACH take 200 ms on an idle machine. */
const OPEN_WITHIN_MS = 30_000;
/** Errors by a bug of DuckDB, after which the whole instance is unusable. */
const UNUSABLE = /INTERNAL Error|FATAL Error|database has been invalidated/;

/** A process with one DuckDB instance. */
export class DuckDbInstance implements EngineInstance {
  readonly attachMs: number;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #exited: Promise<string>;
  #nextId = 1;
  readonly #process: EngineProcess | null;
  #dead = false;

  static async start(
    config: ReaderConfig,
    clock: Clock,
    forked: (process: EngineProcess) => void,
  ): Promise<DuckDbInstance> {
    const child = fork(entryFile('harness/engines/duckdb-reader-child'), {
      serialization: 'advanced',
      execArgv: [],
      // A session of its own, to which the lower priority applies.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const exited = exitOf(child);
    const process = child.pid === undefined ? null : new EngineProcess(child.pid, exited);
    if (process) forked(process);
    send(child, { kind: 'open', config });
    const answered = new AbortController();
    const refused = (error: string): FromChild => ({ kind: 'refused', error });
    const opened = await Promise.race([
      once(child, 'message').then(([message]) => message as FromChild),
      exited.then((how) => refused(`its process ${how}`)),
      clock.sleep(OPEN_WITHIN_MS, answered.signal).then(
        () => refused(OPEN_TIMEOUT),
        () => refused('it has answered'),
      ),
    ]);
    // Otherwise the timer would keep this process alive until OPEN_MS.
    answered.abort();
    if (opened.kind === 'opened') {
      return new DuckDbInstance({ child, process, exited, attachMs: opened.attachMs, clock });
    }
    process?.usage();
    child.kill('SIGKILL');
    await exited;
    const why = opened.kind === 'refused' ? opened.error : `it sent ${opened.kind}`;
    throw new Error(`DuckDB did not open the tables: ${why}`);
  }

  private constructor(parts: {
    readonly child: ChildProcess;
    readonly process: EngineProcess | null;
    readonly exited: Promise<string>;
    readonly attachMs: number;
    readonly clock: Clock;
  }) {
    const { child, process, exited, attachMs, clock } = parts;
    this.#child = child;
    this.#process = process;
    this.#clock = clock;
    this.#exited = exited;
    this.attachMs = attachMs;
    void exited.then(() => {
      this.#dead = true;
    });
  }

  get alive(): boolean {
    return !this.#dead;
  }

  get pid(): number | null {
    return this.#dead ? null : (this.#child.pid ?? null);
  }

  async run(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer> {
    const id = this.#nextId++;
    const answered = new AbortController();
    const answer = this.#answer(id, answered.signal);
    send(this.#child, { kind: 'query', id, sql, params });
    try {
      return await answerWithin(answer, limits, {
        clock: this.#clock,
        exited: this.#exited,
        interrupt: () => send(this.#child, { kind: 'interrupt' }),
        kill: () => this.kill(),
        stopWithinMs: STOP_WITHIN_MS,
        unusable: UNUSABLE,
      });
    } finally {
      answered.abort();
    }
  }

  async kill(): Promise<void> {
    this.#process?.usage();
    this.#dead = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #answer(id: number, signal: AbortSignal): Promise<Extract<FromChild, { kind: 'answer' }>> {
    return new Promise((resolve) => {
      const onMessage = (message: FromChild) => {
        if (message.kind === 'answer' && message.id === id) resolve(message);
      };
      this.#child.on('message', onMessage);
      signal.addEventListener('abort', () => this.#child.off('message', onMessage));
    });
  }
}

const OPEN_TIMEOUT = `not within ${OPEN_WITHIN_MS / 1000} s`;
/** Sends a message; does nothing if the child has ended, which its exit event reports. */
function send(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => {});
}

/** Resolves with a description of how the process ended; one that could not be spawned counts as ended. */
function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `ended with exit code ${code}`),
    );
    child.once('error', (error) => resolve(`failed: ${error.message}`));
  });
}
