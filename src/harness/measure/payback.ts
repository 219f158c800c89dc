import { grouped } from '../../core/grouped.ts';
import { distributionOf, type Weighted } from '../../core/stats.ts';
import type { CompactionRecord, Metric } from '../../record/record.ts';
import type { CompactionRun, Measuring } from './context.ts';
import { scalar } from './metric.ts';

/** The part of the record's compaction that the facts can say. */
export type CompactionMeasured = Pick<
  CompactionRecord,
  'staleness' | 'queries' | 'roundBefore' | 'roundAfter' | 'payback' | 'gainLastsMs'
>;

/** What a compaction on demand disturbed while it ran, what it saved, and how long that lasts. */
export async function measureCompaction(
  measuring: Measuring,
  run: CompactionRun,
): Promise<CompactionMeasured> {
  const { phases } = measuring;
  const rounds = phases.filter(({ kind }) => kind === 'query');
  const before = rounds.findLast(({ endMs }) => endMs <= run.startMs);
  const after = rounds.find(({ startMs }) => startMs >= run.endMs);
  const roundBefore = before && (await roundCoreSeconds(measuring, before.name));
  const roundAfter = after && (await roundCoreSeconds(measuring, after.name));
  const lasts = await gainLastsMs(measuring, run);
  return {
    staleness: await stalenessDuring(measuring, run),
    queries: await queriesDuring(measuring, run),
    ...(roundBefore === undefined ? {} : { roundBefore }),
    ...(roundAfter === undefined ? {} : { roundAfter }),
    payback: paybackOf(run.coreSeconds, roundBefore, roundAfter),
    ...(lasts === undefined ? {} : { gainLastsMs: lasts }),
  };
}

/** Core-seconds spent ÷ core-seconds saved per round of every query = rounds until it has paid. */
export function paybackOf(
  spent: number | null,
  roundBefore: number | undefined,
  roundAfter: number | undefined,
): CompactionRecord['payback'] {
  if (roundBefore === undefined || roundAfter === undefined) {
    const missing = roundBefore === undefined ? 'before' : 'after';
    const reason = `no round ${missing} the compaction in which every query gave an answer`;
    return { kind: 'no data', reason };
  }
  const saved = roundBefore - roundAfter;
  if (saved <= 0) return { kind: 'does not pay back' };
  if (spent === null) {
    return { kind: 'no data', reason: 'the CPU of the compaction is out of sight' };
  }
  return { kind: 'pays back', rounds: spent / saved };
}

/** The metric `payback`: +∞ when it never pays back, absent without data. */
export function paybackMetric(payback: CompactionRecord['payback']): Metric[] {
  if (payback.kind === 'no data') return [];
  const rounds = payback.kind === 'pays back' ? payback.rounds : Number.POSITIVE_INFINITY;
  return [scalar('payback', { of: null, phase: null }, 1, rounds)];
}

/**
 * Core-seconds of one hot round: what the query engine used for one answer, on average, summed over
 * the queries. undefined: not every query has an answer.
 */
async function roundCoreSeconds({ sql }: Measuring, phase: string): Promise<number | undefined> {
  const rows = await sql.rows<{ cpu: number | null; ok: boolean }>(
    `SELECT avg(cpu_s) AS cpu, bool_and(outcome = 'ok' AND cpu_s IS NOT NULL) AS ok
     FROM queries WHERE phase = $phase AND mode = 'hot' GROUP BY name`,
    { phase },
  );
  if (rows.length === 0 || rows.some(({ ok }) => !ok)) return undefined;
  return rows.reduce((total, { cpu }) => total + (cpu ?? 0), 0);
}

async function stalenessDuring(
  { sql }: Measuring,
  run: CompactionRun,
): Promise<CompactionRecord['staleness']> {
  const rows = await sql.rows<
    Weighted & { stream: CompactionRecord['staleness'][number]['stream'] }
  >(
    `SELECT stream, coalesce(seen_ms - occurred_ms, 'Infinity'::DOUBLE) AS value, count(*) AS count
     FROM changes WHERE due_ms >= $from AND due_ms < $to GROUP BY ALL ORDER BY stream`,
    { from: run.startMs, to: run.endMs },
  );
  return [...grouped(rows, ({ stream }) => stream)].map(([stream, values]) => {
    const { n, censored, stats } = distributionOf(values);
    return { stream, n, censored, stats };
  });
}

async function queriesDuring(
  { sql }: Measuring,
  run: CompactionRun,
): Promise<CompactionRecord['queries']> {
  const rows = await sql.rows<Weighted & { query: string }>(
    `SELECT name AS query, count(*) AS count,
       CASE WHEN outcome = 'ok' THEN end_ms - intended_ms ELSE 'Infinity'::DOUBLE END AS value
     FROM queries WHERE mode = 'trickle' AND intended_ms >= $from AND intended_ms < $to
     GROUP BY ALL ORDER BY name`,
    { from: run.startMs, to: run.endMs },
  );
  return [...grouped(rows, ({ query }) => query)].map(([query, values]) => {
    const { n, stats } = distributionOf(values);
    return { query, n, stats };
  });
}

/**
 * How long after the compaction the trickle is as slow as in the minute before it, if latency goes
 * on growing as it did since: a straight line through each query's answers, summed over the queries.
 * null: no growth was seen; undefined: too few answers for a line.
 */
async function gainLastsMs(
  { sql }: Measuring,
  run: CompactionRun,
): Promise<number | null | undefined> {
  const rows = await sql.rows<{
    before: number | null;
    slope: number | null;
    base: number | null;
    n: number;
  }>(
    `SELECT median(end_ms - intended_ms) FILTER (intended_ms < $start
         AND intended_ms >= $start - 60000) AS before,
       regr_slope(end_ms - intended_ms, intended_ms - $end) FILTER (intended_ms >= $end) AS slope,
       regr_intercept(end_ms - intended_ms, intended_ms - $end) FILTER (intended_ms >= $end) AS base,
       count(*) FILTER (intended_ms >= $end) AS n
     FROM queries WHERE mode = 'trickle' AND outcome = 'ok' GROUP BY name`,
    { start: run.startMs, end: run.endMs },
  );
  const known = rows.filter(({ before, slope, n }) => before !== null && slope !== null && n >= 3);
  if (known.length === 0 || known.length < rows.length) return undefined;
  const sum = (key: 'before' | 'slope' | 'base') =>
    known.reduce((total, row) => total + (row[key] ?? 0), 0);
  const slope = sum('slope');
  if (slope <= 0) return null;
  return Math.max(0, (sum('before') - sum('base')) / slope);
}
