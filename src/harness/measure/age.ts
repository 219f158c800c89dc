import type { Metric, StalenessSeries } from '../../record/record.ts';
import { type Measuring, streamDatasets } from './context.ts';
import { distributions, type GroupedValue } from './metric.ts';

/** Sampling interval of age: equal intervals make its distribution time-weighted. */
const AGE_EVERY_MS = 100;
const SERIES_EVERY_MS = 1_000;

/**
 * For every tick of `ticks(t)` and every dataset: age (t − the oldest change not yet visible, 0 if
 * none) and newest (t − the newest visible one, NULL before the first). If the oldest pending change
 * occurred after t, nothing was pending yet.
 */
const AT_TICKS = `
  WITH moments AS (
    SELECT dataset, seen_ms, max(occurred_ms) AS newest
    FROM changes WHERE seen_ms IS NOT NULL GROUP BY ALL
  ), seen AS (
    SELECT dataset, seen_ms, max(newest) OVER (PARTITION BY dataset ORDER BY seen_ms) AS newest
    FROM moments
  ), grid AS (
    SELECT dataset, t FROM datasets, ticks
  ), aged AS (
    SELECT g.dataset, g.t, greatest(0, coalesce(g.t - p.oldest, 0)) AS age
    FROM grid g ASOF LEFT JOIN pending p ON g.dataset = p.dataset AND g.t < p.until_ms
  )
  SELECT a.dataset, a.t, a.age, a.t - s.newest AS newest
  FROM aged a ASOF LEFT JOIN seen s ON a.dataset = s.dataset AND a.t >= s.seen_ms`;

/** Time-weighted age per dataset and phase. n = 0 where no change happened or was pending: an age of 0 means nothing there. */
export async function ageMetrics({ sql }: Measuring): Promise<Metric[]> {
  await sql.run(`
    CREATE OR REPLACE TEMP TABLE ticks AS
    SELECT name AS phase, unnest(range(start_ms::BIGINT, end_ms::BIGINT, ${AGE_EVERY_MS})) AS t
    FROM spans WHERE measured`);
  const rows = await sql.rows<GroupedValue>(`
    SELECT dataset AS of, phase, age AS value, count(active_phases.phase) AS count
    FROM (${AT_TICKS}) JOIN ticks USING (t) LEFT JOIN active_phases USING (dataset, phase) GROUP BY ALL`);
  return distributions('age', rows, () => ({ resolution: AGE_EVERY_MS / 2 }));
}

/** Staleness and age second by second, from t0 to the end of the last phase. */
export async function stalenessSeries(measuring: Measuring): Promise<StalenessSeries[]> {
  const { sql, context } = measuring;
  const { t0Ms } = context;
  await sql.run(`
    CREATE OR REPLACE TEMP TABLE ticks AS
    SELECT unnest(range(${t0Ms}::BIGINT + ${SERIES_EVERY_MS},
      (SELECT max(end_ms) FROM spans)::BIGINT + ${SERIES_EVERY_MS}, ${SERIES_EVERY_MS})) AS t`);
  const rows = await sql.rows<SeriesRow>(`
    WITH due_by_second AS (
      SELECT dataset, ${t0Ms} + (floor((due_ms - ${t0Ms}) / ${SERIES_EVERY_MS}) + 1) * ${SERIES_EVERY_MS} AS t,
        coalesce(seen_ms - occurred_ms, 'Infinity'::DOUBLE) AS value
      FROM changes
    ), by_second AS (
      SELECT dataset, t, count(*) AS n, count(*) FILTER (isinf(value)) AS never,
        quantile_disc(value, 0.5) AS p50, quantile_disc(value, 0.99) AS p99, max(value) AS max
      FROM due_by_second GROUP BY dataset, t
    )
    SELECT dataset, t, age, newest, coalesce(n, 0) AS n, coalesce(never, 0) AS never, p50, p99, max
    FROM (${AT_TICKS}) LEFT JOIN by_second USING (dataset, t) ORDER BY dataset, t`);
  return streamDatasets(context).map(({ name }) => {
    const mine = rows.filter((row) => row.dataset === name);
    return {
      stream: name,
      startMs: 0,
      everyMs: SERIES_EVERY_MS,
      n: mine.map((row) => row.n),
      never: mine.map((row) => row.never),
      p50: mine.map((row) => finite(row.p50)),
      p99: mine.map((row) => finite(row.p99)),
      max: mine.map((row) => finite(row.max)),
      age: mine.map((row) => row.age),
      newest: mine.map((row) => finite(row.newest)),
    };
  });
}

interface SeriesRow {
  readonly dataset: string;
  readonly n: number;
  readonly never: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  readonly age: number;
  readonly newest: number | null;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
