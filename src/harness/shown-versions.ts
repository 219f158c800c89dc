import { quoted } from '../core/sql.ts';
import type { ImageDataset } from '../topology/dataset.ts';

/**
 * When the catalog first served each snapshot, up to the stop of the jobs: the savepoint that stops them commits
 * rows that no reader would have seen at that time.
 */
export const SERVED_SNAPSHOTS = `
  SELECT table_name, snapshot_id, min(sequence_number) AS sequence_number,
    min(snapshot_ms) AS snapshot_ms, min(seen_ms) AS seen_ms, any_value(missed_ms) AS missed_ms
  FROM commits GROUP BY table_name, snapshot_id
  HAVING min(seen_ms)
    <= coalesce((SELECT min(at_ms) FROM milestones WHERE name = 'stop'), 'Infinity'::DOUBLE)`;

/**
 * The version of each row of a dataset that a reader sees, step by step, from the facts `sightings` and `commits`:
 * one row per snapshot that wrote the row, in Iceberg's sequence order, shown during [seen_ms, until_ms).
 *
 * A reader of a ledger takes the highest version; a reader of an upsert table sees the current row.
 *
 * An upsert deletes the rows of a key and inserts a new one. So a snapshot shows the row that was written last: within
 * one commit the last in its files, because the sink deletes those before it by position. A `replace` moves rows and
 * shows nothing new; it has no sightings. `highest_before`: the highest version shown before this step, NULL at the
 * first one; a step below it is a regression. Older records without `row_no`: the highest version of a commit.
 */
export function shownVersionsSql(
  { name, semantics }: Pick<ImageDataset, 'name' | 'semantics'>,
  only = '',
): string {
  const ledger = semantics === 'ledger';
  const shown = ledger
    ? 'max(version) OVER (by_key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)'
    : 'version';
  const ofCommit = ledger ? 'max(version)' : 'arg_max(version, coalesce(row_no, version))';
  return `
    WITH served AS (${SERVED_SNAPSHOTS}
    ), written AS (
      SELECT store_id, sku_id, sequence_number, seen_ms, snapshot_ms, missed_ms, ${ofCommit} AS version
      FROM sightings JOIN served USING (table_name, snapshot_id) ${only}
      WHERE table_name = ${quoted(name)} AND version IS NOT NULL
      GROUP BY store_id, sku_id, snapshot_id, sequence_number, seen_ms, snapshot_ms, missed_ms
    ), steps AS (
      SELECT store_id, sku_id, seen_ms, snapshot_ms, missed_ms, ${shown} AS version,
        lead(seen_ms, 1, 'Infinity'::DOUBLE) OVER by_key AS until_ms,
        row_number() OVER by_key AS step
      FROM written WINDOW by_key AS (PARTITION BY store_id, sku_id ORDER BY sequence_number, seen_ms)
    )
    SELECT store_id, sku_id, step, version, seen_ms, snapshot_ms, missed_ms, until_ms,
      max(version) OVER (PARTITION BY store_id, sku_id ORDER BY step
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest_before
    FROM steps`;
}
