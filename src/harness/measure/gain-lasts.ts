import { grouped } from '../../core/grouped.ts';
import { theilSen } from '../../core/intervals.ts';
import { MIN_SAMPLES } from '../../core/metrics.ts';
import { statisticOf } from '../../core/stats.ts';
import type { CompactionRecord } from '../../record/record.ts';
import type { CompactionRun, Measuring } from './context.ts';
import type { CompactionWindow } from './payback.ts';

/** The gain of a compaction is measured against this time before it, ms. */
const BEFORE_MS = 60_000;

type Lasts = Pick<CompactionRecord, 'gainLastsMs' | 'gainLastsInterval'>;

/** A background query. latencyMs is +∞ if it gave no answer. */
export interface BackgroundQuery {
  readonly query: string;
  readonly intendedMs: number;
  readonly latencyMs: number;
}

/** How long the gain lasts, from the background queries between the compaction before and the one after. */
export async function gainLasts(
  { sql }: Measuring,
  run: Pick<CompactionRun, 'startMs' | 'endMs'>,
  { fromMs, toMs }: CompactionWindow,
): Promise<Lasts> {
  const ticks = await sql.rows<BackgroundQuery>(`
    SELECT name AS query, intended_ms AS "intendedMs",
      CASE outcome WHEN 'ok' THEN end_ms - intended_ms ELSE 'Infinity'::DOUBLE END AS "latencyMs"
    FROM first_engine_queries WHERE mode = 'trickle' ORDER BY intended_ms`);
  return gainLastsOf(
    ticks.filter(({ intendedMs }) => intendedMs >= fromMs && intendedMs < toMs),
    run,
  );
}

/**
 * Time after the compaction until a round of background queries is as slow again as in the minute before it,
 * extrapolated by Theil–Sen's line through the sums of the first, second, … answer of every query. Empty if
 * there are too few answers for a line, or if the median query of the minute before timed out. gainLastsMs is
 * null if the interval of the slope contains 0: no growth distinguishable from noise.
 */
export function gainLastsOf(
  ticks: readonly BackgroundQuery[],
  { startMs, endMs }: Pick<CompactionRun, 'startMs' | 'endMs'>,
): Lasts {
  const queries = [...grouped(ticks, ({ query }) => query).values()];
  const before = queries.map((of) =>
    median(of.filter(({ intendedMs: t }) => t < startMs && t >= startMs - BEFORE_MS)),
  );
  const after = queries.map((of) => of.filter(({ intendedMs }) => intendedMs >= endMs));
  const n = Math.min(...after.map(({ length }) => length));
  const level = before.reduce((sum, latency) => sum + latency, 0);
  if (queries.length === 0 || n < MIN_SAMPLES || !Number.isFinite(level)) return {};
  const rounds = Array.from({ length: n }, (_, i) => {
    const one = after.map((of) => of[i] as BackgroundQuery);
    const sum = (of: (tick: BackgroundQuery) => number) =>
      one.reduce((total, tick) => total + of(tick), 0);
    return {
      x: sum(({ intendedMs }) => intendedMs - endMs) / one.length,
      y: sum((t) => t.latencyMs),
    };
  });
  const { slope, low, high } = theilSen(rounds);
  if (!Number.isFinite(slope)) return {};
  if (low <= 0) return { gainLastsMs: null };
  const residuals = rounds.map(({ x, y }) => y - slope * x).sort((a, b) => (a === b ? 0 : a - b));
  const gained = level - statisticOf(residuals, 'p50');
  const until = (perMs: number) => Math.max(0, gained / perMs);
  return {
    gainLastsMs: until(slope),
    gainLastsInterval: { low: until(high), high: until(low), n },
  };
}

function median(ticks: readonly BackgroundQuery[]): number {
  const latencies = ticks.map(({ latencyMs }) => latencyMs);
  return statisticOf(
    latencies.sort((a, b) => (a === b ? 0 : a - b)),
    'p50',
  );
}
