import { WIRE } from '../generators/wire-schema.ts';
import type { Stream } from '../scenario/scenario.ts';
import { carriesStream, columnOf, type Dataset, holdsImages, holdsRejected } from './dataset.ts';
import { recordColumns } from './decode-sql.ts';
import { tableColumns } from './table-columns.ts';

/**
 * The Spark SQL that merges the micro-batches of a topic into Iceberg tables. A micro-batch that is merged a second time
 * changes nothing (ADR 50). Pure. `${first_ms}` stays in the text: see `MergeJob.java`.
 */

/** How long a repeated record is recognized after the first, as in `cdc-upsert`: 1 h. */
export const REMEMBERED = '1 h';
const REMEMBERED_MS = 3_600_000;

/** Types of Spark, by those of DuckDB. */
const SPARK_TYPES: Readonly<Record<string, string>> = {
  VARCHAR: 'STRING',
  INTEGER: 'INT',
  BIGINT: 'BIGINT',
  BOOLEAN: 'BOOLEAN',
  BLOB: 'BINARY',
};

function sparkType(type: string): string {
  const list = /^(\w+)\[\]$/.exec(type);
  return list === null ? (SPARK_TYPES[type] as string) : `ARRAY<${SPARK_TYPES[list[1] as string]}>`;
}

/** Creates a table of format 3: an update marks the former row in a deletion vector, and keeps its `_row_id`. */
export function createTable(dataset: Dataset, namespace: string): string {
  const columns = tableColumns(dataset).map(({ name, type }) => `${name} ${sparkType(type)}`);
  return `CREATE TABLE IF NOT EXISTS ice.${namespace}.${dataset.name} (
  ${columns.join(',\n  ')}
) USING iceberg TBLPROPERTIES (
  'format-version' = '3',
  'write.merge.mode' = 'merge-on-read',
  'commit.retry.num-retries' = '30',
  'commit.retry.max-wait-ms' = '1000'
)`;
}

/** How the records of a stream are decoded, and what becomes of them. */
interface MergedStream {
  /** Arguments of `read_record`: see `RecordSchema.java`. */
  readonly at: string;
  readonly columns: string;
  /** Its result, and when it was called, as the columns of a Spark type. */
  readonly type: string;
  /** Statements for the accepted records of a micro-batch, and for its rejected ones. */
  readonly accepted: readonly string[];
  readonly rejected: readonly string[];
}

export function mergedStream(
  stream: Stream,
  datasets: readonly Dataset[],
  namespace: string,
): MergedStream {
  const columns = recordColumns(WIRE[stream]);
  const types = columns.map(({ column, type, isList }) =>
    isList ? `${column} ARRAY<${type}>` : `${column} ${type}`,
  );
  return {
    at: WIRE[stream].at,
    columns: columns.map(({ spec }) => spec).join(', '),
    type: [...types, 'rejection STRING', 'flink_ms BIGINT'].join(', '),
    accepted: datasets
      .filter((one) => carriesStream(one) && one.carries === stream)
      .map((one) => mergeInto(one, namespace, stream)),
    rejected: datasets.filter(holdsRejected).map((one) => mergeInto(one, namespace, stream)),
  };
}

/**
 * The newest image of each key replaces an older one; of other records the first of each identity is inserted, unless it is
 * there. Only files that may hold it are read: those with rows of the last hour before the batch.
 */
function mergeInto(dataset: Dataset, namespace: string, stream: Stream): string {
  const { identity, order } = identityOf(dataset);
  const key = identity.map((name) => oursOf(dataset, name));
  const upserts = dataset.semantics === 'upsert';
  const same = identity.map((name) => `t.${name} = s.${name}`);
  const recent = `t.${columnOf(dataset, 'kafka_ms')} >= \${first_ms} - ${REMEMBERED_MS}`;
  const version = holdsImages(dataset) ? dataset.version : '';
  const matched = `WHEN MATCHED AND s.${version} > t.${version} THEN UPDATE SET *\n`;
  return `MERGE INTO ice.${namespace}.${dataset.name} t USING (
  SELECT ${selected(dataset, stream).join(', ')}
  FROM (
    SELECT *, row_number() OVER (PARTITION BY ${key.join(', ')} ORDER BY ${order}) AS nth
    FROM (SELECT *, '${stream}' AS topic FROM judged) WHERE rejection IS ${holdsRejected(dataset) ? 'NOT NULL' : 'NULL'}
  ) WHERE nth = 1
) s ON ${[...same, ...(upserts ? [] : [recent])].join(' AND ')}
${upserts ? matched : ''}WHEN NOT MATCHED THEN INSERT *`;
}

/** The columns of which a table has one row per value, and which of several records is that row. */
function identityOf(dataset: Dataset) {
  const first = 'kafka_ms, part, kafka_offset';
  if (!holdsImages(dataset)) return { identity: dataset.firstOf, order: first };
  const { key, version, semantics } = dataset;
  if (semantics === 'ledger') return { identity: [...key, version], order: first };
  return { identity: key, order: `${oursOf(dataset, version)} DESC, ${first}` };
}

function oursOf({ columns }: Dataset, name: string): string {
  return Object.keys(columns).find((ours) => columns[ours] === name) ?? name;
}

/** The columns of a table, from a row of `judged`. */
function selected(dataset: Dataset, stream: Stream): readonly string[] {
  const absent = new Map(WIRE[stream].fields.map((field) => [field.name, field.absent]));
  return tableColumns(dataset).map(({ ours, name }) => {
    const value = holdsRejected(dataset) && ours === 'reason' ? 'rejection' : ours;
    const otherwise = holdsRejected(dataset) ? undefined : absent.get(ours);
    const given = otherwise === undefined ? value : `coalesce(${value}, ${otherwise})`;
    return given === name ? name : `${given} AS ${name}`;
  });
}
