import { quoted } from '../../core/sql.ts';
import {
  columnOf,
  type Dataset,
  holdsImages,
  holdsRejected,
  type ImageDataset,
} from '../../topology/dataset.ts';
import { tableColumns } from '../../topology/table-columns.ts';
import type { Connection } from '../clients/duckdb.ts';
import { BATCH_COLUMN, type BatchFile, type BatchTable, tableFolder } from './batch-log.ts';
import { filesOf, named } from './views.ts';

/** A table before its first batch. */
export function emptyTable(dataset: Dataset): BatchTable {
  const columns = tableColumns(dataset).map(({ name, type }) => [name, type]);
  return { columns: Object.fromEntries(columns), files: [] };
}

/** Rows to fold into a table. */
interface FoldOf {
  readonly dataset: Dataset;
  /** The table as the newest batch has it. */
  readonly table: BatchTable;
  /** What may stand after FROM: the rows by our names, with `arrived_part` and `arrived_offset`, their place in the log. */
  readonly from: string;
}

interface FoldTo {
  /** Where the folders of all tables are, such as `s3://warehouse/`. */
  readonly root: string;
  readonly namespace: string;
  /** Number of the batch that is being made. */
  readonly number: number;
  /** Distinguishes the files of this attempt from those of one that was killed. */
  readonly attempt: string;
  /** Store buckets per table, and per day where a table has days: see `Batch`. */
  readonly buckets: number;
}

/** Statistics that DuckDB returns of a written file. */
interface Written {
  readonly filename: string;
  readonly count: number;
  readonly file_size_bytes: number;
}

/**
 * Folds rows into a table: keeps the first of each event, and the highest version of each row; writes every partition
 * that changes as a whole into new files, and changes no file that readers may read. Returns the table with the new files
 * in the place of the old ones. An event is known by its id alone, in whichever partition it is.
 */
export async function fold(
  connection: Connection,
  of: FoldOf,
  { root, namespace, number, attempt, buckets }: FoldTo,
): Promise<BatchTable> {
  const { dataset, table } = of;
  const parts = partitionsOf(dataset, buckets);
  const columns = tableColumns(dataset).map(({ name }) => name);
  const own = [...columns, BATCH_COLUMN].map(named).join(', ');
  const same = sameRow(dataset);
  await readIncoming(connection, { ...of, number }, [partitionColumns(parts)]);
  // A key of images is in one partition; the id of an event may be in any.
  const candidates = holdsImages(dataset)
    ? touchedIn(table, await partitionsIn(connection, 'incoming', parts))
    : table;
  const version = isUpsert(dataset) ? named(dataset.version) : null;
  const newer = version === null ? '' : `AND known.${version} >= new.${version}`;
  await connection.run(`
    CREATE OR REPLACE TEMP TABLE fresh AS FROM incoming AS new WHERE NOT EXISTS (
      SELECT 1 FROM ${filesOf(candidates)} AS known WHERE ${same} ${newer})`);
  const touched = await partitionsIn(connection, 'fresh', parts);
  if (touched.size === 0) return table;
  const rewritten = touchedIn(table, touched);
  const kept =
    version === null ? '' : `WHERE NOT EXISTS (SELECT 1 FROM fresh AS new WHERE ${same})`;
  const folder = `${root}${tableFolder(namespace, dataset.name)}`;
  const file = `batch-${String(number).padStart(10, '0')}-${attempt}-{i}`;
  const names = Object.keys(parts).map(named).join(', ');
  const written = await connection.rows<Written>(`
    COPY (
      SELECT ${own}, ${partitionColumns(parts)} FROM ${filesOf(rewritten)} AS known ${kept}
      UNION ALL SELECT ${own}, ${names} FROM fresh
    ) TO ${quoted(folder.slice(0, -1))} (FORMAT parquet, PARTITION_BY (${names}),
      FILENAME_PATTERN ${quoted(file)}, OVERWRITE_OR_IGNORE, RETURN_STATS)`);
  const files = written.map(
    ({ filename, count, file_size_bytes }): BatchFile => ({
      path: filename,
      partition: filename.slice(folder.length, filename.lastIndexOf('/')),
      rows: count,
      bytes: file_size_bytes,
      batch: number,
    }),
  );
  return {
    ...table,
    files: [...table.files.filter(({ partition }) => !touched.has(partition)), ...files],
  };
}

/** Expressions of the columns that Hive-style folders are named after, over a table's own columns. */
type Parts = Readonly<Record<string, string>>;

/** Images have no day: a key stays in its partition. */
function partitionsOf(dataset: Dataset, buckets: number): Parts {
  const own = (name: string) => named(columnOf(dataset, name));
  const spread = own(holdsRejected(dataset) ? 'part' : 'store_id');
  const bucket = `abs(${spread}) % ${buckets}`;
  if (holdsImages(dataset)) return { bucket };
  const at = own(holdsRejected(dataset) ? 'kafka_ms' : 'occurred_ms');
  // A record may state any number as its time.
  const day = `coalesce(strftime(TRY(make_timestamp(${at} * 1000)), '%Y-%m-%d'), 'unknown')`;
  return { day, bucket };
}

function partitionColumns(parts: Parts): string {
  return Object.entries(parts)
    .map(([name, expression]) => `${expression} AS ${named(name)}`)
    .join(', ');
}

/**
 * Reads rows into the table `incoming`, by the names of their own table: the first of each event or the newest of each row,
 * with the number of their load, and `more` columns over these.
 */
export async function readIncoming(
  connection: Connection,
  { dataset, from, number }: Pick<FoldOf, 'dataset' | 'from'> & { readonly number: number },
  more: readonly string[] = [],
): Promise<void> {
  const columns = tableColumns(dataset);
  const own = columns.map(({ name }) => named(name)).join(', ');
  const keys = identityOf(dataset).map(named).join(', ');
  const arrival = `${named(columnOf(dataset, 'kafka_ms'))}, arrived_part, arrived_offset`;
  const order = isUpsert(dataset) ? `${named(dataset.version)} DESC, ${arrival}` : arrival;
  await connection.run(`
    CREATE OR REPLACE TEMP TABLE incoming AS
    SELECT ${[own, `${number}::INTEGER AS ${BATCH_COLUMN}`, ...more].join(', ')} FROM (
      SELECT ${columns.map(({ ours, name }) => `${named(ours)} AS ${named(name)}`).join(', ')},
        arrived_part, arrived_offset FROM ${from})
    QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY ${order}) = 1
    ORDER BY ${arrival}`);
}

/** Whether a row of the table, `known`, and one that came, `new`, are the same one. */
export function sameRow(dataset: Dataset): string {
  return identityOf(dataset)
    .map((name) => `known.${named(name)} = new.${named(name)}`)
    .join(' AND ');
}

async function partitionsIn(
  connection: Connection,
  rows: 'incoming' | 'fresh',
  parts: Parts,
): Promise<ReadonlySet<string>> {
  const folders = Object.keys(parts).map((name) => `'${name}=' || ${named(name)}`);
  const found = await connection.rows<{ partition: string }>(
    `SELECT DISTINCT concat_ws('/', ${folders.join(', ')}) AS partition FROM ${rows}`,
  );
  return new Set(found.map(({ partition }) => partition));
}

function touchedIn(table: BatchTable, partitions: ReadonlySet<string>): BatchTable {
  return { ...table, files: table.files.filter(({ partition }) => partitions.has(partition)) };
}

export function isUpsert(
  dataset: Dataset,
): dataset is ImageDataset & { readonly semantics: 'upsert' } {
  return dataset.semantics === 'upsert';
}

/** Columns of the table that tell two rows apart. */
function identityOf(dataset: Dataset): readonly string[] {
  if (!holdsImages(dataset)) return dataset.firstOf;
  return isUpsert(dataset) ? dataset.key : [...dataset.key, dataset.version];
}
