-- The decoding of each stream is generated from the wire schema: a job selects from <stream>_accepted, whose
-- rows are typed, and its dead letters are added (doorbuster explain PIPELINE --sql prints it all).
-- One job per topic, so that state, its time to live and a failure stay with their stream. What the database refused is
-- in a topic of its own, and is added to the dead letters.
SET 'execution.checkpointing.interval' = '${commit_every_ms} ms';
SET 'parallelism.default' = '${parallelism}';
SET 'table.exec.iceberg.use-v2-sink' = 'true';

-- The first append per event id wins, by processing time: one record dated a year ahead would make
-- every later one late. Ids are remembered for an hour, which bounds the state.
SET 'table.exec.state.ttl' = '1 h';

SET 'pipeline.name' = 'pos';
INSERT INTO ice.${namespace}.pos
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  transaction_id, terminal_id, sequence_number, business_day, local_time, type, training,
  customer_id, payment_method, currency, total_cents, discount_cents, tax_cents,
  line_sku_ids, line_quantities, line_unit_price_cents, line_extended_cents
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM pos_accepted
)
WHERE n = 1;

SET 'pipeline.name' = 'wms';
INSERT INTO ice.${namespace}.wms
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  sku_id, quantity, biz_step, disposition, reason, location, reference
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM wms_accepted
)
WHERE n = 1;

SET 'pipeline.name' = 'cart';
INSERT INTO ice.${namespace}.cart
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  session_id, event_name, device, is_bot, order_id, value_cents, fulfilment,
  item_sku_ids, item_quantities, item_price_cents
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM cart_accepted
)
WHERE n = 1;

SET 'pipeline.name' = 'loyalty';
INSERT INTO ice.${namespace}.loyalty
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  member_id, points, kind, tier, reference
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM loyalty_accepted
)
WHERE n = 1;

-- A change of the stock as Debezium hands it on: the image after it or, of a row that was deleted, the last before. A
-- row's own mark comes with an image; a deletion that no image announced is only in the operation.
CREATE TEMPORARY VIEW changes AS
SELECT
  event_id, COALESCE(CAST(store_id AS INT), 0) AS store_id, CAST(event_ts AS BIGINT) AS event_ts,
  CAST(occurred_ms AS BIGINT) AS occurred_ms, CAST(due_ms AS BIGINT) AS due_ms,
  CAST(JSON_VALUE(j, '$.after.at_ms') AS BIGINT) AS kafka_ms, flink_ms,
  COALESCE(CAST(sku_id AS INT), 0) AS sku_id, CAST(on_hand AS INT) AS on_hand,
  CAST(committed AS INT) AS committed, CAST(unavailable AS INT) AS unavailable,
  CAST(available AS INT) AS available, COALESCE(CAST(version AS BIGINT), 0) AS version,
  COALESCE(CAST(deleted AS BOOLEAN), FALSE)
    OR COALESCE(JSON_VALUE(j, '$.after.__deleted') = 'true', FALSE) AS deleted
FROM inventory_judged
WHERE rejection IS NULL;

-- The version guard: an older image loses whenever it comes, so that what Debezium sends again after a crash needs no
-- other care. Of one version the deletion wins. What the guard holds must not expire, or an old image would win.
SET 'table.exec.state.ttl' = '0 ms';

-- Thins its own files out as it writes, where the scenario says compaction: { by: flink }.
SET 'pipeline.name' = 'inventory';
INSERT INTO ice.${namespace}.inventory /*+ OPTIONS(
  'flink-maintenance.rewrite.enabled' = '${compact_in_sink}',
  'flink-maintenance.rewrite.schedule.interval-second' = '${compact_every_s}',
  'flink-maintenance.rewrite.delete-file-threshold' = '1',
  'flink-maintenance.rate-limit-seconds' = '1',
  'flink-maintenance.lock-check-delay-seconds' = '1') */
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms,
  sku_id, on_hand, committed, unavailable, available, version, deleted
FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY store_id, sku_id ORDER BY version DESC, deleted DESC) AS n
  FROM changes
)
WHERE n = 1;
