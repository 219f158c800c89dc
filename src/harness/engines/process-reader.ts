import type { Clock } from '../../core/clock.ts';
import type { Params } from '../clients/duckdb.ts';
import { readProcess, type Usage } from '../clients/proc.ts';
import type {
  EngineUsage,
  QueryAnswer,
  QueryLimits,
  Reader,
  ReaderRow,
  StatementTimes,
} from './engine.ts';

/** CPU and memory of a process since its start, also after its end. */
export class EngineProcess {
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

  /** Current usage, or that of the last sample before its end. */
  usage(): Usage {
    if (this.#ended) return this.#used;
    const stat = readProcess(this.pid);
    if (stat) this.#used = { cpuS: stat.ownS, rssBytes: stat.rssBytes };
    return this.#used;
  }
}

/** An instance of an engine, in a process of its own. */
export interface EngineInstance {
  /** Time until the tables were attached. */
  readonly attachMs: number;
  readonly alive: boolean;
  /** null after its end, or if the process is not visible from here. */
  readonly pid: number | null;
  run(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer>;
  kill(): Promise<void>;
}

/** Starts an instance, and reports its process as soon as there is one. Rejects if the tables are not reachable. */
type StartInstance = (onProcess: (process: EngineProcess) => void) => Promise<EngineInstance>;

/** Answer of an instance to one statement. */
export type InstanceAnswer = StatementTimes & {
  readonly rows: readonly ReaderRow[];
  readonly error: string | null;
};

interface Waiting {
  readonly clock: Clock;
  /** Resolves with a description of how the process ended. */
  readonly exited: Promise<string>;
  readonly interrupt: () => void;
  readonly kill: () => Promise<void>;
  /** An interrupted statement that does not end within this is ended with its process, ms. */
  readonly stopWithinMs: number;
  /** Errors after which the whole instance is unusable. */
  readonly unusable?: RegExp;
}

/** Waits for the answer to a statement up to its limit; then interrupts it, and kills its process if that does not help. */
export async function answerWithin(
  answer: Promise<InstanceAnswer>,
  { timeoutMs }: QueryLimits,
  { clock, exited, interrupt, kill, stopWithinMs, unusable }: Waiting,
): Promise<QueryAnswer> {
  const sentMs = clock.nowMs();
  const ended = new AbortController();
  const after = async (ms: number) => {
    await clock.sleep(ms, ended.signal).catch(() => {});
    return null;
  };
  const withoutAnswer = (outcome: 'timeout' | 'crashed', error: string): QueryAnswer => ({
    ...{ outcome, error, rows: [], cpuS: null },
    ...{ startMs: sentMs, endMs: clock.nowMs() },
  });
  const late = `not done within ${timeoutMs} ms`;
  try {
    const inTime = await Promise.race([answer, exited, after(timeoutMs)]);
    if (typeof inTime === 'string') return withoutAnswer('crashed', `the engine ${inTime}`);
    if (inTime !== null) {
      const { rows, error, startMs, endMs, cpuS } = inTime;
      const outcome = error === null ? 'ok' : unusable?.test(error) ? 'crashed' : 'failed';
      return { outcome, rows, error, startMs, endMs, cpuS };
    }
    interrupt();
    const stopped = await Promise.race([answer, exited, after(stopWithinMs)]);
    if (typeof stopped === 'string') return withoutAnswer('crashed', `the engine ${stopped}`);
    if (stopped !== null) {
      const { startMs, endMs, cpuS } = stopped;
      return { outcome: 'timeout', rows: [], error: late, startMs, endMs, cpuS };
    }
    await kill();
    return withoutAnswer('timeout', `${late}, and had to be killed`);
  } finally {
    ended.abort();
  }
}

/** An engine in a process of its own; rejects when its first instance cannot be started. */
export async function openProcessReader(clock: Clock, start: StartInstance): Promise<Reader> {
  const reader = new ProcessReader(clock, start);
  await reader.start();
  return reader;
}

class ProcessReader implements Reader {
  readonly #startInstance: StartInstance;
  readonly #clock: Clock;
  #engine: EngineInstance | null = null;
  /** Every started process whose final usage has not been added to #endedCpuS. */
  readonly #processes = new Set<EngineProcess>();
  #endedCpuS = 0;
  #last: Promise<unknown> = Promise.resolve();
  #crashes = 0;
  #closed = false;

  constructor(clock: Clock, start: StartInstance) {
    this.#clock = clock;
    this.#startInstance = start;
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
      return this.#run(this.#engine as EngineInstance | null, sql, params, limits);
    });
    this.#last = answer;
    return answer;
  }

  async cold(sql: string, params: Params, limits: QueryLimits) {
    let engine: EngineInstance;
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

  #launch(): Promise<EngineInstance> {
    return this.#startInstance((process) => this.#processes.add(process));
  }

  async #run(engine: EngineInstance | null, sql: string, params: Params, limits: QueryLimits) {
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
