import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Params } from '../clients/duckdb.ts';
import type { Exit } from '../stack/server.ts';
import type { SessionOptions } from '../stack/session-process.ts';
import type { EngineContext, QueryAnswer, QueryLimits, Reader, ReaderOptions } from './engine.ts';
import {
  answerWithin,
  type EngineInstance,
  EngineProcess,
  type InstanceAnswer,
  openProcessReader,
} from './process-reader.ts';

/** A statement with its values for `$name`, by name, and an id by which it can be cancelled. */
export interface Statement {
  readonly id: string;
  readonly sql: string;
  readonly params: Params;
}

/** An engine next to the servers that runs statements until it is closed, in a process of its own. */
export interface Session {
  readonly pid: number | null;
  /** Time from the start of the process to its readiness, ms. */
  readonly attachMs: number;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>;
  /** Runs a statement and returns its rows; an error of the engine is an answer. Rejects if the process ends. */
  rows(statement: Statement): Promise<InstanceAnswer>;
  /** Cancels a statement, which then fails; one that does not end is ended by `close` only. */
  cancel(id: string): Promise<void>;
  close(): Promise<void>;
}

/** An engine with sessions. */
export interface SessionEngine {
  /** Name of its log files. */
  readonly kind: string;
  readonly start: (options: SessionOptions) => Promise<Session>;
  /** A cancelled statement that does not end within this is ended with its process, ms. */
  readonly stopWithinMs: number;
  /** Errors after which the whole session is unusable. */
  readonly unusable: RegExp;
}

/** A reader with a session that stays open; a cold query has a new one. */
export function openSessionReader(
  engine: SessionEngine,
  context: EngineContext,
  options: ReaderOptions,
): Promise<Reader> {
  return openProcessReader(options.clock, (onProcess) =>
    SessionInstance.start(engine, { ...context, ...options, onProcess }),
  );
}

class SessionInstance implements EngineInstance {
  readonly attachMs: number;
  readonly #engine: SessionEngine;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #process: EngineProcess | null;
  readonly #exited: Promise<string>;
  #dead = false;

  static async start(
    engine: SessionEngine,
    {
      stack,
      logDir,
      clock,
      threads = 1,
      memoryMb,
      jit = 'full',
      onProcess,
    }: EngineContext & ReaderOptions & { readonly onProcess: (process: EngineProcess) => void },
  ): Promise<SessionInstance> {
    let process: EngineProcess | null = null;
    const session = await engine.start({
      ...{ stack, clock, threads, jit },
      ...(memoryMb === undefined ? {} : { heapMiB: memoryMb }),
      // Several may be open at a time, each with a log of its own.
      log: join(logDir, `${engine.kind}-${randomUUID().slice(0, 8)}.log`),
      signal: new AbortController().signal,
      onLaunched({ pid, exited }) {
        if (pid === null) return;
        process = new EngineProcess(pid, exited);
        onProcess(process);
      },
    });
    return new SessionInstance(engine, session, { clock, process });
  }

  private constructor(
    engine: SessionEngine,
    session: Session,
    its: { readonly clock: Clock; readonly process: EngineProcess | null },
  ) {
    this.#engine = engine;
    this.#session = session;
    this.#clock = its.clock;
    this.#process = its.process;
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
      stopWithinMs: this.#engine.stopWithinMs,
      unusable: this.#engine.unusable,
    });
  }

  async kill(): Promise<void> {
    this.#process?.usage();
    this.#dead = true;
    await this.#session.close();
  }
}
