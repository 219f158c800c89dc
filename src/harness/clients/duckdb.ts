import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBInstance,
  type DuckDBResult,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import { quoted } from '../../core/sql.ts';

/**
 * Input value of a cell. An integer column takes a number, a bigint or its digits; a date column
 * `2026-11-27`.
 */
export type Cell = string | number | bigint | boolean | null | undefined;

/** Output value of a cell: a bigint only for an integer beyond 2^53. */
type Value = string | number | bigint | boolean | null | Date | readonly unknown[] | object;

/** Values for `?` by position, or for `$name` by name. */
export type Params = readonly Cell[] | Readonly<Record<string, Cell>>;

/** An open database in this process. Its owner closes it. */
export interface Database {
  connect(): Promise<Connection>;
  close(): void;
}

/** One connection: its statements run one after another, in the order of the calls, off the event loop. */
export interface Connection {
  /** Runs one or more statements. */
  run(sql: string, params?: Params): Promise<void>;
  rows<T = Record<string, Value>>(sql: string, params?: Params): Promise<T[]>;
  /** Streams a result whose columns are all text, in chunks of columns. The next statement waits until it ends or is returned. */
  textChunks(sql: string): AsyncGenerator<(string | null)[][]>;
  /** Appends rows by column name (a missing column is NULL), visible to others when it resolves. */
  append(table: string, rows: readonly Readonly<Record<string, Cell>>[]): Promise<void>;
  /** Interrupts the running statement; it then rejects. */
  interrupt(): void;
  close(): void;
}

export interface DatabaseOptions {
  readonly memoryMb: number;
  readonly threads: number;
  /** Folder to which a database in memory spills; the working folder by default. */
  readonly spillDir?: string;
  /** Whether the contents of files that are read stay in memory, within its limit; true by default. */
  readonly cacheFiles?: boolean;
  /** Extensions to load, by path, in this order. No other extension is installed or loaded. */
  readonly extensions?: readonly string[];
}

/** Opens a DuckDB file, or a database in memory for ':memory:'. */
export async function openDatabase(path: string, options: DatabaseOptions): Promise<Database> {
  const instance = await DuckDBInstance.create(path, {
    memory_limit: `${options.memoryMb}MB`,
    threads: String(options.threads),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(options.spillDir === undefined ? {} : { temp_directory: options.spillDir }),
    ...(options.cacheFiles === undefined
      ? {}
      : { enable_external_file_cache: String(options.cacheFiles) }),
  });
  try {
    const connection = await instance.connect();
    for (const extension of options.extensions ?? []) {
      await connection.run(`LOAD ${quoted(extension)}`);
    }
    connection.closeSync();
  } catch (error) {
    instance.closeSync();
    throw error;
  }
  return {
    connect: async () => wrap(await instance.connect()),
    close: () => instance.closeSync(),
  };
}

/**
 * DuckDB keeps one open result per connection: a statement that begins while another is prepared, executed or streamed
 * closes that one, which then fails or, streamed, ends early without an error. So each waits for its turn.
 */
function wrap(connection: DuckDBConnection): Connection {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
  const appenders = new Map<string, Promise<Appender>>();
  const opened: DuckDBAppender[] = [];
  const open = (table: string): Promise<Appender> =>
    inTurn(async () => {
      const appender = await connection.createAppender(table);
      opened.push(appender);
      return { appender, columns: await columnNames(connection, table) };
    });
  return {
    async run(sql, params) {
      await inTurn(() => connection.run(sql, bound(params)));
    },
    async rows<T>(sql: string, params?: Params) {
      const reader = await inTurn(() => connection.runAndReadAll(sql, bound(params)));
      return reader.getRowObjectsJS().map(withNumbers) as T[];
    },
    async *textChunks(sql) {
      let end = () => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      try {
        const result = await new Promise<DuckDBResult>((resolve, reject) => {
          inTurn(async () => {
            resolve(await connection.stream(sql));
            await ended;
          }).catch(reject);
        });
        for (;;) {
          const chunk = await result.fetchChunk();
          if (chunk === null || chunk.rowCount === 0) return;
          yield chunk.getColumns() as (string | null)[][];
        }
      } finally {
        end();
      }
    },
    async append(table, rows) {
      // Two concurrent first appends share one appender.
      const opening = appenders.get(table) ?? open(table);
      appenders.set(table, opening);
      const { appender, columns } = await opening;
      await inTurn(async () => appendRows(appender, columns, rows, table));
    },
    interrupt: () => connection.interrupt(),
    close() {
      for (const appender of opened) appender.closeSync();
      connection.closeSync();
    },
  };
}

/** Appends to one table. */
interface Appender {
  readonly appender: DuckDBAppender;
  readonly columns: readonly string[];
}

async function columnNames(
  connection: DuckDBConnection,
  table: string,
): Promise<readonly string[]> {
  const reader = await connection.runAndReadAll(`FROM ${table} LIMIT 0`);
  return reader.columnNames();
}

/** DuckDB's vector size: each column of a chunk is written in a single call. */
const CHUNK_ROWS = 2048;

function appendRows(
  appender: DuckDBAppender,
  names: readonly string[],
  rows: readonly Readonly<Record<string, Cell>>[],
  table: string,
): void {
  const types = names.map((_, i) => appender.columnType(i));
  const known = new Set(names);
  for (const name of Object.keys(rows[0] ?? {})) {
    if (!known.has(name)) throw new Error(`${table} has no column ${name}`);
  }
  for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
    const part = rows.slice(from, from + CHUNK_ROWS);
    const chunk = DuckDBDataChunk.create(types, part.length);
    names.forEach((name, i) => {
      const convert = converter(types[i] as DuckDBType);
      chunk.setColumnValues(
        i,
        part.map((row) => {
          const cell = row[name];
          return cell === null || cell === undefined ? null : convert(cell);
        }),
      );
    });
    appender.appendDataChunk(chunk);
  }
  appender.flushSync();
}

const DAY_MS = 86_400_000;

function converter(type: DuckDBType): (cell: Exclude<Cell, null | undefined>) => DuckDBValue {
  if (type.typeId === DuckDBTypeId.BIGINT) return (cell) => BigInt(cell);
  if (type.typeId === DuckDBTypeId.DOUBLE) return (cell) => Number(cell);
  if (type.typeId === DuckDBTypeId.DATE) {
    return (cell) => new DuckDBDateValue(Date.parse(String(cell)) / DAY_MS);
  }
  return (cell) => cell;
}

function bound(params: Params | undefined) {
  if (params === undefined) return undefined;
  if (Array.isArray(params)) return params.map((cell) => cell ?? null) as DuckDBValue[];
  const named = Object.entries(params).map(([name, cell]) => [name, cell ?? null]);
  return Object.fromEntries(named) as Record<string, DuckDBValue>;
}

/** Converts integers to numbers where that is exact, so that callers can calculate with them. */
function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'bigint' && value >= MIN_SAFE && value <= MAX_SAFE) {
      row[name] = Number(value);
    }
  }
  return row;
}

const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
