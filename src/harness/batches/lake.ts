import { quoted } from '../../core/sql.ts';
import type { Dataset } from '../../topology/dataset.ts';
import {
  type Connection,
  type Database,
  type DatabaseOptions,
  openDatabase,
} from '../clients/duckdb.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { type Bucket, openBucket } from '../clients/s3.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { BATCH_COLUMN } from './batch-log.ts';
import { emptyTable } from './fold.ts';
import { named } from './views.ts';

/** Tables of DuckLake: Parquet files in the object store, and a catalog in a SQLite file of this machine. */

type LakeExtensions = Pick<Artifacts['duckdbExtensions'], 'httpfs' | 'sqliteScanner' | 'ducklake'>;

/** Longest wait for another process that writes to the catalog, ms: without it, SQLite refuses at once. */
const BUSY_WITHIN_MS = 5_000;

/** Folder of everything that a namespace has in the bucket. */
export function lakeFolder(namespace: string): string {
  return `ducklake/${namespace}/`;
}

/** The object that says where the catalog is, for everything that opens the tables. */
const pointerOf = (namespace: string) => `${lakeFolder(namespace)}_catalog.json`;

interface LakeOptions {
  readonly s3: Endpoints['s3'];
  readonly namespace: string;
  /** What the catalog is called in SQL; its metadata are then in `__ducklake_metadata_<name>`. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Up to so many rows of one statement go into the catalog, and into no file. */
  readonly inlineRows: number;
}

/** Loads what a connection needs for tables in a lake: for all connections of its database. */
export async function loadLake(
  connection: Connection,
  { httpfs, sqliteScanner, ducklake }: LakeExtensions,
): Promise<void> {
  for (const path of [httpfs, sqliteScanner, ducklake]) {
    await connection.run(`LOAD ${quoted(path)}`);
  }
}

/** Attaches the tables of a namespace. Rejects when it has no catalog, or one on another machine. */
export async function attachLake(
  connection: Connection,
  bucket: Pick<Bucket, 'find'>,
  { s3, namespace, name, readOnly, inlineRows }: LakeOptions,
): Promise<void> {
  const body = await bucket.find(pointerOf(namespace));
  if (body === null) throw new Error(`${namespace} has no catalog of DuckLake`);
  const { catalog } = JSON.parse(Buffer.from(body).toString('utf8')) as { catalog: string };
  const data = `s3://${s3.bucket}/${lakeFolder(namespace)}`;
  await connection.run(
    `ATTACH IF NOT EXISTS ${quoted(`ducklake:sqlite:${catalog}`)} AS ${name} (DATA_PATH ${quoted(data)},
       META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT ${BUSY_WITHIN_MS},
       DATA_INLINING_ROW_LIMIT ${inlineRows}${readOnly ? ', READ_ONLY' : ''})`,
  );
}

/**
 * Makes the catalog of a namespace with its tables, without rows. Gives whether there was none: of two that make one, one
 * does nothing.
 */
export async function createLake(
  catalog: string,
  datasets: readonly Dataset[],
  options: Pick<LakeOptions, 's3' | 'namespace'> & { readonly extensions: LakeExtensions },
): Promise<boolean> {
  const { s3, namespace } = options;
  using bucket = openBucket(s3);
  if (!(await bucket.putNew(pointerOf(namespace), JSON.stringify({ catalog })))) return false;
  const { database, connection } = await openLake({ ...options, ...OWN, readOnly: false });
  try {
    const tables = datasets.map((dataset) => {
      const columns = { ...emptyTable(dataset).columns, [BATCH_COLUMN]: 'INTEGER' };
      const typed = Object.entries(columns).map(([name, type]) => `${named(name)} ${type}`);
      return `CREATE TABLE ice.${named(namespace)}.${named(dataset.name)} (${typed.join(', ')});`;
    });
    await connection.run(`CREATE SCHEMA ice.${named(namespace)}; ${tables.join('\n')}`);
    return true;
  } finally {
    connection.close();
    database.close();
  }
}

const OWN = { memoryMb: 256, threads: 1 };

interface OpenOptions extends Pick<DatabaseOptions, 'memoryMb' | 'threads'> {
  readonly s3: Endpoints['s3'];
  readonly extensions: LakeExtensions;
  readonly namespace: string;
  readonly readOnly: boolean;
}

/** Opens a DuckDB in memory that has the tables as `ice.<namespace>.<table>`; what it writes goes into files. */
export async function openLake({
  s3,
  extensions,
  namespace,
  readOnly,
  ...limits
}: OpenOptions): Promise<{ readonly database: Database; readonly connection: Connection }> {
  const database = await openDatabase(':memory:', limits);
  try {
    const connection = await database.connect();
    await loadLake(connection, extensions);
    await createS3Secret(connection, s3);
    using bucket = openBucket(s3);
    await attachLake(connection, bucket, { s3, namespace, name: 'ice', readOnly, inlineRows: 0 });
    return { database, connection };
  } catch (error) {
    database.close();
    throw error;
  }
}
