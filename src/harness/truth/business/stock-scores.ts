import type { ImageDataset } from '../../../topology/dataset.ts';
import {
  FAULT,
  judgedRows,
  LABELS_OF,
  listed,
  WRONG_CLOCK_MS,
  WRONG_TIME_CAUSES,
} from '../event-sql.ts';
import { EXAMPLES } from '../finding.ts';
import type { ReadDataset } from '../tables-under-test.ts';

/** Labels that may explain a misread number. */
const MISREAD_LABELS = `['field_added', 'type_widened']`;
const LATE_LABELS = `['late', 'offline']`;

/**
 * Compares the visible stock with BOOK (the facts `book`), and the messages with the rows. A deleted row counts as
 * absent on both sides. A key that differs is attributed to the fault of its newest unique image, then to the messages
 * that replaced it with an older or another image, then to labels; to `none` if nothing explains it.
 */
export function stockScoresSql({ dataset, copy, has }: ReadDataset<ImageDataset>): string {
  const ledger = dataset.semantics === 'ledger';
  const [flagged, timed] = [has('deleted'), has('event_ts')];
  const key = 'store_id, sku_id';
  return `
    WITH got AS MATERIALIZED (
      SELECT ${key}, version, count(*) AS n, min(on_hand) AS on_hand,
        ${flagged ? 'bool_or(coalesce(deleted, false))' : 'false'} AS deleted,
        ${timed ? 'min(coalesce(event_ts, 0))' : 'NULL::BIGINT'} AS event_ts
      FROM ${judgedRows(dataset, copy)} GROUP BY ${key}, version
    ), shown AS MATERIALIZED (
      SELECT ${key}, max(version) AS version, arg_max(on_hand, version) AS on_hand,
        arg_max(deleted, version) AS deleted
      FROM got GROUP BY ${key}
    ), sent AS MATERIALIZED (
      SELECT ${key}, e.version, e.on_hand, role, ${FAULT} AS fault, ${LABELS_OF} AS labels,
        occurred_ms, kafka_offset,
        row_number() OVER (
          PARTITION BY ${key}, e.version
          ORDER BY expect = 'dead_letter', role = 'copy', kafka_offset
        ) <= coalesce(n, 0) AS stands
      FROM events e LEFT JOIN got USING (${key}, version)
      WHERE stream = '${dataset.carries}' AND role IN ('original', 'copy', 'preload') AND acked_ms IS NOT NULL
    ), newest AS MATERIALIZED (
      SELECT ${key}, max(version) AS version, arg_max(on_hand, version) AS on_hand,
        arg_max(fault, version) AS fault, arg_max(labels, version) AS labels,
        arg_max(kafka_offset, version) AS kafka_offset
      FROM sent WHERE role <> 'copy' GROUP BY ${key}
    ), overwritten AS MATERIALIZED (
      -- Keys that do not show their newest image, by the messages that came after it and say what is shown.
      SELECT ${key}, list_distinct(flatten(list(
          CASE WHEN sent.role = 'copy' THEN [sent.fault]
               ELSE list_intersect(sent.labels, ${LATE_LABELS}) END))) AS causes
      FROM newest JOIN shown USING (${key}) JOIN sent USING (${key})
      WHERE ${ledger ? 'shown.version = newest.version AND' : ''}
        (shown.version < newest.version OR shown.on_hand IS DISTINCT FROM newest.on_hand)
        AND sent.version = shown.version AND sent.on_hand = shown.on_hand
        AND sent.kafka_offset > newest.kafka_offset
      GROUP BY ${key} HAVING len(causes) > 0
    ), compared AS MATERIALIZED (
      SELECT store_id || '/' || sku_id AS id, causes AS overwriters, newest.fault, newest.labels,
        newest.version <= shown.version AS newest_shown,
        coalesce(book.deleted, false) AS gone,
        CASE WHEN NOT coalesce(book.deleted, false) THEN book.on_hand END AS wanted,
        CASE WHEN NOT shown.deleted THEN shown.on_hand END AS listed,
        NOT coalesce(shown.deleted, true) AS present
      FROM book FULL JOIN shown USING (${key}) LEFT JOIN newest USING (${key})
        LEFT JOIN overwritten USING (${key})
    ), differing AS (
      SELECT id, abs(coalesce(listed, 0) - coalesce(wanted, 0)) AS units,
        CASE WHEN fault <> 'none' THEN [fault]
             WHEN overwriters IS NOT NULL
               THEN list_concat(overwriters, CASE WHEN gone AND present THEN ['deleted'] ELSE [] END)
             WHEN gone AND present THEN ['deleted']
             WHEN newest_shown THEN list_intersect(labels, ${MISREAD_LABELS})
             ELSE coalesce(labels, []) END AS causes,
        newest_shown AND fault = 'none' AND overwriters IS NULL AND NOT (gone AND present) AS misread
      FROM compared
      WHERE wanted IS DISTINCT FROM listed${flagged ? '' : ' AND NOT gone'}
    ), told AS (
      SELECT fault AS kind, 'injected' AS what, NULL AS id, 0 AS units FROM sent WHERE fault <> 'none'
      UNION ALL
      SELECT unnest(labels), 'injected', NULL, 0 FROM sent WHERE role = 'original'
      UNION ALL
      SELECT unnest(${listed('causes')}), 'keys', id, units FROM differing
      UNION ALL
      SELECT unnest(overwriters), 'leaked', id, 0 FROM compared
      UNION ALL
      SELECT unnest(causes), 'leaked', id, 0 FROM differing WHERE misread
      UNION ALL
      SELECT 'deleted', 'leaked', id, 0 FROM compared
      WHERE ${flagged} AND gone AND present AND (newest_shown OR overwriters IS NOT NULL)
      UNION ALL
      SELECT fault, 'leaked', store_id || '/' || sku_id || ' v' || version, 0 FROM sent
      WHERE role = 'copy' AND stands
      UNION ALL
      SELECT unnest(${listed(`list_concat(CASE WHEN fault = 'none' THEN [] ELSE [fault] END, labels)`)}),
        'dropped', store_id || '/' || sku_id || ' v' || sent.version, 0
      FROM sent LEFT JOIN shown USING (${key}) LEFT JOIN overwritten USING (${key})
      WHERE role <> 'copy' AND overwritten.causes IS NULL
        AND ${ledger ? 'NOT stands' : 'coalesce(shown.version < sent.version, true)'}
      UNION ALL
      SELECT unnest(${listed(WRONG_TIME_CAUSES)}), 'leaked',
        store_id || '/' || sku_id || ' v' || version, 0
      FROM sent JOIN got USING (${key}, version)
      WHERE role = 'original' AND stands AND abs(event_ts - occurred_ms) >= ${WRONG_CLOCK_MS}
    )
    SELECT kind, what, count(*)::BIGINT AS count, sum(units)::BIGINT AS units, 0 AS cents,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM told GROUP BY ALL ORDER BY ALL`;
}
