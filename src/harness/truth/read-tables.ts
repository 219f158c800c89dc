import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { quoted } from '../../core/sql.ts';
import { RECEIPTS } from '../../scenario/scenario.ts';
import { columnOf, type Dataset, holdsImages, holdsRejected } from '../../topology/dataset.ts';
import type { Reader, ReaderRow, TableColumns, TableExports } from '../engines/engine.ts';
import { reasonOf } from '../reason.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { NotRead, TableCopies } from './tables-under-test.ts';

/** Timeout of DuckDB for one table, ms. Reading an uncompacted upsert table is slow; after this another engine reads it. */
export const DUCKDB_WITHIN_MS = 300_000;
/** Another engine comes first where DuckDB is expected to take longer, ms: about the time in which Spark starts and reads. */
const DUCKDB_SHARE_MS = 30_000;

/** Columns by our names: those that the oracles require, and those that allow further scores. */
interface Columns {
  readonly needed: readonly string[];
  /** With the type of the NULL that replaces a missing column. */
  readonly scored: Readonly<Record<string, 'BIGINT' | 'BOOLEAN' | 'VARCHAR'>>;
}

const APPENDED: Columns = {
  needed: ['event_id', 'store_id', 'kafka_ms'],
  scored: { event_ts: 'BIGINT' },
};
const OF_RECEIPTS: Columns = {
  needed: APPENDED.needed,
  scored: {
    ...APPENDED.scored,
    total_cents: 'BIGINT',
    training: 'BOOLEAN',
    terminal_id: 'BIGINT',
    business_day: 'VARCHAR',
    sequence_number: 'BIGINT',
  },
};
const OF_IMAGES: Columns = {
  needed: ['store_id', 'sku_id', 'version', 'on_hand'],
  scored: { event_ts: 'BIGINT', deleted: 'BOOLEAN' },
};
const OF_REJECTED: Columns = { needed: ['topic', 'part', 'kafka_offset'], scored: {} };

function columnsOf(dataset: Dataset): Columns {
  if (holdsRejected(dataset)) return OF_REJECTED;
  if (holdsImages(dataset)) return OF_IMAGES;
  return dataset.carries === RECEIPTS ? OF_RECEIPTS : APPENDED;
}

/** What a table holds: what DuckDB takes to read it follows. */
export interface Extent {
  readonly rows: number;
  /** Rows of its equality-delete files. */
  readonly deletedKeys: number;
}

/** An engine that reads a table, and the time that DuckDB takes for its deletes, ms; null: unknown. */
export interface Reading {
  readonly table: string;
  readonly engine: string;
  readonly duckdbMs: number | null;
}

interface ReadOptions {
  /** Folder for the copies. */
  readonly dir: string;
  /** Engine for tables that DuckDB cannot read, or not in time. */
  readonly second?: TableExports;
  /** By the pipeline's name of the table. Without an extent the first engine is tried. */
  readonly extents?: ReadonlyMap<string, Extent>;
  readonly timeoutMs?: number;
  /** How to copy a dataset that no query engine reads; null, the default: one does. */
  readonly copierOf?: (dataset: Dataset) => ((path: string) => Promise<void>) | null;
  /** Called when an engine begins to read a table. */
  readonly onReading?: (reading: Reading) => void;
  /** Called for each engine that failed to read a table. */
  readonly onFailure?: (failure: { table: string; engine: string; reason: string }) => void;
}

/**
 * DuckDB 1.5 compares every row with every deleted key: about 15 ns each, measured with 1,000 to 10,000 keys on 100,000
 * rows. An upper bound, because keys do not delete later rows.
 */
const SECONDS_PER_ROW_AND_KEY = 15e-9;

/** Time that DuckDB needs for the deletes of a table, ms. */
export function duckdbDeletesMs({ rows, deletedKeys }: Extent): number {
  return rows * deletedKeys * SECONDS_PER_ROW_AND_KEY * 1_000;
}

/** Whether the oracles read such a table with another engine than DuckDB, if there is one. */
export function isTooSlow(extent: Extent): boolean {
  return duckdbDeletesMs(extent) > DUCKDB_SHARE_MS;
}

/**
 * Reads every table completely, once, through the query engine, which merges data and delete files as for any reader,
 * into Parquet files in `dir`: the oracles then work on fixed copies. A second engine reads what the first one cannot
 * read, or is expected not to read in time. A column with another name in the pipeline's table (its `columns`) is read
 * under our name. A table that cannot be read, or lacks a needed column, is in `notRead` with the reason; the others are
 * read all the same.
 */
export async function readTables(
  reader: Pick<Reader, 'query'>,
  { datasets, place }: { readonly datasets: readonly Dataset[]; readonly place: RunNamespace },
  options: ReadOptions,
): Promise<TableCopies> {
  const { dir, timeoutMs = DUCKDB_WITHIN_MS } = options;
  const ask = (sql: string) => answered(reader, sql, timeoutMs);
  const copies: Record<string, string> = {};
  const absent: string[] = [];
  const notRead: NotRead[] = [];
  const readBy: Record<string, string> = {};
  for (const dataset of datasets) {
    const { name: table } = dataset;
    const columns = columnsOf(dataset);
    try {
      const copier = options.copierOf?.(dataset) ?? null;
      if (copier !== null) {
        const path = join(dir, `${table}.parquet`);
        await copier(path);
        copies[table] = `read_parquet(${quoted(path)})`;
        readBy[table] = dataset.visibility;
        continue;
      }
      const nameOf = (name: string) => `ice.${place.namespace}.${name}`;
      const rows = await ask(`SELECT column_name FROM (DESCRIBE ${nameOf(table)})`);
      const there = new Set(rows.map((row) => String(row.column_name)));
      const list = selected(columns, dataset, there, `${place.namespace}.${table}`);
      const file = quoted(join(dir, `${table}.parquet`));
      const copy = async (from: string) => {
        await ask(`COPY (SELECT ${list} FROM ${from}) TO ${file} (FORMAT parquet)`);
      };
      const names = [...columns.needed, ...Object.keys(columns.scored)];
      const own = names.map((name) => columnOf(dataset, name)).filter((name) => there.has(name));
      readBy[table] = await copyWithEither({ table, columns: own }, options, {
        first: () => copy(nameOf(table)),
        fromExport: (exported) => copy(`read_parquet(${quoted(exported)})`),
      });
      copies[table] = `read_parquet(${file})`;
      const lacking = Object.keys(columns.scored).filter(
        (name) => !there.has(columnOf(dataset, name)),
      );
      absent.push(...lacking.map((name) => `${table}.${name}`));
    } catch (error) {
      notRead.push({ dataset: table, reason: reasonOf(error) });
    }
  }
  return { copies, absent, notRead, readBy };
}

/**
 * Copies a table with one engine, or if that fails with the other; returns the name of the engine. `first` copies it with
 * DuckDB, `fromExport` from the file that the second engine has written.
 */
async function copyWithEither(
  of: TableColumns,
  { dir, second, extents, onReading, onFailure }: ReadOptions,
  copy: {
    readonly first: () => Promise<void>;
    readonly fromExport: (file: string) => Promise<void>;
  },
): Promise<string> {
  const engines = [{ name: 'DuckDB', copy: copy.first }];
  if (second !== undefined) {
    const file = join(dir, `${of.table}.exported.parquet`);
    const copied = async () => {
      await second.toParquet(of, file);
      await copy.fromExport(file);
    };
    engines.push({
      name: second.name,
      copy: () => copied().finally(() => rm(file, { force: true })),
    });
  }
  const extent = extents?.get(of.table);
  if (extent !== undefined && isTooSlow(extent)) engines.reverse();
  const duckdbMs = extent === undefined ? null : duckdbDeletesMs(extent);
  const reasons: string[] = [];
  for (const { name, copy: copied } of engines) {
    onReading?.({ table: of.table, engine: name, duckdbMs });
    try {
      await copied();
      return name;
    } catch (error) {
      const reason = reasonOf(error);
      reasons.push(reason);
      onFailure?.({ table: of.table, engine: name, reason });
    }
  }
  throw new Error(reasons.join('; '));
}

/** Marks every dataset of a run as not read, with the same reason. */
export function noneRead(datasets: readonly Dataset[], error: unknown): TableCopies {
  const reason = reasonOf(error);
  const notRead = datasets.map(({ name }) => ({ dataset: name, reason }));
  return { copies: {}, absent: [], notRead, readBy: {} };
}

async function answered(
  reader: Pick<Reader, 'query'>,
  sql: string,
  timeoutMs: number,
): Promise<readonly ReaderRow[]> {
  const answer = await reader.query(sql, {}, { timeoutMs });
  if (answer.outcome === 'ok') return answer.rows;
  const seconds = ((answer.endMs - answer.startMs) / 1000).toFixed(0);
  throw new Error(
    `DuckDB ${answer.outcome} after ${seconds} s: ${answer.error ?? 'no cause given'}`,
  );
}

function selected(
  columns: Columns,
  dataset: Dataset,
  there: ReadonlySet<string>,
  table: string,
): string {
  const needed = columns.needed.map((name) => {
    const own = columnOf(dataset, name);
    if (there.has(own)) return `"${own}" AS ${name}`;
    throw badInput(
      `${table} has no column ${own}, and without ${columns.needed.join(', ')} no oracle can judge it`,
      `if the table calls it otherwise: datasets.${dataset.name}.columns: { ${name}: its_name } in pipeline.yaml`,
    );
  });
  const scored = Object.entries(columns.scored).map(([name, type]) => {
    const own = columnOf(dataset, name);
    return there.has(own) ? `"${own}" AS ${name}` : `NULL::${type} AS ${name}`;
  });
  return [...needed, ...scored].join(', ');
}
