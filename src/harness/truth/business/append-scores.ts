import { RECEIPTS } from '../../../scenario/scenario.ts';
import type { StreamDataset } from '../../../topology/dataset.ts';
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

/** Labels that may explain a wrong total; training is handled by itself. */
const WRONG_TOTAL_LABELS = `['field_added', 'type_widened', 'return', 'sequence_wrap']`;

/**
 * SQL of the takings in one row of the table: 0 for a row marked as training, NULL if the table has no total.
 */
export function takingsSql({ has }: Pick<ReadDataset, 'has'>): string {
  if (!has('total_cents')) return 'NULL::BIGINT';
  return 'CASE WHEN coalesce(training, false) THEN 0 ELSE coalesce(total_cents, 0) END';
}

/**
 * Compares the messages of an append stream with the rows of the table. Of the messages with one event id (originals
 * first, then in append order) as many count as shown as the table has rows of it. This distinguishes a design that
 * deduplicates from one that does not, independent of CONTRACT.
 */
export function appendScoresSql(read: ReadDataset<StreamDataset>): string {
  const { dataset, copy, has } = read;
  const ofReceipts = dataset.carries === RECEIPTS;
  const receipts = ofReceipts && has('total_cents');
  const marked = ofReceipts && has('training');
  return `
    WITH shown AS MATERIALIZED (
      SELECT event_id, count(*) AS n,
        ${receipts ? `sum(${takingsSql(read)})::BIGINT` : 'NULL::BIGINT'} AS takings,
        ${marked ? 'bool_and(coalesce(training, false))' : 'NULL::BOOLEAN'} AS marked,
        ${has('event_ts') ? 'min(coalesce(event_ts, 0))' : 'NULL::BIGINT'} AS first_ts,
        ${has('event_ts') ? 'max(coalesce(event_ts, 0))' : 'NULL::BIGINT'} AS last_ts
      FROM ${judgedRows(dataset, copy)} GROUP BY event_id
    ), sent AS MATERIALIZED (
      SELECT event_id, role, ${FAULT} AS fault, ${LABELS_OF} AS labels, cents, occurred_ms,
        acked_ms IS NOT NULL AS acked, coalesce(n, 0) AS n,
        row_number() OVER (
          PARTITION BY event_id ORDER BY expect = 'dead_letter', role = 'copy', kafka_offset
        ) <= coalesce(n, 0) AS stands
      FROM events LEFT JOIN shown USING (event_id)
      WHERE stream = '${dataset.carries}' AND role IN ('original', 'copy')
    ), ids AS MATERIALIZED (
      SELECT event_id, any_value(sent.n) AS n, count(*) AS messages,
        count(*) FILTER (role = 'original') AS originals,
        count(*) FILTER (role = 'copy' AND stands) AS extra,
        list(DISTINCT fault) FILTER (role = 'copy' AND fault = 'changed_payload') AS changes,
        ${marked ? '' : `NOT coalesce(bool_or(list_contains(labels, 'training')), false) AND`}
          any_value(takings) IS NOT NULL AS weighed,
        abs(any_value(takings)
          - coalesce(sum(cents) FILTER (role = 'original' AND stands), 0))::BIGINT AS off,
        any_value(marked) AS marked, any_value(first_ts) AS first_ts, any_value(last_ts) AS last_ts
      FROM sent LEFT JOIN shown USING (event_id) GROUP BY event_id
    ), single AS (
      SELECT sent.event_id, fault, labels, changes, weighed, off,
        list_contains(labels, 'training') AND NOT marked AS unmarked,
        greatest(abs(first_ts - occurred_ms), abs(last_ts - occurred_ms)) >= ${WRONG_CLOCK_MS}
          AS wrong_time
      FROM sent JOIN ids USING (event_id)
      WHERE role = 'original' AND stands AND acked AND originals = 1 AND extra = 0
        AND ids.n <= messages
    ), told AS (
      SELECT fault AS kind, 'injected' AS what, NULL AS id, 0 AS cents
      FROM sent WHERE acked AND fault <> 'none'
      UNION ALL
      SELECT unnest(labels), 'injected', NULL, 0 FROM sent WHERE acked AND role = 'original'
      UNION ALL
      SELECT unnest(${listed(`list_concat(CASE WHEN fault = 'none' THEN [] ELSE [fault] END, labels)`)}),
        'dropped', event_id, abs(coalesce(cents, 0))
      FROM sent WHERE acked AND role = 'original' AND NOT stands
      UNION ALL
      SELECT fault, 'leaked', event_id,
        CASE WHEN weighed THEN round(off / extra)::BIGINT ELSE 0 END
      FROM sent JOIN ids USING (event_id) WHERE acked AND role = 'copy' AND stands
      UNION ALL
      SELECT 'none', 'leaked', event_id, 0 FROM ids, range(ids.n - messages) WHERE ids.n > messages
      UNION ALL
      SELECT 'training', 'leaked', event_id, CASE WHEN weighed THEN off ELSE 0 END
      FROM single WHERE unmarked
      UNION ALL
      SELECT unnest(${listed(`coalesce(changes, list_intersect(labels, ${WRONG_TOTAL_LABELS}))`)}),
        'leaked', event_id, off
      FROM single WHERE weighed AND off > 0 AND NOT coalesce(unmarked, false)
      UNION ALL
      SELECT unnest(${listed(WRONG_TIME_CAUSES)}), 'leaked', event_id, 0
      FROM single WHERE wrong_time
    )
    SELECT kind, what, count(*)::BIGINT AS count, 0 AS units, sum(cents)::BIGINT AS cents,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM told GROUP BY ALL ORDER BY ALL`;
}
