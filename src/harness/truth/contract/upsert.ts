import { quoted } from '../../../core/sql.ts';
import { type ImageDataset, isSubset } from '../../../topology/dataset.ts';
import { judgedRows, OF_THE_TAPE } from '../event-sql.ts';
import { EXAMPLES } from '../finding.ts';
import type { ReadDataset } from '../tables-under-test.ts';

/**
 * Rows that a subset holds or was seen to hold: one that it lost is missing. Which rows it should have chosen is not known
 * here.
 */
export function heldRows({ dataset, copy }: Pick<ReadDataset, 'dataset' | 'copy'>): string {
  return `SELECT store_id, sku_id FROM sightings WHERE table_name = ${quoted(dataset.name)}
    UNION SELECT store_id, sku_id FROM ${copy}`;
}

/**
 * Compares the newest image of every key with an upsert table. A row may show the newest acknowledged image, or a newer
 * one that was never acknowledged. With any other row, or one whose columns are NULL, the key is lost. A version that
 * was never sent also counts as a duplicate. Of a subset, the keys that it ever held.
 */
export function upsertSql({ dataset, copy, has }: ReadDataset<ImageDataset>): string {
  const flagged = has('deleted');
  return `
    WITH sent AS MATERIALIZED (
      SELECT store_id, sku_id, version, count(acked_ms) > 0 AS answered,
        -- The first append of a version counts; one without an answer may have been the first.
        -- Opening stock that was inserted in bulk comes before every append, and has no offset.
        list_append(
          list(on_hand) FILTER (acked_ms IS NULL),
          arg_min(on_hand, coalesce(kafka_offset, -1)) FILTER (acked_ms IS NOT NULL)
        ) AS on_hands,
        bool_or(coalesce(deleted, false)) AS deleted
      FROM events
      WHERE stream = '${dataset.carries}' AND ${OF_THE_TAPE} AND expect <> 'dead_letter'
      GROUP BY store_id, sku_id, version
    ), want AS MATERIALIZED (
      SELECT store_id, sku_id, max(version) FILTER (answered) AS wanted,
        arg_max(on_hands, version) FILTER (answered) AS wanted_on_hands
      FROM sent ${isSubset(dataset) ? `SEMI JOIN (${heldRows({ dataset, copy })}) USING (store_id, sku_id)` : ''}
      GROUP BY store_id, sku_id
    ), got AS MATERIALIZED (
      SELECT one.*, answered IS NOT NULL AS known, on_hands, sent.deleted AS sent_deleted,
        row_number() OVER (
          PARTITION BY one.store_id, one.sku_id ORDER BY known DESC, one.version DESC
        ) AS place
      FROM ${judgedRows(dataset, copy)} AS one
        LEFT JOIN sent USING (store_id, sku_id, version)
    ), joined AS (
      SELECT coalesce(store_id::VARCHAR, 'NULL') || '/' || coalesce(sku_id::VARCHAR, 'NULL') AS id,
        wanted, place, coalesce(known, false) AS known,
        known AND version >= coalesce(wanted, version) AS newest,
        on_hand IS NULL${flagged ? ' OR deleted IS DISTINCT FROM sent_deleted' : ''} AS untrue,
        CASE WHEN newest THEN on_hands ELSE wanted_on_hands END AS allowed,
        on_hand
      FROM want FULL JOIN (FROM got WHERE place = 1) USING (store_id, sku_id)
    ), strangers AS (
      SELECT coalesce(store_id::VARCHAR, 'NULL') || '/' || coalesce(sku_id::VARCHAR, 'NULL') AS id,
        CASE WHEN known THEN 'none' ELSE 'unknown' END AS how
      FROM got WHERE place > 1 OR NOT known
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, id, 0 AS units FROM joined
      WHERE wanted IS NOT NULL AND (place IS NULL OR NOT newest OR untrue)
      UNION ALL
      SELECT 'duplicated', how, id, 0 FROM strangers
      UNION ALL
      -- An image that was not demanded, and is there other than it was sent.
      SELECT 'duplicated', 'unknown', id, 0 FROM joined WHERE wanted IS NULL AND known AND untrue
      UNION ALL
      SELECT 'wrong', NULL, id,
        coalesce(list_min([abs(one - coalesce(on_hand, 0)) FOR one IN allowed]), abs(on_hand), 0)
      FROM joined
      WHERE (wanted IS NOT NULL OR place IS NOT NULL)
        AND NOT coalesce(list_contains(allowed, on_hand), false)
    )
    SELECT finding, how, count(*)::BIGINT AS count, sum(units)::BIGINT AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}
