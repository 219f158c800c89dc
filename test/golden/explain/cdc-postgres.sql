-- cdc-postgres/tables.sql:5
CREATE DATABASE IF NOT EXISTS ice.retail;

-- cdc-postgres/tables.sql:10
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

-- cdc-postgres/tables.sql:22
CREATE TABLE ice.retail.wms (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, sku_id INT, quantity INT, biz_step STRING, disposition STRING, reason STRING,
  location STRING, reference STRING
) WITH ('format-version' = '2');

-- cdc-postgres/tables.sql:30
CREATE TABLE ice.retail.cart (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, session_id STRING, event_name STRING, device STRING, is_bot BOOLEAN,
  order_id STRING, value_cents BIGINT, fulfilment STRING,
  item_sku_ids ARRAY<INT>, item_quantities ARRAY<INT>, item_price_cents ARRAY<BIGINT>
) WITH ('format-version' = '2');

-- cdc-postgres/tables.sql:38
CREATE TABLE ice.retail.loyalty (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, member_id STRING, points INT, kind STRING, tier STRING, reference STRING
) WITH ('format-version' = '2');

-- cdc-postgres/tables.sql:47
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

-- cdc-postgres/tables.sql:64
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

-- cdc-postgres/jobs.sql:5
SET 'execution.checkpointing.interval' = '2000 ms';

-- cdc-postgres/jobs.sql:6
SET 'parallelism.default' = '1';

-- cdc-postgres/jobs.sql:7
SET 'table.exec.iceberg.use-v2-sink' = 'true';

-- cdc-postgres/jobs.sql:11
SET 'table.exec.state.ttl' = '1 h';

-- cdc-postgres/jobs.sql:13
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

-- read_record (generated)
CREATE TEMPORARY SYSTEM FUNCTION read_record AS 'doorbuster.ReadRecord';

-- pos_fields (generated)
CREATE TEMPORARY VIEW pos_fields AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, CURRENT_ROW_TIMESTAMP() AS row_ts,
  read_record(payload, '$', '
    event_id STRING NOT NULL,
    store_id INT NOT NULL,
    event_ts BIGINT NOT NULL,
    occurred_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    transaction_id STRING NOT NULL,
    terminal_id INT NOT NULL,
    sequence_number INT NOT NULL,
    total_cents BIGINT NOT NULL,
    event_type STRING,
    business_day STRING,
    local_time STRING,
    type STRING,
    customer_id STRING,
    payment_method STRING,
    currency STRING,
    discount_cents BIGINT,
    tax_cents BIGINT,
    training BOOLEAN,
    lines[*].sku_id INT NOT NULL AS line_sku_ids,
    lines[*].quantity INT NOT NULL AS line_quantities,
    lines[*].unit_price_cents BIGINT NOT NULL AS line_unit_price_cents,
    lines[*].extended_cents BIGINT NOT NULL AS line_extended_cents') AS decoded
FROM pos_raw;

-- pos_judged (generated)
CREATE TEMPORARY VIEW pos_judged AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, DECODE(payload, 'UTF-8') AS j, row_ts,
  decoded.event_id AS event_id,
  decoded.store_id AS store_id,
  decoded.event_ts AS event_ts,
  decoded.occurred_ms AS occurred_ms,
  decoded.due_ms AS due_ms,
  decoded.transaction_id AS transaction_id,
  decoded.terminal_id AS terminal_id,
  decoded.sequence_number AS sequence_number,
  decoded.total_cents AS total_cents,
  decoded.event_type AS event_type,
  decoded.business_day AS business_day,
  decoded.local_time AS local_time,
  decoded.type AS type,
  decoded.customer_id AS customer_id,
  decoded.payment_method AS payment_method,
  decoded.currency AS currency,
  decoded.discount_cents AS discount_cents,
  decoded.tax_cents AS tax_cents,
  decoded.training AS training,
  decoded.line_sku_ids AS line_sku_ids,
  decoded.line_quantities AS line_quantities,
  decoded.line_unit_price_cents AS line_unit_price_cents,
  decoded.line_extended_cents AS line_extended_cents,
  decoded.rejection AS rejection,
  EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms
FROM pos_fields;

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

-- pos_refused (generated)
CREATE TEMPORARY TABLE pos_refused (
  part INT, kafka_offset BIGINT, kafka_ms BIGINT, reason STRING, payload BYTES,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'pos-refused',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-pos-refused',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

-- cdc-postgres/jobs.sql:14
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'pos', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM pos_judged WHERE rejection IS NOT NULL
UNION ALL
SELECT 'pos', part, kafka_offset, reason, payload, kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts)
FROM (
  SELECT *, CURRENT_ROW_TIMESTAMP() AS row_ts,
    ROW_NUMBER() OVER (PARTITION BY part, kafka_offset ORDER BY pt ASC) AS n
  FROM pos_refused
)
WHERE n = 1;

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

-- cdc-postgres/jobs.sql:26
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
  payload, part, kafka_offset, kafka_ts, pt, CURRENT_ROW_TIMESTAMP() AS row_ts,
  read_record(payload, '$', '
    event_id STRING NOT NULL,
    store_id INT NOT NULL,
    event_ts BIGINT NOT NULL,
    occurred_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    sku_id INT NOT NULL,
    quantity INT NOT NULL,
    biz_step STRING NOT NULL,
    event_type STRING,
    disposition STRING,
    reason STRING,
    location STRING,
    reference STRING') AS decoded
FROM wms_raw;

-- wms_judged (generated)
CREATE TEMPORARY VIEW wms_judged AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, DECODE(payload, 'UTF-8') AS j, row_ts,
  decoded.event_id AS event_id,
  decoded.store_id AS store_id,
  decoded.event_ts AS event_ts,
  decoded.occurred_ms AS occurred_ms,
  decoded.due_ms AS due_ms,
  decoded.sku_id AS sku_id,
  decoded.quantity AS quantity,
  decoded.biz_step AS biz_step,
  decoded.event_type AS event_type,
  decoded.disposition AS disposition,
  decoded.reason AS reason,
  decoded.location AS location,
  decoded.reference AS reference,
  decoded.rejection AS rejection,
  EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms
FROM wms_fields;

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

-- wms_refused (generated)
CREATE TEMPORARY TABLE wms_refused (
  part INT, kafka_offset BIGINT, kafka_ms BIGINT, reason STRING, payload BYTES,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'wms-refused',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-wms-refused',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

-- cdc-postgres/jobs.sql:27
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'wms', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM wms_judged WHERE rejection IS NOT NULL
UNION ALL
SELECT 'wms', part, kafka_offset, reason, payload, kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts)
FROM (
  SELECT *, CURRENT_ROW_TIMESTAMP() AS row_ts,
    ROW_NUMBER() OVER (PARTITION BY part, kafka_offset ORDER BY pt ASC) AS n
  FROM wms_refused
)
WHERE n = 1;

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

-- cdc-postgres/jobs.sql:37
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
  payload, part, kafka_offset, kafka_ts, pt, CURRENT_ROW_TIMESTAMP() AS row_ts,
  read_record(payload, '$', '
    event_id STRING NOT NULL,
    store_id INT NOT NULL,
    event_ts BIGINT NOT NULL,
    occurred_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    session_id STRING NOT NULL,
    event_name STRING NOT NULL,
    event_type STRING,
    device STRING,
    is_bot BOOLEAN,
    order_id STRING,
    value_cents BIGINT,
    fulfilment STRING,
    items[*].sku_id INT AS item_sku_ids,
    items[*].quantity INT AS item_quantities,
    items[*].price_cents BIGINT AS item_price_cents') AS decoded
FROM cart_raw;

-- cart_judged (generated)
CREATE TEMPORARY VIEW cart_judged AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, DECODE(payload, 'UTF-8') AS j, row_ts,
  decoded.event_id AS event_id,
  decoded.store_id AS store_id,
  decoded.event_ts AS event_ts,
  decoded.occurred_ms AS occurred_ms,
  decoded.due_ms AS due_ms,
  decoded.session_id AS session_id,
  decoded.event_name AS event_name,
  decoded.event_type AS event_type,
  decoded.device AS device,
  decoded.is_bot AS is_bot,
  decoded.order_id AS order_id,
  decoded.value_cents AS value_cents,
  decoded.fulfilment AS fulfilment,
  decoded.item_sku_ids AS item_sku_ids,
  decoded.item_quantities AS item_quantities,
  decoded.item_price_cents AS item_price_cents,
  decoded.rejection AS rejection,
  EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms
FROM cart_fields;

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

-- cart_refused (generated)
CREATE TEMPORARY TABLE cart_refused (
  part INT, kafka_offset BIGINT, kafka_ms BIGINT, reason STRING, payload BYTES,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'cart-refused',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-cart-refused',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

-- cdc-postgres/jobs.sql:38
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'cart', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM cart_judged WHERE rejection IS NOT NULL
UNION ALL
SELECT 'cart', part, kafka_offset, reason, payload, kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts)
FROM (
  SELECT *, CURRENT_ROW_TIMESTAMP() AS row_ts,
    ROW_NUMBER() OVER (PARTITION BY part, kafka_offset ORDER BY pt ASC) AS n
  FROM cart_refused
)
WHERE n = 1;

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

-- cdc-postgres/jobs.sql:49
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
  payload, part, kafka_offset, kafka_ts, pt, CURRENT_ROW_TIMESTAMP() AS row_ts,
  read_record(payload, '$', '
    event_id STRING NOT NULL,
    store_id INT NOT NULL,
    event_ts BIGINT NOT NULL,
    occurred_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    member_id STRING NOT NULL,
    points INT NOT NULL,
    kind STRING NOT NULL,
    event_type STRING,
    tier STRING,
    reference STRING') AS decoded
FROM loyalty_raw;

-- loyalty_judged (generated)
CREATE TEMPORARY VIEW loyalty_judged AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, DECODE(payload, 'UTF-8') AS j, row_ts,
  decoded.event_id AS event_id,
  decoded.store_id AS store_id,
  decoded.event_ts AS event_ts,
  decoded.occurred_ms AS occurred_ms,
  decoded.due_ms AS due_ms,
  decoded.member_id AS member_id,
  decoded.points AS points,
  decoded.kind AS kind,
  decoded.event_type AS event_type,
  decoded.tier AS tier,
  decoded.reference AS reference,
  decoded.rejection AS rejection,
  EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms
FROM loyalty_fields;

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

-- loyalty_refused (generated)
CREATE TEMPORARY TABLE loyalty_refused (
  part INT, kafka_offset BIGINT, kafka_ms BIGINT, reason STRING, payload BYTES,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'loyalty-refused',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-loyalty-refused',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

-- cdc-postgres/jobs.sql:50
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'loyalty', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM loyalty_judged WHERE rejection IS NOT NULL
UNION ALL
SELECT 'loyalty', part, kafka_offset, reason, payload, kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts)
FROM (
  SELECT *, CURRENT_ROW_TIMESTAMP() AS row_ts,
    ROW_NUMBER() OVER (PARTITION BY part, kafka_offset ORDER BY pt ASC) AS n
  FROM loyalty_refused
)
WHERE n = 1;

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
  payload, part, kafka_offset, kafka_ts, pt, CURRENT_ROW_TIMESTAMP() AS row_ts,
  read_record(payload, '$.after', '
    event_id STRING NOT NULL,
    store_id INT NOT NULL,
    event_ts BIGINT NOT NULL,
    occurred_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    sku_id INT NOT NULL,
    on_hand INT NOT NULL,
    version BIGINT NOT NULL,
    committed INT,
    unavailable INT,
    available INT,
    deleted BOOLEAN') AS decoded
FROM inventory_raw;

-- inventory_judged (generated)
CREATE TEMPORARY VIEW inventory_judged AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, DECODE(payload, 'UTF-8') AS j, row_ts,
  decoded.event_id AS event_id,
  decoded.store_id AS store_id,
  decoded.event_ts AS event_ts,
  decoded.occurred_ms AS occurred_ms,
  decoded.due_ms AS due_ms,
  decoded.sku_id AS sku_id,
  decoded.on_hand AS on_hand,
  decoded.version AS version,
  decoded.committed AS committed,
  decoded.unavailable AS unavailable,
  decoded.available AS available,
  decoded.deleted AS deleted,
  decoded.rejection AS rejection,
  EXTRACT(EPOCH FROM kafka_ts) * 1000 + EXTRACT(MILLISECOND FROM kafka_ts) AS kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts) AS flink_ms
FROM inventory_fields;

-- cdc-postgres/jobs.sql:62
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

-- cdc-postgres/jobs.sql:77
SET 'table.exec.state.ttl' = '0 ms';

-- cdc-postgres/jobs.sql:80
SET 'pipeline.name' = 'inventory';

-- inventory_refused (generated)
CREATE TEMPORARY TABLE inventory_refused (
  part INT, kafka_offset BIGINT, kafka_ms BIGINT, reason STRING, payload BYTES,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'inventory-refused',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'doorbuster-inventory-refused',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

-- cdc-postgres/jobs.sql:81
EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.retail.dead_letter
SELECT 'inventory', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM inventory_judged WHERE rejection IS NOT NULL
UNION ALL
SELECT 'inventory', part, kafka_offset, reason, payload, kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts)
FROM (
  SELECT *, CURRENT_ROW_TIMESTAMP() AS row_ts,
    ROW_NUMBER() OVER (PARTITION BY part, kafka_offset ORDER BY pt ASC) AS n
  FROM inventory_refused
)
WHERE n = 1;

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
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY store_id, sku_id ORDER BY version DESC, deleted DESC) AS n
  FROM changes
)
WHERE n = 1;
END;

