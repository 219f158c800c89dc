import type { Metric, Regressions } from '../../record/record.ts';
import { STOCK } from '../../scenario/scenario.ts';
import { OF_THE_TAPE } from '../truth/event-sql.ts';
import { type Measuring, streamDatasets } from './context.ts';
import { scalar } from './metric.ts';

/** The record names this many of the longest regressions. */
const NAMED = 5;

/** Versions that the upsert datasets showed, without the rows of drain markers and canaries. */
const ROWS_OF_THE_TAPE = `(SELECT shown.* FROM shown JOIN datasets USING (dataset) ANTI JOIN (
  SELECT store_id, sku_id FROM events WHERE stream = '${STOCK}' AND NOT (${OF_THE_TAPE})
) own USING (store_id, sku_id) WHERE semantics = 'upsert')`;

/**
 * Regressions: a row is shown in an older version after a newer one. Each lasts from that snapshot to the first one
 * that shows the highest version before it, or a higher one. Consecutive steps below that version are one regression.
 */
const EPISODES = `
  WITH steps AS (
    SELECT *, coalesce(version < highest_before, false) AS back FROM ${ROWS_OF_THE_TAPE}
  ), numbered AS (
    SELECT *, count(*) FILTER (NOT back)
      OVER (PARTITION BY dataset, store_id, sku_id ORDER BY step) AS episode
    FROM steps
  )
  SELECT dataset, store_id, sku_id, min(seen_ms) AS from_ms, max(until_ms) AS until_ms,
    arg_min(version, step) AS version, max(highest_before) AS after
  FROM numbered WHERE back GROUP BY dataset, store_id, sku_id, episode`;

interface Summed {
  readonly count: number;
  readonly rows: number;
  readonly rowSeconds: number;
  readonly longestMs: number;
  readonly notRecovered: number;
}

/**
 * Rows that went back to an older version, over all upsert datasets; null: there is no such dataset. A ledger keeps
 * every version, so that none can be lost from it.
 */
export async function regressionSection({ sql, context }: Measuring): Promise<Regressions | null> {
  const { t0Ms, endedMs } = context;
  const upserts = streamDatasets(context).filter(({ semantics }) => semantics === 'upsert');
  if (upserts.length === 0) return null;
  const table = upserts.map(({ name }) => name).join(', ');
  const ended = `greatest(0, least(until_ms, ${endedMs}) - from_ms)`;
  const [updates] = await sql.rows<{ n: number }>(`
    SELECT count(*) AS n FROM ${ROWS_OF_THE_TAPE} WHERE highest_before IS NOT NULL`);
  const [summed] = await sql.rows<Summed>(`
    SELECT count(*) AS count, count(DISTINCT (dataset, store_id, sku_id)) AS rows,
      coalesce(sum(${ended}), 0) / 1000 AS "rowSeconds", coalesce(max(${ended}), 0) AS "longestMs",
      count(*) FILTER (isinf(until_ms)) AS "notRecovered"
    FROM (${EPISODES})`);
  const examples = await sql.rows<Regressions['examples'][number]>(`
    SELECT store_id || '/' || sku_id AS key, version, after, from_ms - ${t0Ms} AS "tMs",
      ${ended} AS "forMs", NOT isinf(until_ms) AS recovered
    FROM (${EPISODES}) ORDER BY "forMs" DESC, "tMs", key LIMIT ${NAMED}`);
  if (!summed || !updates) throw new Error('an aggregate without GROUP BY gave no row');
  return { table, updates: updates.n, ...summed, examples };
}

/** `regressions` and `regression_time`; n = 0 if no row was ever replaced, since then none could go back. */
export function regressionMetrics({ updates, count, rowSeconds }: Regressions): Metric[] {
  const whole = { of: null, phase: null };
  return [
    scalar('regressions', whole, updates, count),
    scalar('regression_time', whole, updates, rowSeconds),
  ];
}
