import { READINGS } from '../../../record/judged.ts';
import type { TruthRecord } from '../../../record/record.ts';
import { RECEIPTS } from '../../../scenario/scenario.ts';
import { type Rows, readersDataset, type TablesUnderTest } from '../tables-under-test.ts';

type Reading = NonNullable<TruthRecord['readings']>[number];

/** Columns of the receipts' table that a reading uses, or is judged by. */
const READS: Readonly<Record<Reading['name'], readonly string[]>> = {
  'returns-as-zero': ['total_cents'],
  'training-counted': ['total_cents'],
  'claimed-hour': ['total_cents', 'event_ts'],
  'natural-key': ['total_cents', 'terminal_id', 'business_day', 'sequence_number'],
};

/** SQL of each reading over `stood`, which has one row per real receipt with a row in the table. */
const SQL: Readonly<Record<Reading['name'], string>> = {
  'returns-as-zero': `
    SELECT count(*)::BIGINT AS rows, coalesce(-sum(total_cents), 0)::BIGINT AS cents
    FROM stood WHERE NOT training AND total_cents < 0`,
  'training-counted': `
    SELECT count(*)::BIGINT AS rows, coalesce(sum(total_cents), 0)::BIGINT AS cents
    FROM stood WHERE training`,
  'claimed-hour': `
    SELECT count(*)::BIGINT AS rows, coalesce(sum(abs(total_cents)), 0)::BIGINT AS cents
    FROM stood
    WHERE NOT training AND floor(event_ts / 3600000) IS DISTINCT FROM floor(occurred_ms / 3600000)`,
  'natural-key': `
    SELECT count(*)::BIGINT AS rows, coalesce(-sum(total_cents), 0)::BIGINT AS cents
    FROM (
      SELECT total_cents, row_number() OVER (
        PARTITION BY store_id, terminal_id, business_day, sequence_number ORDER BY kafka_ms, event_id
      ) AS n
      FROM stood WHERE NOT training
    ) WHERE n > 1`,
};

/**
 * Errors of naive readings of this run's tables. They use real receipts only (the original of each event id), so that
 * leaked duplicates are not counted here as well. A reading is left out if the table lacks its columns.
 */
export async function naiveReadings(
  rows: Rows,
  tables: TablesUnderTest,
): Promise<readonly Reading[]> {
  const receipts = readersDataset(tables, RECEIPTS);
  if (receipts === undefined) return [];
  const judged = READINGS.filter((name) => READS[name].every(receipts.has));
  if (judged.length === 0) return [];
  return await rows<Reading>(`
    WITH happened AS (
      SELECT event_id, min(occurred_ms) AS occurred_ms,
        coalesce(bool_or(list_contains(string_split(labels, '+'), 'training')), false) AS training
      FROM events WHERE stream = '${RECEIPTS}' AND role = 'original' GROUP BY event_id
    ), stood AS MATERIALIZED (
      SELECT happened.*, store_id, kafka_ms, event_ts, total_cents, terminal_id, business_day,
        sequence_number
      FROM ${receipts.copy} AS receipt JOIN happened USING (event_id)
      QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY receipt.kafka_ms) = 1
    )
    ${judged.map((name) => `(SELECT '${name}' AS name, * FROM (${SQL[name]}))`).join(' UNION ALL ')}`);
}
