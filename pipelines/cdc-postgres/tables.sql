-- What readers see. Every row keeps the trace it travelled with, in epoch ms:
--   event_ts     what the terminal claims          occurred_ms  when it truly happened
--   due_ms       when it was meant to be sent      kafka_ms     when the database wrote it
--   flink_ms     when the job processed it
CREATE DATABASE IF NOT EXISTS ice.${namespace};

-- Receipts. The lines are one array per field, position by position: typed columns that a reader
-- unnests together, where an array of JSON texts would be parsed again by every query. A receipt rung up in
-- training is a row like the others, marked: no takings, and no sale.
CREATE TABLE ice.${namespace}.pos (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, transaction_id STRING, terminal_id INT, sequence_number INT,
  business_day STRING, local_time STRING, type STRING, training BOOLEAN,
  customer_id STRING, payment_method STRING, currency STRING,
  total_cents BIGINT, discount_cents BIGINT, tax_cents BIGINT,
  line_sku_ids ARRAY<INT>, line_quantities ARRAY<INT>,
  line_unit_price_cents ARRAY<BIGINT>, line_extended_cents ARRAY<BIGINT>
) WITH ('format-version' = '${format}');

-- Warehouse movements; quantity is the signed effect on on-hand.
CREATE TABLE ice.${namespace}.wms (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, sku_id INT, quantity INT, biz_step STRING, disposition STRING, reason STRING,
  location STRING, reference STRING
) WITH ('format-version' = '${format}');

-- Web sessions, step by step; items as in pos.
CREATE TABLE ice.${namespace}.cart (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, session_id STRING, event_name STRING, device STRING, is_bot BOOLEAN,
  order_id STRING, value_cents BIGINT, fulfilment STRING,
  item_sku_ids ARRAY<INT>, item_quantities ARRAY<INT>, item_price_cents ARRAY<BIGINT>
) WITH ('format-version' = '${format}');

CREATE TABLE ice.${namespace}.loyalty (
  event_id STRING, store_id INT, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  event_type STRING, member_id STRING, points INT, kind STRING, tier STRING, reference STRING
) WITH ('format-version' = '${format}');

-- Stock on hand, one row per store and SKU, merged on read. A deleted row stays, marked: a filter
-- on deletes behind the version guard would lose them. A rewrite commits against the job, which commits every
-- few seconds: on a busy machine it loses more often than by default it tries again.
CREATE TABLE ice.${namespace}.inventory (
  event_id STRING, store_id INT NOT NULL, event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT,
  kafka_ms BIGINT, flink_ms BIGINT,
  sku_id INT NOT NULL, on_hand INT, committed INT, unavailable INT, available INT,
  version BIGINT, deleted BOOLEAN,
  PRIMARY KEY (store_id, sku_id) NOT ENFORCED
) WITH (
  'format-version' = '${format}',
  'write.upsert.enabled' = 'true',
  'write.distribution-mode' = 'hash',
  'commit.retry.num-retries' = '30',
  'commit.retry.max-wait-ms' = '1000'
);

-- What could not be typed, byte by byte, with the first thing that was wrong with it. Every job appends
-- here: a lost race for a commit is run again, more often than by default, and a job with nothing to
-- append stays out of the race (by default it commits an empty snapshot every ten checkpoints).
CREATE TABLE ice.${namespace}.dead_letter (
  topic STRING, part INT, kafka_offset BIGINT, reason STRING, payload BYTES,
  kafka_ms BIGINT, flink_ms BIGINT
) WITH (
  'format-version' = '${format}',
  'commit.retry.num-retries' = '30',
  'commit.retry.max-wait-ms' = '1000',
  'flink.max-continuous-empty-commits' = '1000000'
);
