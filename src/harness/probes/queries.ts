import { grouped } from '../../core/grouped.ts';
import { type Random, random } from '../../core/random.ts';
import type { EngineKind } from '../../topology/manifest.ts';
import type { Cell } from '../clients/duckdb.ts';
import { type EngineUsage, NO_USAGE, type QueryAnswer, type Reader } from '../engines/engine.ts';
import type { PipelineQuery } from '../pipelines/load.ts';
import { tablesRead } from '../pipelines/tables-read.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Runs the queries: open-loop background queries through all phases, and rounds on demand. */
export interface QueryProbe extends RunningProbe {
  /**
   * One round over all queries, each until it has the samples of the scenario or has used up its time budget. `hot`
   * uses the open reader after one unmeasured warm-up; `cold` starts a new process and instance for each sample.
   * Every sample is a row of `queries` with this phase. A query that does not answer is not run again in that round.
   * Background queries pause during a round, so that neither queues behind the other.
   */
  round(phase: string, mode: 'hot' | 'cold'): Promise<void>;
  /** The background query that ended last. */
  last(): LastQuery | null;
  /** Queries without an answer yet; a round counts as one. */
  running(): number;
  /** Number of crashes of the engine. */
  crashes(): number;
  /** CPU and memory that the engine has used so far. */
  engine(): EngineUsage;
}

interface LastQuery {
  readonly name: string;
  readonly latencyMs: number;
  readonly outcome: Outcome;
}

type Outcome = QueryAnswer['outcome'] | 'skipped';

const ENGINE_THREADS = 1;
const ENGINE_MEMORY_MB = 2048;

export const queryProbe: Probe<QueryProbe> & { readonly kind: 'queries' } = {
  kind: 'queries',
  async start(context) {
    const reads = await tablesByQuery(context);
    const limits = { threads: ENGINE_THREADS, memoryMb: ENGINE_MEMORY_MB };
    const running: RunningQueries[] = [];
    try {
      for (const [engine, queries] of grouped(context.queries, (query) => query.engine)) {
        const reader = await context.openReader(limits, engine);
        const isFirst = running.length === 0;
        running.push(new RunningQueries(context, { engine, isFirst, queries, reader, reads }));
      }
    } catch (error) {
      await Promise.all(running.map((one) => one.stop()));
      throw error;
    }
    return sideBySide(running);
  },
};

/**
 * Per query: the tables it reads, joined by commas. DuckDB's parser finds them; a query that it cannot parse has those
 * of the same query for another engine.
 */
async function tablesByQuery({
  queries,
  facts,
}: Pick<ProbeContext, 'queries' | 'facts'>): Promise<ReadonlyMap<string, string>> {
  const reads = new Map<string, string>();
  for (const { name, sql } of queries) {
    const tables = await tablesRead(facts, sql);
    if (tables.length > 0 || !reads.has(name)) reads.set(name, tables.join(','));
  }
  return reads;
}

/** Several engines as one probe. Each has background queries of its own; their rounds follow one another. */
function sideBySide(running: readonly RunningQueries[]): QueryProbe {
  return {
    last: () => running[0]?.last() ?? null,
    running: () => running.reduce((sum, one) => sum + one.running(), 0),
    crashes: () => running.reduce((sum, one) => sum + one.crashes(), 0),
    engine: () =>
      running
        .map((one) => one.engine())
        .reduce(
          (sum, one) => ({
            cpuS: sum.cpuS + one.cpuS,
            rssBytes: sum.rssBytes + one.rssBytes,
            endedCpuS: sum.endedCpuS + one.endedCpuS,
            pids: [...sum.pids, ...one.pids],
          }),
          NO_USAGE,
        ),
    async round(phase, mode) {
      for (const one of running) one.pause();
      try {
        await Promise.all(running.map((one) => one.idle()));
        for (const one of running) await one.round(phase, mode);
      } finally {
        for (const one of running) one.resume();
      }
    },
    async stop() {
      await Promise.all(running.map((one) => one.stop()));
    },
  };
}

interface EngineQueries {
  readonly engine: EngineKind;
  /** Whether it is the first of the run, whose queries keep their names. */
  readonly isFirst: boolean;
  readonly queries: readonly PipelineQuery[];
  readonly reader: Reader;
  readonly reads: ReadonlyMap<string, string>;
}

/** The queries of one engine. */
class RunningQueries {
  readonly #its: EngineQueries;
  readonly #context: ProbeContext;
  readonly #reader: Reader;
  readonly #stopping = new AbortController();
  readonly #background: Promise<void>;
  /** Intended starts of the background queries without an answer yet, oldest first. */
  readonly #outstanding: number[] = [];
  readonly #backgroundQueries = new Set<Promise<void>>();
  #last: LastQuery | null = null;
  #inRound = false;

  constructor(context: ProbeContext, its: EngineQueries) {
    this.#context = context;
    this.#its = its;
    this.#reader = its.reader;
    this.#background = this.#run();
  }

  last(): LastQuery | null {
    return this.#last;
  }

  running(): number {
    return this.#outstanding.length + (this.#inRound ? 1 : 0);
  }

  crashes(): number {
    return this.#reader.crashes;
  }

  engine(): EngineUsage {
    return this.#reader.usage();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    await this.#background;
    // An interrupted run does not wait for slow queries: closing the reader ends them.
    if (this.#context.signal.aborted) await this.#reader.close();
    await Promise.all(this.#backgroundQueries);
    await this.#reader.close();
  }

  /** Starts no background query until `resume`. */
  pause(): void {
    this.#inRound = true;
  }

  resume(): void {
    this.#inRound = false;
  }

  /** Resolves when every background query has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#backgroundQueries);
  }

  async round(phase: string, mode: 'hot' | 'cold'): Promise<void> {
    for (const query of this.#its.queries) {
      if (this.#context.signal.aborted) return;
      if (mode === 'hot') await this.#hot(phase, query);
      else await this.#cold(phase, query);
    }
  }

  /** Open loop: background query n is due n intervals after the start, independent of those before it. */
  async #run(): Promise<void> {
    const { clock, scenario, signal } = this.#context;
    const { queries } = this.#its;
    const ends = AbortSignal.any([signal, this.#stopping.signal]);
    const draw = random(scenario.seed, 'queries', 'trickle');
    const startMs = clock.nowMs();
    for (let n = 0; ; n++) {
      const intendedMs = startMs + n * scenario.queries.everyMs;
      await clock.sleep(Math.max(0, intendedMs - clock.nowMs()), ends).catch(() => {});
      if (ends.aborted) return;
      // Not due during a round, and so not counted as skipped.
      if (this.#inRound) continue;
      const query = queries[n % queries.length] as PipelineQuery;
      const tick = this.#runInBackground(query, intendedMs, draw)
        .catch(this.#context.fail)
        .finally(() => this.#backgroundQueries.delete(tick));
      this.#backgroundQueries.add(tick);
    }
  }

  async #runInBackground(query: PipelineQuery, intendedMs: number, draw: Random): Promise<void> {
    const { scenario } = this.#context;
    const phase = this.#context.phase();
    const params = this.#params(query, draw);
    const waitedMs = intendedMs - (this.#outstanding[0] ?? intendedMs);
    if (waitedMs > scenario.queries.timeoutMs) {
      const error = `a query intended ${Math.round(waitedMs)} ms before it was still unanswered`;
      await this.#write(query.name, phase, 'trickle', { intendedMs, outcome: 'skipped', error });
      return;
    }
    this.#outstanding.push(intendedMs);
    const answer = await this.#reader.query(query.sql, params, scenario.queries);
    this.#outstanding.splice(this.#outstanding.indexOf(intendedMs), 1);
    this.#last = {
      name: query.name,
      latencyMs: answer.endMs - intendedMs,
      outcome: answer.outcome,
    };
    await this.#write(query.name, phase, 'trickle', { intendedMs, ...answer });
  }

  async #hot(phase: string, query: PipelineQuery): Promise<void> {
    const { scenario, signal, clock } = this.#context;
    const draw = random(scenario.seed, 'queries', 'round', query.name);
    const ask = () => this.#reader.query(query.sql, this.#params(query, draw), scenario.queries);
    const warm = await ask();
    if (warm.outcome !== 'ok') return this.#record(phase, 'hot', query, warm);
    const untilMs = clock.nowMs() + scenario.queries.roundBudgetMs;
    for (let n = 0; n < scenario.queries.roundSamples && !signal.aborted; n++) {
      if (n > 0 && clock.nowMs() >= untilMs) return;
      const answer = await ask();
      await this.#record(phase, 'hot', query, answer);
      // A query that does not answer would only use up its time budget.
      if (answer.outcome !== 'ok') return;
    }
  }

  async #cold(phase: string, query: PipelineQuery): Promise<void> {
    const { scenario, signal } = this.#context;
    const draw = random(scenario.seed, 'queries', 'round', query.name);
    for (let n = 0; n < scenario.queries.coldSamples && !signal.aborted; n++) {
      const params = this.#params(query, draw);
      const answer = await this.#reader.cold(query.sql, params, scenario.queries);
      await this.#record(phase, 'cold', query, answer);
      if (answer.outcome !== 'ok') return;
    }
  }

  /** Queries of a round do not queue: the intended start is the actual one. */
  #record(
    phase: string,
    mode: 'hot' | 'cold',
    query: PipelineQuery,
    answer: QueryAnswer & { readonly attachMs?: number | null },
  ): Promise<void> {
    return this.#write(query.name, phase, mode, { intendedMs: answer.startMs, ...answer });
  }

  #params(query: PipelineQuery, draw: Random): Readonly<Record<string, Cell>> {
    const key = this.#context.lookupKey(draw);
    const all = { store: key.store, sku: key.sku, now_ms: Math.floor(this.#context.clock.nowMs()) };
    return Object.fromEntries(query.parameters.map((name) => [name, all[name]]));
  }

  #write(
    query: string,
    phase: string,
    mode: 'trickle' | 'hot' | 'cold',
    result: {
      readonly intendedMs: number;
      readonly outcome: Outcome;
      readonly error: string | null;
      readonly startMs?: number;
      readonly endMs?: number;
      readonly cpuS?: number | null;
      readonly attachMs?: number | null;
      readonly rows?: readonly unknown[];
    },
  ): Promise<void> {
    const { engine, isFirst, reads } = this.#its;
    return this.#context.facts.append('queries', [
      {
        name: isFirst ? query : `${query}@${engine}`,
        engine,
        phase,
        mode,
        intended_ms: result.intendedMs,
        start_ms: result.startMs,
        end_ms: result.endMs,
        cpu_s: result.cpuS,
        attach_ms: result.attachMs,
        outcome: result.outcome,
        reads: reads.get(query) || null,
        rows: result.outcome === 'ok' ? result.rows?.length : null,
        error: result.error,
      },
    ]);
  }
}
