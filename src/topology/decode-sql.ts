import {
  WIRE,
  type WireField,
  type WireList,
  type WireSchema,
  type WireType,
} from '../generators/wire-schema.ts';
import type { Stream } from '../scenario/scenario.ts';

/**
 * The Flink SQL that every pipeline over the wire format needs, generated from the wire schema: a stream's bytes
 * are decoded, every record is judged, and what is accepted becomes typed rows. Pure; placeholders
 * (`${kafka_brokers}`, …) stay in the text. docs/pipelines.md describes the columns to authors of pipelines.
 */

/** Tables and views that are generated for each stream; each is read by the next. */
export const PARTS = ['raw', 'fields', 'judged', 'accepted'] as const;
export type Part = (typeof PARTS)[number];

/**
 * What parses a record: `function` is the Java function of src/topology/java, one parse per record; `sql` is Flink's
 * own JSON_VALUE, one parse per field, for a Flink without that function. Both give the same reasons and values (ADR 33).
 */
export type Decoder = 'function' | 'sql';

/** Only a Flink that doorbuster started has the function on its class path. */
export function decoderOn(runtime: string): Decoder {
  return runtime === 'external' ? 'sql' : 'function';
}

/** The statement that registers the function in a session. */
export const CREATE_FUNCTION = `CREATE TEMPORARY SYSTEM FUNCTION read_record AS 'doorbuster.ReadRecord'`;

type SqlOf = (stream: Stream, schema: WireSchema) => string;

const SQL: Readonly<Record<Part, Readonly<Record<Decoder, SqlOf>>>> = {
  raw: { function: rawSql, sql: rawSql },
  fields: { function: recordSql, sql: fieldsSql },
  judged: { function: judgedRecordSql, sql: judgedSql },
  accepted: { function: acceptedSql, sql: acceptedSql },
};

/** The statement that creates `<stream>_<part>`. */
export function decodeSql(stream: Stream, part: Part, decoder: Decoder): string {
  return SQL[part][decoder](stream, WIRE[stream]);
}

/** Name of a generated table or view. */
export function partName(stream: Stream, part: Part): string {
  return `${stream}_${part}`;
}

/**
 * Settings of the session that the generated SQL relies on. Both sinks of a job read its `…_judged` view: with the
 * last one the planner keeps one of it, so that a record is parsed once and not once per sink.
 */
export const SESSION_SETTINGS: readonly string[] = [
  `SET 'execution.runtime-mode' = 'streaming'`,
  `SET 'table.local-time-zone' = 'UTC'`,
  `SET 'table.optimizer.reuse-optimize-block-with-digest-enabled' = 'true'`,
];

/** Rejected records of a stream, as bytes, with the first reason for the rejection. */
export function deadLetterInsert(stream: Stream, table: string): string {
  return `INSERT INTO ice.\${namespace}.${table}
SELECT '${stream}', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM ${partName(stream, 'judged')} WHERE rejection IS NOT NULL`;
}

/** Name of the table of the messages of a stream that its load target refused. */
export function refusedName(stream: Stream): string {
  return `${stream}_refused`;
}

/** What the stores' database refused of a stream: a JSON object per message, with its bytes in base64. */
export function refusedSql(stream: Stream): string {
  return `CREATE TEMPORARY TABLE ${refusedName(stream)} (
  part INT, kafka_offset BIGINT, kafka_ms BIGINT, reason STRING, payload BYTES,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = '\${topic_prefix}${stream}-refused',
  'properties.bootstrap.servers' = '\${kafka_brokers}'\${kafka_security},
  'properties.group.id' = '\${topic_prefix}doorbuster-${stream}-refused',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
)`;
}

/** The refused messages as dead letters. A connector that was killed sends some of them again. */
export function refusedSelect(stream: Stream): string {
  return `SELECT '${stream}', part, kafka_offset, reason, payload, kafka_ms,
  EXTRACT(EPOCH FROM row_ts) * 1000 + EXTRACT(MILLISECOND FROM row_ts)
FROM (
  SELECT *, CURRENT_ROW_TIMESTAMP() AS row_ts,
    ROW_NUMBER() OVER (PARTITION BY part, kafka_offset ORDER BY pt ASC) AS n
  FROM ${refusedName(stream)}
)
WHERE n = 1`;
}

/** Bytes, not JSON: the JSON format would drop a truncated record in silence. */
function rawSql(stream: Stream): string {
  return `CREATE TEMPORARY TABLE ${partName(stream, 'raw')} (
  payload BYTES,
  part INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  kafka_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  pt AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = '\${topic_prefix}${stream}',
  'properties.bootstrap.servers' = '\${kafka_brokers}'\${kafka_security},
  'properties.group.id' = '\${topic_prefix}doorbuster-${stream}',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
)`;
}

/** When Kafka appended the record, and when the job read it: epoch ms. */
const STAMPS = ['kafka', 'row'].map((clock) => {
  const [ts, name] = [`${clock}_ts`, clock === 'kafka' ? 'kafka_ms' : 'flink_ms'];
  return `EXTRACT(EPOCH FROM ${ts}) * 1000 + EXTRACT(MILLISECOND FROM ${ts}) AS ${name}`;
});

/** A row of all columns that are read, or the reason why there is none. */
function recordSql(stream: Stream, schema: WireSchema): string {
  return `CREATE TEMPORARY VIEW ${partName(stream, 'fields')} AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, CURRENT_ROW_TIMESTAMP() AS row_ts,
  read_record(payload, '${schema.at}', '
    ${recordColumns(schema)
      .map(({ spec }) => spec)
      .join(',\n    ')}') AS decoded
FROM ${partName(stream, 'raw')}`;
}

/** The view of the records that the function has judged. */
function judgedRecordSql(stream: Stream, schema: WireSchema): string {
  const columns = [...recordColumns(schema).map(({ column }) => column), 'rejection'];
  return `CREATE TEMPORARY VIEW ${partName(stream, 'judged')} AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, DECODE(payload, 'UTF-8') AS j, row_ts,
  ${[...columns.map((column) => `decoded.${column} AS ${column}`), ...STAMPS].join(',\n  ')}
FROM ${partName(stream, 'fields')}`;
}

/** A column that the function extracts. */
interface RecordColumn {
  readonly column: string;
  /** Its type, or that of its elements. */
  readonly type: WireType;
  readonly isList: boolean;
  readonly spec: string;
}

/** The columns to extract from a record, and the specification of each in the function's format: see RecordSchema.java. */
export function recordColumns({ fields, lists }: WireSchema): readonly RecordColumn[] {
  const required = (need: WireField['need']) => (need === 'required' ? ' NOT NULL' : '');
  return [
    ...fields.flatMap(({ name, type, need }) =>
      need === 'unread'
        ? []
        : [{ column: name, type, isList: false, spec: `${name} ${type}${required(need)}` }],
    ),
    ...lists.flatMap((list) =>
      read(list).map(({ name, type, column }) => ({
        ...{ column, type, isList: true },
        spec: `${list.name}[*].${name} ${type}${required(list.need)} AS ${column}`,
      })),
    ),
  ];
}

/**
 * Every field as text; NULL where there is none. One costs about 20 microseconds of a core per KB of the record,
 * so that unread ones are left out. The row's own clock is read here and used twice in the next view, which also
 * keeps the planner from merging the two and parsing twice.
 */
function fieldsSql(stream: Stream, { at, fields, lists }: WireSchema): string {
  const list = (path: string, column: string) =>
    `JSON_QUERY(j, '${at}.${path}' RETURNING ARRAY<STRING> NULL ON ERROR) AS ${column}`;
  const columns = [
    ...fields
      .filter(({ need }) => need !== 'unread')
      .map(({ name }) => `JSON_VALUE(j, '${at}.${name}') AS ${name}`),
    ...lists.flatMap((one) => [
      list(one.name, one.name),
      ...read(one).map(({ name, column }) => list(`${one.name}[*].${name}`, column)),
    ]),
  ];
  return `CREATE TEMPORARY VIEW ${partName(stream, 'fields')} AS
SELECT
  payload, part, kafka_offset, kafka_ts, pt, j, CURRENT_ROW_TIMESTAMP() AS row_ts,
  ${columns.join(',\n  ')}
FROM (SELECT *, DECODE(payload, 'UTF-8') AS j FROM ${partName(stream, 'raw')})`;
}

/** The first reason to reject a record; NULL if there is none. */
function judgedSql(stream: Stream, schema: WireSchema): string {
  const reasons = [
    ...schema.fields.flatMap((field) => fieldReasons(schema.at, field)),
    ...schema.lists.flatMap((list) => listReasons(schema.at, list)),
  ];
  return `CREATE TEMPORARY VIEW ${partName(stream, 'judged')} AS
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
    ${STAMPS.join(',\n    ')},
    CASE
      ${reasons.join('\n      ')}
    END AS wrong
  FROM ${partName(stream, 'fields')}
)`;
}

function fieldReasons(at: string, { name, type, need }: WireField): readonly string[] {
  const typed = type === 'STRING' ? name : tryCast(name, type);
  if (need === 'required') {
    return [`WHEN ${typed} IS NULL THEN\n        ${wrongOrMissing(at, name)}`];
  }
  if (need === 'unread' || type === 'STRING') return [];
  return [`WHEN ${name} IS NOT NULL AND ${typed} IS NULL THEN 'wrong_type:${name}'`];
}

/** Conditions of a list, then of each of its fields: its type, and that no object lacks it. */
function listReasons(at: string, list: WireList): readonly string[] {
  const { name, need } = list;
  const fields = read(list).flatMap(({ name: field, type, column }) => {
    const given = need === 'optional' ? `${column} IS NOT NULL AND ` : '';
    return [
      `WHEN ${given}${tryCast(column, `ARRAY<${type}>`)} IS NULL THEN 'wrong_type:${name}[*].${field}'`,
      `WHEN CARDINALITY(${column}) <> CARDINALITY(${name}) THEN 'missing_key:${name}[*].${field}'`,
    ];
  });
  if (need === 'optional') return fields;
  return [`WHEN ${name} IS NULL THEN\n        ${wrongOrMissing(at, name)}`, ...fields];
}

function wrongOrMissing(at: string, name: string): string {
  return `IF(JSON_EXISTS(j, '${at}.${name}'), 'wrong_type:${name}', 'missing_key:${name}')`;
}

/** Default of a required field for NULL, which never occurs in an accepted record. */
const NEVER: Readonly<Record<WireField['type'], string>> = {
  STRING: `''`,
  INT: '0',
  BIGINT: 'CAST(0 AS BIGINT)',
  BOOLEAN: 'FALSE',
};

/**
 * The accepted records, typed: versions are compared as numbers. COALESCE tells the planner that a required field is
 * never NULL, without which none could be in a table's primary key.
 */
function acceptedSql(stream: Stream, { fields, lists }: WireSchema): string {
  const columns = [
    ...fields.flatMap(({ name, type, need, absent }) => {
      if (need === 'unread') return [];
      const typed = type === 'STRING' ? name : tryCast(name, type);
      const otherwise = need === 'required' ? NEVER[type] : absent;
      if (otherwise !== undefined) return [`COALESCE(${typed}, ${otherwise}) AS ${name}`];
      return [typed === name ? name : `${typed} AS ${name}`];
    }),
    ...lists.flatMap((list) =>
      read(list).map(({ type, column }) => `${tryCast(column, `ARRAY<${type}>`)} AS ${column}`),
    ),
  ];
  return `CREATE TEMPORARY VIEW ${partName(stream, 'accepted')} AS
SELECT
  ${columns.join(',\n  ')},
  kafka_ms, flink_ms, part, kafka_offset, pt
FROM ${partName(stream, 'judged')} WHERE rejection IS NULL`;
}

/** The fields of a list that are extracted. */
function read({ fields }: WireList) {
  return fields.flatMap((field) =>
    field.column === null ? [] : [{ ...field, column: field.column }],
  );
}

function tryCast(value: string, type: string): string {
  return `TRY_CAST(${value} AS ${type})`;
}
