import { rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { quoted } from '../core/sql.ts';
import { FACTS, type FactTable } from '../record/facts.ts';
import {
  type Cell,
  type Connection,
  type DatabaseOptions,
  openDatabase,
  type Params,
} from './clients/duckdb.ts';

/** A row by column; a column that is left out is NULL. */
export type FactRow = Readonly<Record<string, Cell>>;

/** Everything that a run observed, in one in-process DuckDB. Tables and columns: src/record/facts.ts. */
export interface Facts extends AsyncDisposable {
  /** Appends rows by column name; a missing column is NULL, an unknown one throws. */
  append(table: FactTable, rows: readonly FactRow[]): Promise<void>;
  run(sql: string, params?: Params): Promise<void>;
  /** Integers come as numbers; a bigint only beyond 2^53. */
  rows<T = Record<string, unknown>>(sql: string, params?: Params): Promise<T[]>;
  /** A separate connection, so that a long statement does not delay the others. The caller closes it. */
  connect(): Promise<Connection>;
  /** Forbids DuckDB to read or write files outside these folders and to load extensions. */
  confine(dirs: readonly string[]): Promise<void>;
  /** Writes one Parquet file per table, completely or not at all. A failure does not stop the other tables. */
  exportParquet(dir: string): Promise<ParquetExport>;
  close(): Promise<void>;
}

/** Result of an export. */
interface ParquetExport {
  readonly paths: readonly string[];
  /** Tables that could not be written, each with the reason. */
  readonly failed: readonly { readonly table: FactTable; readonly reason: string }[];
}

/**
 * Bounded memory, because the servers under test share the machine; one thread, so that a core stays free
 * for a producing thread.
 */
const LIMITS: DatabaseOptions = { memoryMb: 1024, threads: 1 };

/**
 * Opens empty facts in memory: with a file every append would wait for the disk, on the main thread.
 * DuckDB spills what does not fit to `spillDir`.
 */
export async function openFacts(options: { readonly spillDir?: string } = {}): Promise<Facts> {
  const database = await openDatabase(':memory:', { ...LIMITS, ...options });
  const [reading, writing] = [await database.connect(), await database.connect()];
  for (const [table, columns] of Object.entries(FACTS)) {
    await reading.run(`CREATE TABLE IF NOT EXISTS ${table} (${columns})`);
  }
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    writing.close();
    reading.close();
    database.close();
  };
  return {
    append: (table, rows) => writing.append(table, rows),
    run: (sql, params) => reading.run(sql, params),
    rows: (sql, params) => reading.rows(sql, params),
    connect: () => database.connect(),
    confine: (dirs) => confine(reading, dirs),
    exportParquet: (dir) => exportParquet(reading, dir),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function confine(connection: Connection, dirs: readonly string[]): Promise<void> {
  const allowed = dirs.map((dir) => quoted(`${resolve(dir)}/`));
  await connection.run(`SET allowed_directories=[${allowed.join(', ')}]`);
  await connection.run('SET enable_external_access=false');
  await connection.run('SET lock_configuration=true');
}

async function exportParquet(connection: Connection, dir: string): Promise<ParquetExport> {
  const paths: string[] = [];
  const failed: { table: FactTable; reason: string }[] = [];
  for (const table of Object.keys(FACTS) as FactTable[]) {
    const path = join(dir, `${table}.parquet`);
    try {
      await writeParquet(connection, table, path);
      paths.push(path);
    } catch (error) {
      failed.push({ table, reason: (error as Error).message });
    }
  }
  return { paths, failed };
}

/** Writes a table that this connection can read as one Parquet file, completely or not at all. */
export async function writeParquet(
  connection: Connection,
  table: string,
  path: string,
): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await connection.run(`COPY ${table} TO ${quoted(partial)} (FORMAT parquet, COMPRESSION zstd)`);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
