import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type Json,
  StatementType,
} from '@duckdb/node-api';
import { badInput, DoorbusterError } from '../core/errors.ts';
import { identifier, literalGlob, quoted } from '../core/sql.ts';
import { RUN_FILES } from './folder.ts';
import { type LeftOut, type ParquetFile, parquetFiles } from './parquet-files.ts';
import { runDir } from './read.ts';

/** Result of a query. */
export interface SqlResult {
  readonly columns: readonly string[];
  /** JSON-able values; a BIGINT or DECIMAL is a string, since JSON numbers would round it. */
  readonly rows: readonly (readonly Json[])[];
  /** Parquet files of the folder that are not available as tables, with the reason. */
  readonly leftOut: readonly LeftOut[];
}

/** Limits of one result, which is held in memory and printed: values, and characters in them. */
const MAX_VALUES = 5_000_000;
const MAX_CHARACTERS = 128 * 2 ** 20;
/** Memory limit of a query; a join of large tables spills to a temporary folder. */
const MEMORY = '1GB';

/**
 * `doorbuster sql DIR "…"`: one query over the Parquet files of a run (facts and dimensions), each of them a view named
 * after its file. Read-only: one SELECT, and DuckDB may not access any other file. Aborting the signal interrupts the
 * query. Throws DoorbusterError (exit 2).
 */
export async function querySql(
  path: string,
  sql: string,
  signal?: AbortSignal,
): Promise<SqlResult> {
  const { files, leftOut } = tablesOf(runDir(path));
  const spillDir = join(tmpdir(), `doorbuster-sql-${process.pid}`);
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: MEMORY,
    temp_directory: spillDir,
  });
  const connection = await instance.connect();
  const interrupt = () => connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  try {
    await confine(connection, files);
    const damaged = await createViews(connection, files, signal);
    const all = [...leftOut, ...damaged];
    if (damaged.length === files.length) throw nothingLeft(path, all);
    const answer = await answered(connection, await prepared(connection, path, sql), signal);
    return { ...answer, leftOut: all };
  } catch (error) {
    throw explained(error, files);
  } finally {
    signal?.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
    rmSync(spillDir, { recursive: true, force: true });
  }
}

function tablesOf(dir: string): ReturnType<typeof parquetFiles> {
  const [facts, dimensions] = [dir, join(dir, RUN_FILES.dimensions)].map(parquetFiles);
  const files = [...(facts?.files ?? []), ...(dimensions?.files ?? [])];
  const leftOut = [...(facts?.leftOut ?? []), ...(dimensions?.leftOut ?? [])];
  if (files.length > 0) return { files, leftOut };
  if (leftOut.length > 0) throw nothingLeft(dir, leftOut);
  if (!existsSync(join(dir, RUN_FILES.record))) {
    throw badInput(`${dir} holds no ${RUN_FILES.record}: it is not a run`, 'doorbuster list');
  }
  throw badInput(
    `${dir} holds no Parquet files: the run ended before it wrote its facts`,
    `doorbuster report ${dir}`,
  );
}

function nothingLeft(path: string, leftOut: readonly LeftOut[]): DoorbusterError {
  const facts = leftOut.map(({ file, fact }) => `${file}: ${fact}`).join('; ');
  return badInput(`no Parquet file of ${path} can be read: ${facts}`, `doorbuster report ${path}`);
}

/** Restricts DuckDB to these files and locks its configuration, before a name from the folder is used in SQL. */
async function confine(connection: DuckDBConnection, files: readonly ParquetFile[]): Promise<void> {
  const allowed = files.flatMap(({ path }) => [path, literalGlob(path)]).map(quoted);
  await connection.run(`SET allowed_paths=[${allowed.join(', ')}]`);
  await connection.run('SET enable_external_access=false');
  await connection.run('SET lock_configuration=true');
}

/** Creates a view per file. A file that DuckDB cannot read is left out; the others can still be queried. */
async function createViews(
  connection: DuckDBConnection,
  files: readonly ParquetFile[],
  signal: AbortSignal | undefined,
): Promise<readonly LeftOut[]> {
  const damaged: LeftOut[] = [];
  for (const { name, path } of files) {
    signal?.throwIfAborted();
    try {
      const source = `read_parquet(${quoted(literalGlob(path))}, hive_partitioning = false)`;
      await connection.run(`CREATE VIEW ${identifier(name)} AS FROM ${source}`);
    } catch (error) {
      damaged.push({ file: basename(path), fact: firstLine(error) });
    }
  }
  return damaged;
}

async function prepared(
  connection: DuckDBConnection,
  path: string,
  sql: string,
): Promise<DuckDBPreparedStatement> {
  if (isEmpty(sql)) {
    throw badInput('the query is empty', `doorbuster sql ${path} "SHOW TABLES"`);
  }
  const statements = await connection.extractStatements(sql);
  const { count } = statements;
  if (count !== 1 && !(PIVOT.test(sql) && (await pivotPrepared(connection, statements)))) {
    throw badInput(
      `one statement at a time: this query has ${count}`,
      `doorbuster sql ${path} "SHOW TABLES"`,
    );
  }
  const statement = await statements.prepare(count - 1);
  if (statement.statementType !== StatementType.SELECT) {
    throw badInput(
      `a record is read-only: ${StatementType[statement.statementType]} is not a SELECT`,
      `doorbuster sql ${path} "SELECT …"`,
    );
  }
  return statement;
}

/** Whether the text has only comments and semicolons, for which DuckDB has no error message. */
function isEmpty(sql: string): boolean {
  return /^[\s;]*$/.test(sql.replace(/--[^\n]*|\/\*.*?\*\//gs, ''));
}

const PIVOT = /\bpivot/i;

/**
 * DuckDB expands a PIVOT without IN to several statements: CREATE TYPE of the values, which run here, and the SELECT.
 * Returns false if there are other statements. Only CREATE is run, and only in memory.
 */
async function pivotPrepared(
  connection: DuckDBConnection,
  statements: DuckDBExtractedStatements,
): Promise<boolean> {
  for (let i = 0; i < statements.count - 1; i++) {
    const statement = await statements.prepare(i);
    if (statement.statementType !== StatementType.CREATE) return false;
    await statement.run();
  }
  const reader = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER FROM duckdb_types() WHERE starts_with(type_name, '__pivot_enum_')`,
  );
  return reader.getRowsJson()[0]?.[0] === statements.count - 1;
}

/** Streams the result, so that a result of a billion rows stops at the limit instead of filling the memory. */
async function answered(
  connection: DuckDBConnection,
  statement: DuckDBPreparedStatement,
  signal: AbortSignal | undefined,
): Promise<Omit<SqlResult, 'leftOut'>> {
  signal?.throwIfAborted();
  const result = await statement.stream();
  const columns = result.columnNames();
  const rows: Json[][] = [];
  let characters = 0;
  for await (const some of result.yieldRowsJson()) {
    signal?.throwIfAborted();
    for (const row of some) {
      rows.push(row);
      for (const cell of row) characters += lengthOf(cell);
    }
    if (rows.length * columns.length > MAX_VALUES || characters > MAX_CHARACTERS) {
      connection.interrupt();
      throw badInput(
        `the result is too large to print: more than ${rows.length} rows of ${columns.length} columns`,
        'add LIMIT, or let the query count, sum or group',
      );
    }
  }
  return { columns, rows };
}

function lengthOf(cell: Json): number {
  if (typeof cell === 'string') return cell.length;
  return typeof cell === 'object' && cell !== null ? JSON.stringify(cell).length : 8;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] as string;
}

function explained(error: unknown, files: readonly ParquetFile[]): unknown {
  if (!(error instanceof Error) || error instanceof DoorbusterError) return error;
  return badInput(error.message, `tables here: ${files.map(({ name }) => name).join(', ')}`);
}
