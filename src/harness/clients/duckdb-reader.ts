import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { entryFile } from '../entry.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { Endpoints } from '../stack/stack.ts';
import type { Params } from './duckdb.ts';
import { readProcess, type Usage } from './proc.ts';

/** What a reader process needs to know. `avro`, `httpfs` and `iceberg` are loaded by path. */
export interface ReaderConfig {
  readonly s3: Endpoints['s3'];
  readonly catalog: Endpoints['catalog'];
  readonly extensions: Artifacts['duckdbExtensions'];
  readonly threads: number;
  readonly memoryMb: number;
}

export type ToChild =
  | { readonly kind: 'open'; readonly config: ReaderConfig }
  | { readonly kind: 'query'; readonly id: number; readonly sql: string; readonly params: Params }
  | { readonly kind: 'interrupt' };

export type FromChild =
  | { readonly kind: 'opened'; readonly attachMs: number }
  | { readonly kind: 'refused'; readonly error: string }
  | (Timed & {
      readonly kind: 'answer';
      readonly id: number;
      readonly rows: readonly ReaderRow[];
      readonly error: string | null;
    });

export type ReaderRow = Readonly<Record<string, unknown>>;

interface Timed {
  /** Epoch ms, stamped in the reader's process around the statement. */
  readonly startMs: number;
  readonly endMs: number;
  /** CPU seconds the reader's process used in between; null when it could not tell any more. */
  readonly cpuS: number | null;
}

/**
 * What became of one query. `timeout`: it was stopped at its limit. `crashed`: the engine died of it
 * or declared itself broken, and a new one is started for the next query.
 */
export interface QueryAnswer extends Timed {
  readonly outcome: 'ok' | 'timeout' | 'failed' | 'crashed';
  readonly rows: readonly ReaderRow[];
  /** Why, unless it is ok. */
  readonly error: string | null;
}

export interface QueryLimits {
  readonly timeoutMs: number;
}

/** What the processes of a reader have used so far, the ended ones included. */
export interface EngineUsage extends Usage {
  /** Of `cpuS`, the part of processes that have ended. */
  readonly endedCpuS: number;
  /** The processes that live. */
  readonly pids: readonly number[];
}

/** The query engine under measurement: DuckDB with the tables attached as `ice`, in its own process. */
export interface Reader extends AsyncDisposable {
  /** Never rejects for what a query does: that is the answer. One at a time, in order of the calls. */
  query(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer>;
  /**
   * The same in a new process and instance that dies afterwards. `attachMs` is LOAD and ATTACH, apart
   * from the latency (the process's own start is in neither). The system's and the store's caches stay warm.
   */
  cold(
    sql: string,
    params: Params,
    limits: QueryLimits,
  ): Promise<QueryAnswer & { readonly attachMs: number | null }>;
  /** Times the engine died or broke by itself. */
  readonly crashes: number;
  /** Of the process that answers `query`; null between two of them. */
  readonly pid: number | null;
  usage(): EngineUsage;
  close(): Promise<void>;
}

/** An interrupted query that has not stopped after this is ended with its process. */
const INTERRUPT_MS = 2_000;
/** LOAD and ATTACH take 200 ms on an idle machine. */
const OPEN_MS = 30_000;
/** DuckDB's word for a bug of its own; the whole instance is unusable from then on. */
const BROKEN = /INTERNAL Error|FATAL Error|database has been invalidated/;

/** Opens a reader; rejects when it cannot load its extensions or reach the catalog. */
export async function openReader(
  endpoints: Pick<Endpoints, 's3' | 'catalog'>,
  extensions: Artifacts['duckdbExtensions'],
  options: { readonly clock: Clock; readonly threads?: number; readonly memoryMb?: number },
): Promise<Reader> {
  const { clock, threads = 1, memoryMb = 1024 } = options;
  const { s3, catalog } = endpoints;
  const config: ReaderConfig = { s3, catalog, extensions, threads, memoryMb };
  const reader = new ProcessReader(config, clock);
  await reader.start();
  return reader;
}

class ProcessReader implements Reader {
  readonly #config: ReaderConfig;
  readonly #clock: Clock;
  #engine: Engine | null = null;
  /** Every process that was started and whose end has not been accounted for. */
  readonly #processes = new Set<EngineProcess>();
  #endedCpuS = 0;
  #last: Promise<unknown> = Promise.resolve();
  #crashes = 0;
  #closed = false;

  constructor(config: ReaderConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  get crashes(): number {
    return this.#crashes;
  }

  get pid(): number | null {
    return this.#engine?.pid ?? null;
  }

  async start(): Promise<void> {
    this.#engine = await this.#launch();
  }

  usage(): EngineUsage {
    const pids: number[] = [];
    let [cpuS, rssBytes] = [0, 0];
    for (const process of this.#processes) {
      const now = process.usage();
      if (process.ended) {
        this.#processes.delete(process);
        this.#endedCpuS += now.cpuS;
        continue;
      }
      pids.push(process.pid);
      cpuS += now.cpuS;
      rssBytes += now.rssBytes;
    }
    const endedCpuS = this.#endedCpuS;
    return { cpuS: cpuS + endedCpuS, rssBytes, endedCpuS, pids };
  }

  query(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer> {
    const answer = this.#last.then(async () => {
      if (this.#closed) return this.#failed(new Error('the reader is closed'));
      if (!this.#engine?.alive) {
        if (this.#engine) this.#crashes += 1;
        this.#engine = null;
        try {
          await this.start();
        } catch (error) {
          return this.#failed(error);
        }
      }
      return this.#run(this.#engine as Engine | null, sql, params, limits);
    });
    this.#last = answer;
    return answer;
  }

  async cold(sql: string, params: Params, limits: QueryLimits) {
    let engine: Engine;
    try {
      engine = await this.#launch();
    } catch (error) {
      return { ...this.#failed(error), attachMs: null };
    }
    const answer = await engine.run(sql, params, limits);
    if (answer.outcome === 'crashed') this.#crashes += 1;
    await engine.kill();
    return { ...answer, attachMs: engine.attachMs };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#engine?.kill();
    await this.#last;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #launch(): Promise<Engine> {
    return Engine.start(this.#config, this.#clock, (process) => this.#processes.add(process));
  }

  async #run(engine: Engine | null, sql: string, params: Params, limits: QueryLimits) {
    if (!engine) return this.#failed(new Error('the reader could not be started'));
    const answer = await engine.run(sql, params, limits);
    if (this.#closed && answer.outcome === 'crashed') {
      return { ...answer, outcome: 'failed' as const, error: 'the reader was closed' };
    }
    if (answer.outcome === 'crashed') this.#crashes += 1;
    if (answer.outcome === 'crashed' || !engine.alive) {
      await engine.kill();
      this.#engine = null;
    }
    return answer;
  }

  #failed(error: unknown): QueryAnswer {
    const nowMs = this.#clock.nowMs();
    const text = error instanceof Error ? error.message : String(error);
    return { outcome: 'failed', rows: [], error: text, startMs: nowMs, endMs: nowMs, cpuS: null };
  }
}

/** What a process has used, from its fork on, whatever becomes of it. */
class EngineProcess {
  readonly pid: number;
  #ended = false;
  #used: Usage = { cpuS: 0, rssBytes: 0 };

  constructor(pid: number, exited: Promise<unknown>) {
    this.pid = pid;
    void exited.then(() => {
      this.#ended = true;
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** As of now, or when last looked at before its end. */
  usage(): Usage {
    if (this.#ended) return this.#used;
    const stat = readProcess(this.pid);
    if (stat) this.#used = { cpuS: stat.ownS, rssBytes: stat.rssBytes };
    return this.#used;
  }
}

/** One process with one instance in it. */
class Engine {
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
  ): Promise<Engine> {
    const child = fork(entryFile('harness/clients/duckdb-reader-child'), {
      serialization: 'advanced',
      execArgv: [],
      // A session of its own, which is what yields to the harness.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const exited = exitOf(child);
    const process = child.pid === undefined ? null : new EngineProcess(child.pid, exited);
    if (process) forked(process);
    tell(child, { kind: 'open', config });
    const opened = await Promise.race([
      once(child, 'message').then(([message]) => message as FromChild),
      exited.then((how): FromChild => ({ kind: 'refused', error: `its process ${how}` })),
      clock.sleep(OPEN_MS).then((): FromChild => ({ kind: 'refused', error: SLOW })),
    ]);
    if (opened.kind === 'opened') {
      return new Engine({ child, process, exited, attachMs: opened.attachMs, clock });
    }
    process?.usage();
    child.kill('SIGKILL');
    await exited;
    const why = opened.kind === 'refused' ? opened.error : `it sent ${opened.kind}`;
    throw new Error(`DuckDB did not open the catalog: ${why}`);
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

  async run(sql: string, params: Params, { timeoutMs }: QueryLimits): Promise<QueryAnswer> {
    const id = this.#nextId++;
    const sentMs = this.#clock.nowMs();
    const ended = new AbortController();
    const answer = this.#answer(id, ended.signal);
    tell(this.#child, { kind: 'query', id, sql, params });
    const after = async (ms: number) => {
      await this.#clock.sleep(ms, ended.signal).catch(() => {});
      return null;
    };
    try {
      const inTime = await Promise.race([answer, this.#exited, after(timeoutMs)]);
      if (typeof inTime === 'string') return this.#over(sentMs, 'crashed', `the engine ${inTime}`);
      if (inTime) return judged(inTime);
      tell(this.#child, { kind: 'interrupt' });
      const stopped = await Promise.race([answer, this.#exited, after(INTERRUPT_MS)]);
      if (typeof stopped === 'string')
        return this.#over(sentMs, 'crashed', `the engine ${stopped}`);
      if (stopped) {
        const { startMs, endMs, cpuS } = stopped;
        return { outcome: 'timeout', rows: [], error: LIMIT(timeoutMs), startMs, endMs, cpuS };
      }
      await this.kill();
      return this.#over(sentMs, 'timeout', `${LIMIT(timeoutMs)}, and had to be killed`);
    } finally {
      ended.abort();
    }
  }

  async kill(): Promise<void> {
    this.#process?.usage();
    this.#dead = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #over(startMs: number, outcome: 'timeout' | 'crashed', error: string): QueryAnswer {
    return { outcome, rows: [], error, startMs, endMs: this.#clock.nowMs(), cpuS: null };
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

const SLOW = `not within ${OPEN_MS / 1000} s`;
const LIMIT = (timeoutMs: number) => `not done within ${timeoutMs} ms`;

function judged(answer: Extract<FromChild, { kind: 'answer' }>): QueryAnswer {
  const { rows, error, startMs, endMs, cpuS } = answer;
  const outcome = error === null ? 'ok' : BROKEN.test(error) ? 'crashed' : 'failed';
  return { outcome, rows, error, startMs, endMs, cpuS };
}

/** A child that is gone cannot be told anything; that it is gone is known from its exit. */
function tell(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => {});
}

/** Resolves with how it ended; a process that could not be spawned counts as ended. */
function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `ended with exit code ${code}`),
    );
    child.once('error', (error) => resolve(`failed: ${error.message}`));
  });
}
