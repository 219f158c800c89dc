-- One job per topic, so that state, its time to live and a failure stay with their stream. Each
-- reads bytes, takes the fields out as text (about 20 microseconds of a core per field and KB),
-- judges them, and has two sinks: its table and dead_letter.
SET 'execution.runtime-mode' = 'streaming';
SET 'execution.checkpointing.interval' = '${commit_every_ms} ms';
SET 'parallelism.default' = '${parallelism}';
SET 'table.local-time-zone' = 'UTC';
SET 'table.exec.iceberg.use-v2-sink' = 'true';
-- Both sinks of a job read its `…_judged` view. With this the planner keeps one of it, so that a
-- record is parsed once and not once per sink.
SET 'table.optimizer.reuse-optimize-block-with-digest-enabled' = 'true';

-- ─── pos ───────────────────────────────────────────────────────────────────────────────────────
-- Bytes, not JSON: the JSON format would drop a truncated record in silence.
CREATE TEMPORARY TABLE pos_raw (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic_prefix}pos',
  'properties.bootstrap.servers' = '${kafka_brokers}',
  'properties.group.id' = '${topic_prefix}doorbuster-pos',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

-- Every field as text; NULL where there is none. The row's own clock is read here and used twice
-- below, which also keeps the planner from merging the two views and parsing twice.
CREATE TEMPORARY VIEW pos_fields AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, j, CURRENT_ROW_TIMESTAMP() AS row_ts,
  JSON_VALUE(j, '$.event_id') AS event_id,
  JSON_VALUE(j, '$.store_id') AS store_id,
  JSON_VALUE(j, '$.event_ts') AS event_ts,
  JSON_VALUE(j, '$.occurred_ms') AS occurred_ms,
  JSON_VALUE(j, '$.due_ms') AS due_ms,
  JSON_VALUE(j, '$.transaction_id') AS transaction_id,
  JSON_VALUE(j, '$.terminal_id') AS terminal_id,
  JSON_VALUE(j, '$.sequence_number') AS sequence_number,
  JSON_VALUE(j, '$.total_cents') AS total_cents,
  JSON_VALUE(j, '$.event_type') AS event_type,
  JSON_VALUE(j, '$.business_day') AS business_day,
  JSON_VALUE(j, '$.local_time') AS local_time,
  JSON_VALUE(j, '$.type') AS type,
  JSON_VALUE(j, '$.training') AS training,
  JSON_VALUE(j, '$.customer_id') AS customer_id,
  JSON_VALUE(j, '$.payment_method') AS payment_method,
  JSON_VALUE(j, '$.currency') AS currency,
  JSON_VALUE(j, '$.discount_cents') AS discount_cents,
  JSON_VALUE(j, '$.tax_cents') AS tax_cents,
  JSON_QUERY(j, '$.lines' RETURNING ARRAY<STRING> NULL ON ERROR) AS lines,
  JSON_QUERY(j, '$.lines[*].sku_id' RETURNING ARRAY<STRING> NULL ON ERROR) AS line_sku_ids,
  JSON_QUERY(j, '$.lines[*].quantity' RETURNING ARRAY<STRING> NULL ON ERROR) AS line_quantities,
  JSON_QUERY(j, '$.lines[*].unit_price_cents' RETURNING ARRAY<STRING> NULL ON ERROR)
    AS line_unit_price_cents,
  JSON_QUERY(j, '$.lines[*].extended_cents' RETURNING ARRAY<STRING> NULL ON ERROR)
    AS line_extended_cents
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM pos_raw);

-- Why a record is refused: the first thing wrong with it, or NULL.
CREATE TEMPORARY VIEW pos_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS refusal
FROM (
  SELECT *,
    EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
    EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms,
    CASE
      WHEN event_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_id'), 'wrong_type:event_id', 'missing_key:event_id')
      WHEN TRY_CAST(store_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.store_id'), 'wrong_type:store_id', 'missing_key:store_id')
      WHEN TRY_CAST(event_ts AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_ts'), 'wrong_type:event_ts', 'missing_key:event_ts')
      WHEN TRY_CAST(occurred_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.occurred_ms'), 'wrong_type:occurred_ms', 'missing_key:occurred_ms')
      WHEN TRY_CAST(due_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.due_ms'), 'wrong_type:due_ms', 'missing_key:due_ms')
      WHEN transaction_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.transaction_id'),
          'wrong_type:transaction_id', 'missing_key:transaction_id')
      WHEN TRY_CAST(terminal_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.terminal_id'), 'wrong_type:terminal_id', 'missing_key:terminal_id')
      WHEN TRY_CAST(sequence_number AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.sequence_number'),
          'wrong_type:sequence_number', 'missing_key:sequence_number')
      WHEN TRY_CAST(total_cents AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.total_cents'), 'wrong_type:total_cents', 'missing_key:total_cents')
      WHEN discount_cents IS NOT NULL AND TRY_CAST(discount_cents AS BIGINT) IS NULL THEN
        'wrong_type:discount_cents'
      WHEN tax_cents IS NOT NULL AND TRY_CAST(tax_cents AS BIGINT) IS NULL THEN
        'wrong_type:tax_cents'
      WHEN training IS NOT NULL AND TRY_CAST(training AS BOOLEAN) IS NULL THEN 'wrong_type:training'
      WHEN lines IS NULL THEN IF(JSON_EXISTS(j, '$.lines'), 'wrong_type:lines', 'missing_key:lines')
      WHEN TRY_CAST(line_sku_ids AS ARRAY<INT>) IS NULL THEN 'wrong_type:lines[*].sku_id'
      WHEN CARDINALITY(line_sku_ids) <> CARDINALITY(lines) THEN 'missing_key:lines[*].sku_id'
      WHEN TRY_CAST(line_quantities AS ARRAY<INT>) IS NULL THEN 'wrong_type:lines[*].quantity'
      WHEN CARDINALITY(line_quantities) <> CARDINALITY(lines) THEN 'missing_key:lines[*].quantity'
      WHEN TRY_CAST(line_unit_price_cents AS ARRAY<BIGINT>) IS NULL THEN
        'wrong_type:lines[*].unit_price_cents'
      WHEN CARDINALITY(line_unit_price_cents) <> CARDINALITY(lines) THEN
        'missing_key:lines[*].unit_price_cents'
      WHEN TRY_CAST(line_extended_cents AS ARRAY<BIGINT>) IS NULL THEN
        'wrong_type:lines[*].extended_cents'
      WHEN CARDINALITY(line_extended_cents) <> CARDINALITY(lines) THEN
        'missing_key:lines[*].extended_cents'
    END AS wrong
  FROM pos_fields
);

-- The first append per event id wins, by processing time: one record dated a year ahead would make
-- every later one late. Ids are remembered for an hour, which bounds the state.
SET 'table.exec.state.ttl' = '1 h';
SET 'pipeline.name' = 'pos';
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.${namespace}.dead_letter
SELECT 'pos', part, kafka_offset, refusal, payload, kafka_ms, flink_ms
FROM pos_judged WHERE refusal IS NOT NULL;

INSERT INTO ice.${namespace}.pos
SELECT
  event_id, TRY_CAST(store_id AS INT), TRY_CAST(event_ts AS BIGINT),
  TRY_CAST(occurred_ms AS BIGINT), TRY_CAST(due_ms AS BIGINT), kafka_ms, flink_ms, event_type,
  transaction_id, TRY_CAST(terminal_id AS INT), TRY_CAST(sequence_number AS INT), business_day,
  local_time, type, COALESCE(TRY_CAST(training AS BOOLEAN), FALSE),
  customer_id, payment_method, currency, TRY_CAST(total_cents AS BIGINT),
  TRY_CAST(discount_cents AS BIGINT), TRY_CAST(tax_cents AS BIGINT),
  TRY_CAST(line_sku_ids AS ARRAY<INT>), TRY_CAST(line_quantities AS ARRAY<INT>),
  TRY_CAST(line_unit_price_cents AS ARRAY<BIGINT>), TRY_CAST(line_extended_cents AS ARRAY<BIGINT>)
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM pos_judged WHERE refusal IS NULL
)
WHERE n = 1;
END;

-- ─── wms ───────────────────────────────────────────────────────────────────────────────────────
CREATE TEMPORARY TABLE wms_raw
WITH ('topic' = '${topic_prefix}wms', 'properties.group.id' = '${topic_prefix}doorbuster-wms')
LIKE pos_raw (OVERWRITING OPTIONS);

CREATE TEMPORARY VIEW wms_fields AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, j, CURRENT_ROW_TIMESTAMP() AS row_ts,
  JSON_VALUE(j, '$.event_id') AS event_id,
  JSON_VALUE(j, '$.store_id') AS store_id,
  JSON_VALUE(j, '$.event_ts') AS event_ts,
  JSON_VALUE(j, '$.occurred_ms') AS occurred_ms,
  JSON_VALUE(j, '$.due_ms') AS due_ms,
  JSON_VALUE(j, '$.sku_id') AS sku_id,
  JSON_VALUE(j, '$.quantity') AS quantity,
  JSON_VALUE(j, '$.biz_step') AS biz_step,
  JSON_VALUE(j, '$.event_type') AS event_type,
  JSON_VALUE(j, '$.disposition') AS disposition,
  JSON_VALUE(j, '$.reason') AS reason,
  JSON_VALUE(j, '$.location') AS location,
  JSON_VALUE(j, '$.reference') AS reference
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM wms_raw);

CREATE TEMPORARY VIEW wms_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS refusal
FROM (
  SELECT *,
    EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
    EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms,
    CASE
      WHEN event_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_id'), 'wrong_type:event_id', 'missing_key:event_id')
      WHEN TRY_CAST(store_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.store_id'), 'wrong_type:store_id', 'missing_key:store_id')
      WHEN TRY_CAST(event_ts AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_ts'), 'wrong_type:event_ts', 'missing_key:event_ts')
      WHEN TRY_CAST(occurred_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.occurred_ms'), 'wrong_type:occurred_ms', 'missing_key:occurred_ms')
      WHEN TRY_CAST(due_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.due_ms'), 'wrong_type:due_ms', 'missing_key:due_ms')
      WHEN TRY_CAST(sku_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.sku_id'), 'wrong_type:sku_id', 'missing_key:sku_id')
      WHEN TRY_CAST(quantity AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.quantity'), 'wrong_type:quantity', 'missing_key:quantity')
      WHEN biz_step IS NULL THEN
        IF(JSON_EXISTS(j, '$.biz_step'), 'wrong_type:biz_step', 'missing_key:biz_step')
    END AS wrong
  FROM wms_fields
);

SET 'pipeline.name' = 'wms';
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.${namespace}.dead_letter
SELECT 'wms', part, kafka_offset, refusal, payload, kafka_ms, flink_ms
FROM wms_judged WHERE refusal IS NOT NULL;

INSERT INTO ice.${namespace}.wms
SELECT
  event_id, TRY_CAST(store_id AS INT), TRY_CAST(event_ts AS BIGINT),
  TRY_CAST(occurred_ms AS BIGINT), TRY_CAST(due_ms AS BIGINT), kafka_ms, flink_ms, event_type,
  TRY_CAST(sku_id AS INT), TRY_CAST(quantity AS INT), biz_step, disposition, reason, location,
  reference
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM wms_judged WHERE refusal IS NULL
)
WHERE n = 1;
END;

-- ─── cart ──────────────────────────────────────────────────────────────────────────────────────
CREATE TEMPORARY TABLE cart_raw
WITH ('topic' = '${topic_prefix}cart', 'properties.group.id' = '${topic_prefix}doorbuster-cart')
LIKE pos_raw (OVERWRITING OPTIONS);

CREATE TEMPORARY VIEW cart_fields AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, j, CURRENT_ROW_TIMESTAMP() AS row_ts,
  JSON_VALUE(j, '$.event_id') AS event_id,
  JSON_VALUE(j, '$.store_id') AS store_id,
  JSON_VALUE(j, '$.event_ts') AS event_ts,
  JSON_VALUE(j, '$.occurred_ms') AS occurred_ms,
  JSON_VALUE(j, '$.due_ms') AS due_ms,
  JSON_VALUE(j, '$.session_id') AS session_id,
  JSON_VALUE(j, '$.event_name') AS event_name,
  JSON_VALUE(j, '$.event_type') AS event_type,
  JSON_VALUE(j, '$.device') AS device,
  JSON_VALUE(j, '$.is_bot') AS is_bot,
  JSON_VALUE(j, '$.order_id') AS order_id,
  JSON_VALUE(j, '$.value_cents') AS value_cents,
  JSON_VALUE(j, '$.fulfilment') AS fulfilment,
  JSON_QUERY(j, '$.items' RETURNING ARRAY<STRING> NULL ON ERROR) AS items,
  JSON_QUERY(j, '$.items[*].sku_id' RETURNING ARRAY<STRING> NULL ON ERROR) AS item_sku_ids,
  JSON_QUERY(j, '$.items[*].quantity' RETURNING ARRAY<STRING> NULL ON ERROR) AS item_quantities,
  JSON_QUERY(j, '$.items[*].price_cents' RETURNING ARRAY<STRING> NULL ON ERROR) AS item_price_cents
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM cart_raw);

CREATE TEMPORARY VIEW cart_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS refusal
FROM (
  SELECT *,
    EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
    EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms,
    CASE
      WHEN event_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_id'), 'wrong_type:event_id', 'missing_key:event_id')
      WHEN TRY_CAST(store_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.store_id'), 'wrong_type:store_id', 'missing_key:store_id')
      WHEN TRY_CAST(event_ts AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_ts'), 'wrong_type:event_ts', 'missing_key:event_ts')
      WHEN TRY_CAST(occurred_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.occurred_ms'), 'wrong_type:occurred_ms', 'missing_key:occurred_ms')
      WHEN TRY_CAST(due_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.due_ms'), 'wrong_type:due_ms', 'missing_key:due_ms')
      WHEN session_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.session_id'), 'wrong_type:session_id', 'missing_key:session_id')
      WHEN event_name IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_name'), 'wrong_type:event_name', 'missing_key:event_name')
      WHEN is_bot IS NOT NULL AND TRY_CAST(is_bot AS BOOLEAN) IS NULL THEN 'wrong_type:is_bot'
      WHEN value_cents IS NOT NULL AND TRY_CAST(value_cents AS BIGINT) IS NULL THEN
        'wrong_type:value_cents'
      WHEN item_sku_ids IS NOT NULL AND TRY_CAST(item_sku_ids AS ARRAY<INT>) IS NULL THEN
        'wrong_type:items[*].sku_id'
      WHEN CARDINALITY(item_sku_ids) <> CARDINALITY(items) THEN 'missing_key:items[*].sku_id'
      WHEN item_quantities IS NOT NULL AND TRY_CAST(item_quantities AS ARRAY<INT>) IS NULL THEN
        'wrong_type:items[*].quantity'
      WHEN CARDINALITY(item_quantities) <> CARDINALITY(items) THEN 'missing_key:items[*].quantity'
      WHEN item_price_cents IS NOT NULL AND TRY_CAST(item_price_cents AS ARRAY<BIGINT>) IS NULL THEN
        'wrong_type:items[*].price_cents'
      WHEN CARDINALITY(item_price_cents) <> CARDINALITY(items) THEN
        'missing_key:items[*].price_cents'
    END AS wrong
  FROM cart_fields
);

SET 'pipeline.name' = 'cart';
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.${namespace}.dead_letter
SELECT 'cart', part, kafka_offset, refusal, payload, kafka_ms, flink_ms
FROM cart_judged WHERE refusal IS NOT NULL;

INSERT INTO ice.${namespace}.cart
SELECT
  event_id, TRY_CAST(store_id AS INT), TRY_CAST(event_ts AS BIGINT),
  TRY_CAST(occurred_ms AS BIGINT), TRY_CAST(due_ms AS BIGINT), kafka_ms, flink_ms, event_type,
  session_id, event_name, device, TRY_CAST(is_bot AS BOOLEAN), order_id,
  TRY_CAST(value_cents AS BIGINT), fulfilment, TRY_CAST(item_sku_ids AS ARRAY<INT>),
  TRY_CAST(item_quantities AS ARRAY<INT>), TRY_CAST(item_price_cents AS ARRAY<BIGINT>)
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM cart_judged WHERE refusal IS NULL
)
WHERE n = 1;
END;

-- ─── loyalty ───────────────────────────────────────────────────────────────────────────────────
CREATE TEMPORARY TABLE loyalty_raw
WITH ('topic' = '${topic_prefix}loyalty', 'properties.group.id' = '${topic_prefix}doorbuster-loyalty')
LIKE pos_raw (OVERWRITING OPTIONS);

CREATE TEMPORARY VIEW loyalty_fields AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, j, CURRENT_ROW_TIMESTAMP() AS row_ts,
  JSON_VALUE(j, '$.event_id') AS event_id,
  JSON_VALUE(j, '$.store_id') AS store_id,
  JSON_VALUE(j, '$.event_ts') AS event_ts,
  JSON_VALUE(j, '$.occurred_ms') AS occurred_ms,
  JSON_VALUE(j, '$.due_ms') AS due_ms,
  JSON_VALUE(j, '$.member_id') AS member_id,
  JSON_VALUE(j, '$.points') AS points,
  JSON_VALUE(j, '$.kind') AS kind,
  JSON_VALUE(j, '$.event_type') AS event_type,
  JSON_VALUE(j, '$.tier') AS tier,
  JSON_VALUE(j, '$.reference') AS reference
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM loyalty_raw);

CREATE TEMPORARY VIEW loyalty_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS refusal
FROM (
  SELECT *,
    EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
    EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms,
    CASE
      WHEN event_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_id'), 'wrong_type:event_id', 'missing_key:event_id')
      WHEN TRY_CAST(store_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.store_id'), 'wrong_type:store_id', 'missing_key:store_id')
      WHEN TRY_CAST(event_ts AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.event_ts'), 'wrong_type:event_ts', 'missing_key:event_ts')
      WHEN TRY_CAST(occurred_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.occurred_ms'), 'wrong_type:occurred_ms', 'missing_key:occurred_ms')
      WHEN TRY_CAST(due_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.due_ms'), 'wrong_type:due_ms', 'missing_key:due_ms')
      WHEN member_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.member_id'), 'wrong_type:member_id', 'missing_key:member_id')
      WHEN TRY_CAST(points AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.points'), 'wrong_type:points', 'missing_key:points')
      WHEN kind IS NULL THEN
        IF(JSON_EXISTS(j, '$.kind'), 'wrong_type:kind', 'missing_key:kind')
    END AS wrong
  FROM loyalty_fields
);

SET 'pipeline.name' = 'loyalty';
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.${namespace}.dead_letter
SELECT 'loyalty', part, kafka_offset, refusal, payload, kafka_ms, flink_ms
FROM loyalty_judged WHERE refusal IS NOT NULL;

INSERT INTO ice.${namespace}.loyalty
SELECT
  event_id, TRY_CAST(store_id AS INT), TRY_CAST(event_ts AS BIGINT),
  TRY_CAST(occurred_ms AS BIGINT), TRY_CAST(due_ms AS BIGINT), kafka_ms, flink_ms, event_type,
  member_id, TRY_CAST(points AS INT), kind, tier, reference
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM loyalty_judged WHERE refusal IS NULL
)
WHERE n = 1;
END;

-- ─── inventory ─────────────────────────────────────────────────────────────────────────────────
CREATE TEMPORARY TABLE inventory_raw
WITH ('topic' = '${topic_prefix}inventory', 'properties.group.id' = '${topic_prefix}doorbuster-inventory')
LIKE pos_raw (OVERWRITING OPTIONS);

CREATE TEMPORARY VIEW inventory_fields AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, j, CURRENT_ROW_TIMESTAMP() AS row_ts,
  JSON_VALUE(j, '$.after.event_id') AS event_id,
  JSON_VALUE(j, '$.after.store_id') AS store_id,
  JSON_VALUE(j, '$.after.event_ts') AS event_ts,
  JSON_VALUE(j, '$.after.occurred_ms') AS occurred_ms,
  JSON_VALUE(j, '$.after.due_ms') AS due_ms,
  JSON_VALUE(j, '$.after.sku_id') AS sku_id,
  JSON_VALUE(j, '$.after.on_hand') AS on_hand,
  JSON_VALUE(j, '$.after.version') AS version,
  JSON_VALUE(j, '$.after.committed') AS committed,
  JSON_VALUE(j, '$.after.unavailable') AS unavailable,
  JSON_VALUE(j, '$.after.available') AS available,
  JSON_VALUE(j, '$.after.deleted') AS deleted
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM inventory_raw);

CREATE TEMPORARY VIEW inventory_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS refusal
FROM (
  SELECT *,
    EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
    EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms,
    CASE
      WHEN event_id IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.event_id'), 'wrong_type:event_id', 'missing_key:event_id')
      WHEN TRY_CAST(store_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.store_id'), 'wrong_type:store_id', 'missing_key:store_id')
      WHEN TRY_CAST(event_ts AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.event_ts'), 'wrong_type:event_ts', 'missing_key:event_ts')
      WHEN TRY_CAST(occurred_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.occurred_ms'),
          'wrong_type:occurred_ms', 'missing_key:occurred_ms')
      WHEN TRY_CAST(due_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.due_ms'), 'wrong_type:due_ms', 'missing_key:due_ms')
      WHEN TRY_CAST(sku_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.sku_id'), 'wrong_type:sku_id', 'missing_key:sku_id')
      WHEN TRY_CAST(on_hand AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.on_hand'), 'wrong_type:on_hand', 'missing_key:on_hand')
      WHEN TRY_CAST(version AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.version'), 'wrong_type:version', 'missing_key:version')
      WHEN committed IS NOT NULL AND TRY_CAST(committed AS INT) IS NULL THEN 'wrong_type:committed'
      WHEN unavailable IS NOT NULL AND TRY_CAST(unavailable AS INT) IS NULL THEN
        'wrong_type:unavailable'
      WHEN available IS NOT NULL AND TRY_CAST(available AS INT) IS NULL THEN 'wrong_type:available'
      WHEN deleted IS NOT NULL AND TRY_CAST(deleted AS BOOLEAN) IS NULL THEN 'wrong_type:deleted'
    END AS wrong
  FROM inventory_fields
);

-- Typed first: versions are compared as numbers. COALESCE tells the planner that a key is never NULL,
-- which the refusals see to.
CREATE TEMPORARY VIEW inventory_images AS
SELECT
  event_id,
  COALESCE(TRY_CAST(store_id AS INT), 0) AS store_id, TRY_CAST(event_ts AS BIGINT) AS event_ts,
  TRY_CAST(occurred_ms AS BIGINT) AS occurred_ms, TRY_CAST(due_ms AS BIGINT) AS due_ms,
  kafka_ms, flink_ms, pt,
  COALESCE(TRY_CAST(sku_id AS INT), 0) AS sku_id, TRY_CAST(on_hand AS INT) AS on_hand,
  TRY_CAST(committed AS INT) AS committed, TRY_CAST(unavailable AS INT) AS unavailable,
  TRY_CAST(available AS INT) AS available, TRY_CAST(version AS BIGINT) AS version,
  COALESCE(TRY_CAST(deleted AS BOOLEAN), FALSE) AS deleted
FROM inventory_judged WHERE refusal IS NULL;

-- The version guard: an older image loses whenever it comes, an equal one keeps the first, so
-- duplicates need no other care. What it holds must not expire, or an old image would win.
SET 'table.exec.state.ttl' = '0 ms';
SET 'pipeline.name' = 'inventory';
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.${namespace}.dead_letter
SELECT 'inventory', part, kafka_offset, refusal, payload, kafka_ms, flink_ms
FROM inventory_judged WHERE refusal IS NOT NULL;

-- Thins its own files out as it writes, where the scenario says compaction: { by: flink }.
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
  SELECT *, ROW_NUMBER() OVER (PARTITION BY store_id, sku_id ORDER BY version DESC) AS n
  FROM inventory_images
)
WHERE n = 1;
END;
