import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Params } from '../clients/duckdb.ts';
import type {
  EngineContext,
  QueryAnswer,
  QueryEngine,
  QueryLimits,
  ReaderOptions,
} from './engine.ts';
import {
  answerWithin,
  type EngineInstance,
  EngineProcess,
  openProcessReader,
} from './process-reader.ts';
import { NO_ANSWER, SparkSession } from './spark-session.ts';

/** Spark, in a session that stays open; a cold query has a new one. */
export const spark: QueryEngine & { readonly kind: 'spark' } = {
  kind: 'spark',
  servers: ['minio', 'catalog'],
  open: (context, options) =>
    openProcessReader(options.clock, (onProcess) =>
      SparkInstance.start(context, options, onProcess),
    ),
  second: null,
};

/** Spark plans a statement for a second or two, in which it does not notice a cancellation, ms. */
const STOP_WITHIN_MS = 10_000;
const UNUSABLE = new RegExp(`^${NO_ANSWER}|OutOfMemoryError|stopped SparkContext`);

class SparkInstance implements EngineInstance {
  readonly attachMs: number;
  readonly #session: SparkSession;
  readonly #clock: Clock;
  readonly #process: EngineProcess | null;
  readonly #exited: Promise<string>;
  #dead = false;

  static async start(
    { stack, logDir }: EngineContext,
    { clock, threads = 1, memoryMb }: ReaderOptions,
    onProcess: (process: EngineProcess) => void,
  ): Promise<SparkInstance> {
    let process: EngineProcess | null = null;
    const session = await SparkSession.start({
      ...{ stack, clock, threads },
      ...(memoryMb === undefined ? {} : { heapMiB: memoryMb }),
      // Several may be open at a time, each with a log of its own.
      log: join(logDir, `spark-${randomUUID().slice(0, 8)}.log`),
      signal: new AbortController().signal,
      onLaunched({ pid, exited }) {
        if (pid === null) return;
        process = new EngineProcess(pid, exited);
        onProcess(process);
      },
    });
    return new SparkInstance(session, clock, process);
  }

  private constructor(session: SparkSession, clock: Clock, process: EngineProcess | null) {
    this.#session = session;
    this.#clock = clock;
    this.#process = process;
    this.attachMs = session.attachMs;
    this.#exited = session.exited.then(({ code, signal }) => {
      this.#dead = true;
      return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    });
  }

  get alive(): boolean {
    return !this.#dead;
  }

  get pid(): number | null {
    return this.#dead ? null : this.#session.pid;
  }

  run(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer> {
    const id = randomUUID();
    const sentMs = this.#clock.nowMs();
    const answer = this.#session.rows({ id, sql, params }).catch((error: Error) => ({
      ...{ rows: [], error: error.message, cpuS: null },
      ...{ startMs: sentMs, endMs: this.#clock.nowMs() },
    }));
    return answerWithin(answer, limits, {
      clock: this.#clock,
      exited: this.#exited,
      interrupt: () => void this.#session.cancel(id),
      kill: () => this.kill(),
      stopWithinMs: STOP_WITHIN_MS,
      unusable: UNUSABLE,
    });
  }

  async kill(): Promise<void> {
    this.#process?.usage();
    this.#dead = true;
    await this.#session.close();
  }
}
