import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DuckDBInstance, type Json, StatementType } from '@duckdb/node-api';
import { badInput, DoorbusterError } from '../core/errors.ts';
import { quoted } from '../core/sql.ts';
import { RUN_FILES } from './folder.ts';
import { runDir } from './read.ts';

/** What a question found. */
export interface Answer {
  readonly columns: readonly string[];
  /** JSON-able values; a BIGINT or DECIMAL is a string, since JSON numbers would round it. */
  readonly rows: readonly (readonly Json[])[];
}

/**
 * `doorbuster sql DIR "…"`: one question to the Parquet files of a run (facts and dimensions), each of them a
 * view named after its file. Read-only: one SELECT, and DuckDB may touch no file but these.
 */
export async function ask(path: string, sql: string): Promise<Answer> {
  const views = viewsOf(runDir(path));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    for (const { name, file } of views) {
      await connection.run(`CREATE VIEW "${name}" AS FROM read_parquet(${quoted(file)})`);
    }
    await connection.run(`SET allowed_paths=[${views.map(({ file }) => quoted(file)).join(', ')}]`);
    await connection.run('SET enable_external_access=false');
    await connection.run('SET lock_configuration=true');
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) {
      throw badInput(
        `one question at a time: this is ${statements.count} statements`,
        `doorbuster sql ${path} "SHOW TABLES"`,
      );
    }
    const statement = await statements.prepare(0);
    if (statement.statementType !== StatementType.SELECT) {
      throw badInput(
        `a record is read-only: ${StatementType[statement.statementType]} is not a SELECT`,
        `doorbuster sql ${path} "SELECT …"`,
      );
    }
    const reader = await statement.runAndReadAll();
    return { columns: reader.columnNames(), rows: reader.getRowsJson() };
  } catch (error) {
    throw explained(error, views);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

interface View {
  readonly name: string;
  readonly file: string;
}

function viewsOf(dir: string): readonly View[] {
  const views = [dir, join(dir, RUN_FILES.dimensions)].flatMap(parquetIn);
  if (views.length > 0) return views;
  if (!existsSync(join(dir, RUN_FILES.record))) {
    throw badInput(`${dir} holds no ${RUN_FILES.record}: it is not a run`, 'doorbuster list');
  }
  throw badInput(
    `${dir} holds no Parquet files: the run ended before it wrote its facts`,
    `doorbuster report ${dir}`,
  );
}

function parquetIn(dir: string): readonly View[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((file) => file.endsWith('.parquet'))
    .sort()
    .map((file) => ({ name: file.slice(0, -'.parquet'.length), file: resolve(join(dir, file)) }));
}

function explained(error: unknown, views: readonly View[]): unknown {
  if (!(error instanceof Error) || error instanceof DoorbusterError) return error;
  return badInput(error.message, `tables here: ${views.map(({ name }) => name).join(', ')}`);
}
