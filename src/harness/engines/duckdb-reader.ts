import type { Clock } from '../../core/clock.ts';
import type { Params } from '../clients/duckdb.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { Engine, type EngineProcess, type ReaderConfig } from './duckdb-engine.ts';
import type { EngineUsage, QueryAnswer, QueryLimits, Reader, ReaderOptions } from './engine.ts';

/** DuckDB in a process of its own; rejects when it cannot load its extensions or reach the catalog. */
export async function openReader(
  endpoints: Pick<Endpoints, 's3' | 'catalog'>,
  extensions: Artifacts['duckdbExtensions'],
  options: ReaderOptions,
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
  /** Every started process whose final usage has not been added to #endedCpuS. */
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
