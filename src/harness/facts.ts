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
  /**
   * Raises the memory limit for the statements that judge a run. Called when nothing is measured any more; facts without
   * a folder to spill to have that limit from the start.
   */
  raiseMemoryLimit(): Promise<void>;
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
 * Memory of the facts, MB: bounded, because the servers under test share the machine. During a run the rows beyond it are
 * on disk, so that a longer run takes no more; the statements that judge a run sort and join all of them. The census reads
 * a commit as a whole: one file of 2,000,000 rows fits in 192 MB and not in 128.
 */
export const FACTS_MB = { collecting: 256, judging: 1024 } as const;

/**
 * One thread, so that a core stays free for a producing thread. No cache of files, because each file of a table is read
 * once.
 */
const LIMITS: Omit<DatabaseOptions, 'memoryMb'> = { threads: 1, cacheFiles: false };

/**
 * Opens empty facts in memory: with a file every append would wait for the disk, on the main thread. DuckDB spills what
 * does not fit to `spillDir`. With such a folder the facts collect within a small part of the memory, until
 * `raiseMemoryLimit`.
 */
export async function openFacts(options: { readonly spillDir?: string } = {}): Promise<Facts> {
  const memoryMb = options.spillDir === undefined ? FACTS_MB.judging : FACTS_MB.collecting;
  const database = await openDatabase(':memory:', { ...LIMITS, ...options, memoryMb });
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
    raiseMemoryLimit: () => reading.run(`SET memory_limit = '${FACTS_MB.judging}MB'`),
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
