import type { ImageDataset } from '../../../topology/dataset.ts';
import { FAULT, judgedRows, OF_THE_TAPE } from '../event-sql.ts';
import { EXAMPLES } from '../finding.ts';
import type { ReadDataset } from '../tables-under-test.ts';

/**
 * Compares every appended image with a ledger table: each (key, version) must exist once, with the on-hand and the
 * deletion flag of its first append. `wrong` is the error of a reader of the newest version per key, plus the errors of
 * the older versions.
 */
export function ledgerSql({ dataset, copy, has }: ReadDataset<ImageDataset>): string {
  const flagged = has('deleted');
  return `
    WITH got AS MATERIALIZED (
      SELECT store_id, sku_id, version, count(*) AS n, max(on_hand) AS on_hand, min(on_hand) AS low,
        bool_or(deleted) AS deleted, count(*) > count(on_hand)${flagged ? ' OR count(*) > count(deleted)' : ''} AS holes
      FROM ${judgedRows(dataset, copy)}
      GROUP BY store_id, sku_id, version
    ), sent AS MATERIALIZED (
      SELECT store_id, sku_id, version,
        bool_or(expect <> 'dead_letter' AND acked_ms IS NOT NULL) AS demanded,
        bool_and(expect = 'dead_letter') AS damaged,
        coalesce(arg_min(on_hand, kafka_offset) FILTER (expect <> 'dead_letter'), any_value(on_hand))
          AS on_hand,
        bool_or(coalesce(deleted, false)) AS deleted,
        string_agg(DISTINCT ${FAULT}, '+' ORDER BY ${FAULT})
          FILTER (fault IN ('duplicate', 'redelivery')) AS how
      FROM events WHERE stream = '${dataset.carries}' AND ${OF_THE_TAPE}
      GROUP BY store_id, sku_id, version
    ), joined AS (
      SELECT coalesce(store_id::VARCHAR, 'NULL') || '/' || coalesce(sku_id::VARCHAR, 'NULL') AS key,
        key || ' v' || coalesce(version::VARCHAR, 'NULL') AS id, version,
        coalesce(n, 0) AS n, coalesce(demanded, false) AS demanded,
        (demanded IS NULL OR damaged) AS stranger,
        CASE WHEN demanded IS NULL THEN 'unknown' WHEN damaged THEN 'damaged'
             ELSE coalesce(how, 'none') END AS how,
        sent.on_hand AS wanted, got.on_hand AS shown,
        greatest(abs(sent.on_hand - got.on_hand), abs(sent.on_hand - low)) AS units,
        holes${flagged ? ' OR sent.deleted <> got.deleted' : ''} AS untrue,
        max(version) FILTER (demanded) OVER (PARTITION BY key) AS newest
      FROM sent FULL JOIN got USING (store_id, sku_id, version)
    ), read AS (
      SELECT key, arg_max(wanted, version) FILTER (demanded) AS wanted,
        arg_max(shown, version) FILTER (n > 0 AND (demanded OR stranger)) AS shown
      FROM joined GROUP BY key
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, id, 1 AS n, 0 AS units FROM joined
      WHERE demanded AND (n = 0 OR untrue)
      UNION ALL
      SELECT 'duplicated', how, id, n - (NOT stranger)::INTEGER, 0 FROM joined
      WHERE n > (NOT stranger)::INTEGER
      UNION ALL
      -- An image that was not demanded, and is there other than it was sent.
      SELECT 'duplicated', 'unknown', id, 1, 0 FROM joined
      WHERE NOT demanded AND NOT stranger AND n > 0 AND untrue
      UNION ALL
      SELECT 'wrong', NULL, key, 1, abs(coalesce(wanted, 0) - coalesce(shown, 0)) FROM read
      WHERE wanted IS DISTINCT FROM shown
      UNION ALL
      SELECT 'wrong', NULL, id, 1, units FROM joined
      WHERE NOT stranger AND n > 0 AND units > 0 AND (NOT demanded OR version < newest)
    )
    SELECT finding, how, sum(n)::BIGINT AS count, sum(units)::BIGINT AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}
