-- cdc-upsert/tables.sql:5
CREATE DATABASE IF NOT EXISTS ice.retail;

-- cdc-upsert/tables.sql:10
CREATE TABLE ice.retail.pos (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, transaction_id STRING, terminal_id INT, sequence_number INT,
  business_day STRING, local_time STRING, type STRING, training BOOLEAN,
  customer_id STRING, payment_method STRING, currency STRING,
  total_cents BIGINT, discount_cents BIGINT, tax_cents BIGINT,
  line_sku_ids ARRAY<INT>, line_quantities ARRAY<INT>,
  line_unit_price_cents ARRAY<BIGINT>, line_extended_cents ARRAY<BIGINT>
) WITH ('format-version' = '2');

-- cdc-upsert/tables.sql:22
CREATE TABLE ice.retail.wms (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, sku_id INT, quantity INT, biz_step STRING, disposition STRING, reason STRING,
  location STRING, reference STRING
) WITH ('format-version' = '2');

-- cdc-upsert/tables.sql:30
CREATE TABLE ice.retail.cart (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, session_id STRING, event_name STRING, device STRING, is_bot BOOLEAN,
  order_id STRING, value_cents BIGINT, fulfilment STRING,
  item_sku_ids ARRAY<INT>, item_quantities ARRAY<INT>, item_price_cents ARRAY<BIGINT>
) WITH ('format-version' = '2');

-- cdc-upsert/tables.sql:38
CREATE TABLE ice.retail.loyalty (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, member_id STRING, points INT, kind STRING, tier STRING, reference STRING
) WITH ('format-version' = '2');

-- cdc-upsert/tables.sql:47
CREATE TABLE ice.retail.inventory (
  event_id STRING, store_id INT NOT NULL, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  sku_id INT NOT NULL, on_hand INT, committed INT, unavailable INT, available INT,
  version BIGINT, deleted BOOLEAN,
  PRIMARY KEY (store_id, sku_id) NOT ENFORCED
) WITH (
  'format-version' = '2',
  'write.upsert.enabled' = 'true',
  'write.distribution-mode' = 'hash',
  'commit.retry.num-retries' = '30',
  'commit.retry.max-wait-ms' = '1000'
);

-- cdc-upsert/tables.sql:64
CREATE TABLE ice.retail.dead_letter (
  topic STRING, part INT, kafka_offset BIGINT, reason STRING, payload BYTES,
  kafka_ms BIGINT, flink_ms BIGINT
) WITH (
  'format-version' = '2',
  'commit.retry.num-retries' = '30',
  'commit.retry.max-wait-ms' = '1000',
  'flink.max-continuous-empty-commits' = '1000000'
);

-- a setting (generated)
SET 'execution.runtime-mode' = 'streaming';

-- a setting (generated)
SET 'table.local-time-zone' = 'UTC';

-- a setting (generated)
SET 'table.optimizer.reuse-optimize-block-with-digest-enabled' = 'true';

-- cdc-upsert/jobs.sql:4
SET 'execution.checkpointing.interval' = '2000 ms';

-- cdc-upsert/jobs.sql:5
SET 'parallelism.default' = '1';

-- cdc-upsert/jobs.sql:6
SET 'table.exec.iceberg.use-v2-sink' = 'true';

-- cdc-upsert/jobs.sql:10
SET 'table.exec.state.ttl' = '1 h';

-- cdc-upsert/jobs.sql:12
SET 'pipeline.name' = 'pos';

-- pos_raw (generated)
CREATE TEMPORARY TABLE pos_raw (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'pos',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-pos',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

-- pos_fields (generated)
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
  JSON_VALUE(j, '$.customer_id') AS customer_id,
  JSON_VALUE(j, '$.payment_method') AS payment_method,
  JSON_VALUE(j, '$.currency') AS currency,
  JSON_VALUE(j, '$.discount_cents') AS discount_cents,
  JSON_VALUE(j, '$.tax_cents') AS tax_cents,
  JSON_VALUE(j, '$.training') AS training,
  JSON_QUERY(j, '$.lines' RETURNING ARRAY<STRING> NULL ON ERROR) AS lines,
  JSON_QUERY(j, '$.lines[*].sku_id' RETURNING ARRAY<STRING> NULL ON ERROR) AS line_sku_ids,
  JSON_QUERY(j, '$.lines[*].quantity' RETURNING ARRAY<STRING> NULL ON ERROR) AS line_quantities,
  JSON_QUERY(j, '$.lines[*].unit_price_cents' RETURNING ARRAY<STRING> NULL ON ERROR) AS line_unit_price_cents,
  JSON_QUERY(j, '$.lines[*].extended_cents' RETURNING ARRAY<STRING> NULL ON ERROR) AS line_extended_cents
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM pos_raw);

-- pos_judged (generated)
CREATE TEMPORARY VIEW pos_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS rejection
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
        IF(JSON_EXISTS(j, '$.transaction_id'), 'wrong_type:transaction_id', 'missing_key:transaction_id')
      WHEN TRY_CAST(terminal_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.terminal_id'), 'wrong_type:terminal_id', 'missing_key:terminal_id')
      WHEN TRY_CAST(sequence_number AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.sequence_number'), 'wrong_type:sequence_number', 'missing_key:sequence_number')
      WHEN TRY_CAST(total_cents AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.total_cents'), 'wrong_type:total_cents', 'missing_key:total_cents')
      WHEN discount_cents IS NOT NULL AND TRY_CAST(discount_cents AS BIGINT) IS NULL THEN 'wrong_type:discount_cents'
      WHEN tax_cents IS NOT NULL AND TRY_CAST(tax_cents AS BIGINT) IS NULL THEN 'wrong_type:tax_cents'
      WHEN training IS NOT NULL AND TRY_CAST(training AS BOOLEAN) IS NULL THEN 'wrong_type:training'
      WHEN lines IS NULL THEN
        IF(JSON_EXISTS(j, '$.lines'), 'wrong_type:lines', 'missing_key:lines')
      WHEN TRY_CAST(line_sku_ids AS ARRAY<INT>) IS NULL THEN 'wrong_type:lines[*].sku_id'
      WHEN CARDINALITY(line_sku_ids) <> CARDINALITY(lines) THEN 'missing_key:lines[*].sku_id'
      WHEN TRY_CAST(line_quantities AS ARRAY<INT>) IS NULL THEN 'wrong_type:lines[*].quantity'
      WHEN CARDINALITY(line_quantities) <> CARDINALITY(lines) THEN 'missing_key:lines[*].quantity'
      WHEN TRY_CAST(line_unit_price_cents AS ARRAY<BIGINT>) IS NULL THEN 'wrong_type:lines[*].unit_price_cents'
      WHEN CARDINALITY(line_unit_price_cents) <> CARDINALITY(lines) THEN 'missing_key:lines[*].unit_price_cents'
      WHEN TRY_CAST(line_extended_cents AS ARRAY<BIGINT>) IS NULL THEN 'wrong_type:lines[*].extended_cents'
      WHEN CARDINALITY(line_extended_cents) <> CARDINALITY(lines) THEN 'missing_key:lines[*].extended_cents'
    END AS wrong
  FROM pos_fields
);

-- pos_accepted (generated)
CREATE TEMPORARY VIEW pos_accepted AS
SELECT
  COALESCE(event_id, '') AS event_id,
  COALESCE(TRY_CAST(store_id AS INT), 0) AS store_id,
  COALESCE(TRY_CAST(event_ts AS BIGINT), CAST(0 AS BIGINT)) AS event_ts,
  COALESCE(TRY_CAST(occurred_ms AS BIGINT), CAST(0 AS BIGINT)) AS occurred_ms,
  COALESCE(TRY_CAST(due_ms AS BIGINT), CAST(0 AS BIGINT)) AS due_ms,
  COALESCE(transaction_id, '') AS transaction_id,
  COALESCE(TRY_CAST(terminal_id AS INT), 0) AS terminal_id,
  COALESCE(TRY_CAST(sequence_number AS INT), 0) AS sequence_number,
  COALESCE(TRY_CAST(total_cents AS BIGINT), CAST(0 AS BIGINT)) AS total_cents,
  event_type,
  business_day,
  local_time,
  type,
  customer_id,
  payment_method,
  currency,
  TRY_CAST(discount_cents AS BIGINT) AS discount_cents,
  TRY_CAST(tax_cents AS BIGINT) AS tax_cents,
  COALESCE(TRY_CAST(training AS BOOLEAN), FALSE) AS training,
  TRY_CAST(line_sku_ids AS ARRAY<INT>) AS line_sku_ids,
  TRY_CAST(line_quantities AS ARRAY<INT>) AS line_quantities,
  TRY_CAST(line_unit_price_cents AS ARRAY<BIGINT>) AS line_unit_price_cents,
  TRY_CAST(line_extended_cents AS ARRAY<BIGINT>) AS line_extended_cents,
  kafka_ms, flink_ms, part, kafka_offset, pt
FROM pos_judged WHERE rejection IS NULL;

-- cdc-upsert/jobs.sql:13
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'pos', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM pos_judged WHERE rejection IS NOT NULL;

INSERT INTO ice.retail.pos
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
END;

-- cdc-upsert/jobs.sql:25
SET 'pipeline.name' = 'wms';

-- wms_raw (generated)
CREATE TEMPORARY TABLE wms_raw (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'wms',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-wms',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

-- wms_fields (generated)
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

-- wms_judged (generated)
CREATE TEMPORARY VIEW wms_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS rejection
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

-- wms_accepted (generated)
CREATE TEMPORARY VIEW wms_accepted AS
SELECT
  COALESCE(event_id, '') AS event_id,
  COALESCE(TRY_CAST(store_id AS INT), 0) AS store_id,
  COALESCE(TRY_CAST(event_ts AS BIGINT), CAST(0 AS BIGINT)) AS event_ts,
  COALESCE(TRY_CAST(occurred_ms AS BIGINT), CAST(0 AS BIGINT)) AS occurred_ms,
  COALESCE(TRY_CAST(due_ms AS BIGINT), CAST(0 AS BIGINT)) AS due_ms,
  COALESCE(TRY_CAST(sku_id AS INT), 0) AS sku_id,
  COALESCE(TRY_CAST(quantity AS INT), 0) AS quantity,
  COALESCE(biz_step, '') AS biz_step,
  event_type,
  disposition,
  reason,
  location,
  reference,
  kafka_ms, flink_ms, part, kafka_offset, pt
FROM wms_judged WHERE rejection IS NULL;

-- cdc-upsert/jobs.sql:26
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'wms', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM wms_judged WHERE rejection IS NOT NULL;

INSERT INTO ice.retail.wms
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  sku_id, quantity, biz_step, disposition, reason, location, reference
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM wms_accepted
)
WHERE n = 1;
END;

-- cdc-upsert/jobs.sql:36
SET 'pipeline.name' = 'cart';

-- cart_raw (generated)
CREATE TEMPORARY TABLE cart_raw (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'cart',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-cart',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

-- cart_fields (generated)
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

-- cart_judged (generated)
CREATE TEMPORARY VIEW cart_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS rejection
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
      WHEN value_cents IS NOT NULL AND TRY_CAST(value_cents AS BIGINT) IS NULL THEN 'wrong_type:value_cents'
      WHEN item_sku_ids IS NOT NULL AND TRY_CAST(item_sku_ids AS ARRAY<INT>) IS NULL THEN 'wrong_type:items[*].sku_id'
      WHEN CARDINALITY(item_sku_ids) <> CARDINALITY(items) THEN 'missing_key:items[*].sku_id'
      WHEN item_quantities IS NOT NULL AND TRY_CAST(item_quantities AS ARRAY<INT>) IS NULL THEN 'wrong_type:items[*].quantity'
      WHEN CARDINALITY(item_quantities) <> CARDINALITY(items) THEN 'missing_key:items[*].quantity'
      WHEN item_price_cents IS NOT NULL AND TRY_CAST(item_price_cents AS ARRAY<BIGINT>) IS NULL THEN 'wrong_type:items[*].price_cents'
      WHEN CARDINALITY(item_price_cents) <> CARDINALITY(items) THEN 'missing_key:items[*].price_cents'
    END AS wrong
  FROM cart_fields
);

-- cart_accepted (generated)
CREATE TEMPORARY VIEW cart_accepted AS
SELECT
  COALESCE(event_id, '') AS event_id,
  COALESCE(TRY_CAST(store_id AS INT), 0) AS store_id,
  COALESCE(TRY_CAST(event_ts AS BIGINT), CAST(0 AS BIGINT)) AS event_ts,
  COALESCE(TRY_CAST(occurred_ms AS BIGINT), CAST(0 AS BIGINT)) AS occurred_ms,
  COALESCE(TRY_CAST(due_ms AS BIGINT), CAST(0 AS BIGINT)) AS due_ms,
  COALESCE(session_id, '') AS session_id,
  COALESCE(event_name, '') AS event_name,
  event_type,
  device,
  TRY_CAST(is_bot AS BOOLEAN) AS is_bot,
  order_id,
  TRY_CAST(value_cents AS BIGINT) AS value_cents,
  fulfilment,
  TRY_CAST(item_sku_ids AS ARRAY<INT>) AS item_sku_ids,
  TRY_CAST(item_quantities AS ARRAY<INT>) AS item_quantities,
  TRY_CAST(item_price_cents AS ARRAY<BIGINT>) AS item_price_cents,
  kafka_ms, flink_ms, part, kafka_offset, pt
FROM cart_judged WHERE rejection IS NULL;

-- cdc-upsert/jobs.sql:37
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'cart', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM cart_judged WHERE rejection IS NOT NULL;

INSERT INTO ice.retail.cart
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  session_id, event_name, device, is_bot, order_id, value_cents, fulfilment,
  item_sku_ids, item_quantities, item_price_cents
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM cart_accepted
)
WHERE n = 1;
END;

-- cdc-upsert/jobs.sql:48
SET 'pipeline.name' = 'loyalty';

-- loyalty_raw (generated)
CREATE TEMPORARY TABLE loyalty_raw (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'loyalty',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-loyalty',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

-- loyalty_fields (generated)
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

-- loyalty_judged (generated)
CREATE TEMPORARY VIEW loyalty_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS rejection
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

-- loyalty_accepted (generated)
CREATE TEMPORARY VIEW loyalty_accepted AS
SELECT
  COALESCE(event_id, '') AS event_id,
  COALESCE(TRY_CAST(store_id AS INT), 0) AS store_id,
  COALESCE(TRY_CAST(event_ts AS BIGINT), CAST(0 AS BIGINT)) AS event_ts,
  COALESCE(TRY_CAST(occurred_ms AS BIGINT), CAST(0 AS BIGINT)) AS occurred_ms,
  COALESCE(TRY_CAST(due_ms AS BIGINT), CAST(0 AS BIGINT)) AS due_ms,
  COALESCE(member_id, '') AS member_id,
  COALESCE(TRY_CAST(points AS INT), 0) AS points,
  COALESCE(kind, '') AS kind,
  event_type,
  tier,
  reference,
  kafka_ms, flink_ms, part, kafka_offset, pt
FROM loyalty_judged WHERE rejection IS NULL;

-- cdc-upsert/jobs.sql:49
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'loyalty', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM loyalty_judged WHERE rejection IS NOT NULL;

INSERT INTO ice.retail.loyalty
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms, event_type,
  member_id, points, kind, tier, reference
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt ASC) AS n
  FROM loyalty_accepted
)
WHERE n = 1;
END;

-- cdc-upsert/jobs.sql:61
SET 'table.exec.state.ttl' = '0 ms';

-- cdc-upsert/jobs.sql:64
SET 'pipeline.name' = 'inventory';

-- inventory_raw (generated)
CREATE TEMPORARY TABLE inventory_raw (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'inventory',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-inventory',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

-- inventory_fields (generated)
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

-- inventory_judged (generated)
CREATE TEMPORARY VIEW inventory_judged AS
SELECT *,
  CASE
    WHEN payload IS NULL THEN 'tombstone'
    WHEN ENCODE(j, 'UTF-8') <> payload THEN 'bad_utf8'
    WHEN wrong IS NULL THEN CAST(NULL AS STRING)
    WHEN NOT (j IS JSON OBJECT) THEN 'not_json'
    ELSE wrong
  END AS rejection
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
        IF(JSON_EXISTS(j, '$.after.occurred_ms'), 'wrong_type:occurred_ms', 'missing_key:occurred_ms')
      WHEN TRY_CAST(due_ms AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.due_ms'), 'wrong_type:due_ms', 'missing_key:due_ms')
      WHEN TRY_CAST(sku_id AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.sku_id'), 'wrong_type:sku_id', 'missing_key:sku_id')
      WHEN TRY_CAST(on_hand AS INT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.on_hand'), 'wrong_type:on_hand', 'missing_key:on_hand')
      WHEN TRY_CAST(version AS BIGINT) IS NULL THEN
        IF(JSON_EXISTS(j, '$.after.version'), 'wrong_type:version', 'missing_key:version')
      WHEN committed IS NOT NULL AND TRY_CAST(committed AS INT) IS NULL THEN 'wrong_type:committed'
      WHEN unavailable IS NOT NULL AND TRY_CAST(unavailable AS INT) IS NULL THEN 'wrong_type:unavailable'
      WHEN available IS NOT NULL AND TRY_CAST(available AS INT) IS NULL THEN 'wrong_type:available'
      WHEN deleted IS NOT NULL AND TRY_CAST(deleted AS BOOLEAN) IS NULL THEN 'wrong_type:deleted'
    END AS wrong
  FROM inventory_fields
);

-- inventory_accepted (generated)
CREATE TEMPORARY VIEW inventory_accepted AS
SELECT
  COALESCE(event_id, '') AS event_id,
  COALESCE(TRY_CAST(store_id AS INT), 0) AS store_id,
  COALESCE(TRY_CAST(event_ts AS BIGINT), CAST(0 AS BIGINT)) AS event_ts,
  COALESCE(TRY_CAST(occurred_ms AS BIGINT), CAST(0 AS BIGINT)) AS occurred_ms,
  COALESCE(TRY_CAST(due_ms AS BIGINT), CAST(0 AS BIGINT)) AS due_ms,
  COALESCE(TRY_CAST(sku_id AS INT), 0) AS sku_id,
  COALESCE(TRY_CAST(on_hand AS INT), 0) AS on_hand,
  COALESCE(TRY_CAST(version AS BIGINT), CAST(0 AS BIGINT)) AS version,
  TRY_CAST(committed AS INT) AS committed,
  TRY_CAST(unavailable AS INT) AS unavailable,
  TRY_CAST(available AS INT) AS available,
  COALESCE(TRY_CAST(deleted AS BOOLEAN), FALSE) AS deleted,
  kafka_ms, flink_ms, part, kafka_offset, pt
FROM inventory_judged WHERE rejection IS NULL;

-- cdc-upsert/jobs.sql:65
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'inventory', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM inventory_judged WHERE rejection IS NOT NULL;

INSERT INTO ice.retail.inventory /*+ OPTIONS(
  'flink-maintenance.rewrite.enabled' = 'false',
  'flink-maintenance.rewrite.schedule.interval-second' = '60',
  'flink-maintenance.rewrite.delete-file-threshold' = '1',
  'flink-maintenance.rate-limit-seconds' = '1',
  'flink-maintenance.lock-check-delay-seconds' = '1') */
SELECT
  event_id, store_id, event_ts, occurred_ms, due_ms, kafka_ms, flink_ms,
  sku_id, on_hand, committed, unavailable, available, version, deleted
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY store_id, sku_id ORDER BY version DESC) AS n
  FROM inventory_accepted
)
WHERE n = 1;
END;

