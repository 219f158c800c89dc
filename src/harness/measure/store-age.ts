import { distributionOf } from '../../core/stats.ts';
import type { Metric, StoreAge } from '../../record/record.ts';
import { type Measuring, streamDatasets } from './context.ts';
import { distribution } from './metric.ts';
import { pendingSteps } from './pending.ts';

/** The record names this many of the stores with the highest age. */
const NAMED = 3;

/**
 * Per dataset and store: age rises with the clock from young_ms to old_ms, once per step of the pending
 * changes, and is 0 between two such rises. Age is exact at every moment without sampling: there are as many
 * rows as commits that showed a change of the store, however long a phase takes.
 */
const RISES = `
  CREATE OR REPLACE TEMP TABLE rises AS
  WITH steps AS (${pendingSteps({ dataset: 'dataset', store_id: 'store_id' })})
  SELECT dataset, store_id, p.name AS phase,
    greatest(from_ms, oldest, p.start_ms) - oldest AS young_ms,
    least(until_ms, p.end_ms) - oldest AS old_ms
  FROM steps JOIN spans p
    ON p.measured AND greatest(from_ms, oldest) < p.end_ms AND until_ms > p.start_ms
  WHERE old_ms > young_ms`;

/**
 * Exact time-weighted quantiles of the age of every store of one dataset, over $total_ms. Between two ends of
 * rises, the time spent per ms of age is the number of rises that pass there. A quantile is the age at which
 * these times, starting with the time at age 0, add up to its share of the total. Rounded to 1 µs, as stamps are.
 */
const QUANTILES = `
  WITH ends AS (
    SELECT store_id, age, sum(begins) AS begins
    FROM (
      SELECT store_id, unnest([young_ms, old_ms]) AS age, unnest([1, -1]) AS begins
      FROM rises WHERE dataset = $dataset AND ($phase::VARCHAR IS NULL OR phase = $phase)
    ) GROUP BY ALL
  ), pieces AS (
    SELECT store_id, age, sum(begins) OVER upwards AS passing, lead(age) OVER upwards AS next_age
    FROM ends WINDOW upwards AS (PARTITION BY store_id ORDER BY age)
  ), spent AS (
    SELECT store_id, age, next_age, passing, passing * (next_age - age) AS ms,
      sum(ms) OVER (PARTITION BY store_id) AS pending_ms,
      $total_ms - pending_ms + sum(ms) OVER (PARTITION BY store_id ORDER BY age) AS up_to_ms
    FROM pieces WHERE passing > 0
  ), ranked AS (
    SELECT store_id, ${quantileSql(0.5)} AS p50, ${quantileSql(0.99)} AS p99,
      max(next_age) AS max
    FROM spent GROUP BY store_id
  )
  SELECT store_id AS store, round(coalesce(p50, 0), 3) AS p50, round(coalesce(p99, 0), 3) AS p99,
    round(coalesce(max, 0), 3) AS max
  FROM (SELECT DISTINCT store_id FROM changes WHERE dataset = $dataset)
    LEFT JOIN ranked USING (store_id)
  ORDER BY p99 DESC, max DESC, store`;

function quantileSql(p: number): string {
  const share = `${p} * $total_ms`;
  return `CASE WHEN $total_ms - min(pending_ms) < ${share} THEN
      arg_min(age + (${share} - up_to_ms + ms) / passing, age) FILTER (up_to_ms >= ${share})
    END`;
}

interface StoreRow {
  readonly store: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Age per store: the time-weighted median and p99 of every store, and their distribution over the stores with
 * a change in this run (a store without a pending change has age 0). The record keeps the distributions and the
 * NAMED worst stores, however many stores there are.
 */
export async function storeAges(
  measuring: Measuring,
): Promise<{ readonly metrics: readonly Metric[]; readonly storeAge: readonly StoreAge[] }> {
  const { sql, phases, context } = measuring;
  await sql.run(RISES);
  const active = await sql.rows<{ dataset: string; phase: string }>(
    'SELECT dataset, phase FROM active_phases JOIN spans ON spans.name = phase WHERE measured',
  );
  const metrics: Metric[] = [];
  const storeAge: StoreAge[] = [];
  for (const { name: dataset } of streamDatasets(context)) {
    for (const phase of [...phases.map(({ name }) => name), null]) {
      const labels = { of: dataset, phase };
      if (!active.some((one) => one.dataset === dataset && [null, one.phase].includes(phase))) {
        metrics.push(distribution('store_age', labels, distributionOf([])));
        continue;
      }
      const totalMs = phases
        .filter(({ name }) => phase === null || name === phase)
        .reduce((total, { startMs, endMs }) => total + endMs - startMs, 0);
      const rows = await sql.rows<StoreRow>(QUANTILES, { dataset, phase, total_ms: totalMs });
      const over = (stat: 'p50' | 'p99') =>
        distributionOf(rows.map((row) => ({ value: row[stat], count: 1 })));
      metrics.push(distribution('store_age', labels, over('p99')));
      storeAge.push(summaryOf(dataset, phase, rows, over('p50').stats));
    }
  }
  await sql.run('DROP TABLE rises');
  return { metrics, storeAge };
}

function summaryOf(
  dataset: string,
  phase: string | null,
  rows: readonly StoreRow[],
  p50: StoreAge['p50'],
): StoreAge {
  const worst = rows.slice(0, NAMED).map((row) => ({
    store: row.store,
    p50Ms: row.p50,
    p99Ms: row.p99,
    maxMs: row.max,
  }));
  return { stream: dataset, phase, stores: rows.length, p50, worst };
}
