import { join } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { quoted } from '../../core/sql.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { ReaderRow } from '../clients/duckdb-engine.ts';
import type { Reader } from '../clients/duckdb-reader.ts';
import type { PlacedPipeline } from '../pipelines/load.ts';
import type { Manifest } from '../pipelines/manifest.ts';
import { reasonOf } from './reason.ts';
import type { NotRead, TablesUnderTest } from './tables-under-test.ts';

/** An uncompacted upsert table is slow to read whole; beyond this the truth is not judged. */
const TIMEOUT_MS = 300_000;

/** Columns by our names: those that the oracles cannot do without, and those that let them score more. */
interface Columns {
  readonly needed: readonly string[];
  /** With the type that stands in, as NULL, for one that a table does not have. */
  readonly scored: Readonly<Record<string, 'BIGINT' | 'BOOLEAN' | 'VARCHAR'>>;
}

const APPENDED: Columns = {
  needed: ['event_id', 'store_id', 'kafka_ms'],
  scored: { event_ts: 'BIGINT' },
};
const RECEIPTS: Columns = {
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
const STOCK: Columns = {
  needed: ['store_id', 'sku_id', 'version', 'on_hand'],
  scored: { event_ts: 'BIGINT', deleted: 'BOOLEAN' },
};
const DEAD_LETTERS: Columns = { needed: ['topic', 'part', 'kafka_offset'], scored: {} };

function columnsOf(stream: Stream): Columns {
  if (stream === 'inventory') return STOCK;
  return stream === 'pos' ? RECEIPTS : APPENDED;
}

/**
 * Reads every table whole, once, through the query engine, which merges data and delete files as it
 * does for anybody, into Parquet files of `dir`: the oracles then work on copies that stand still. A column
 * that the pipeline's table calls otherwise, by its `columns`, is read under our name. A table that cannot be read, or
 * lacks a column that is needed, is in `notRead` with the reason, and the others are read all the same.
 */
export async function readTables(
  reader: Pick<Reader, 'query'>,
  { manifest, place }: Pick<PlacedPipeline, 'manifest' | 'place'>,
  streams: readonly Stream[],
  dir: string,
): Promise<TablesUnderTest> {
  const read: Partial<Record<Stream | 'dead_letter', string>> = {};
  const absent: string[] = [];
  const notRead: NotRead[] = [];
  const readBy: Record<string, string> = {};
  for (const { of, table, columns, called } of wantedTables(manifest, streams)) {
    try {
      const from = `ice.${place.namespace}.${table}`;
      const rows = await answered(reader, `SELECT column_name FROM (DESCRIBE ${from})`);
      const there = new Set(rows.map((row) => String(row.column_name)));
      const list = selected(columns, called, there, `${place.namespace}.${table}`, of);
      const file = quoted(join(dir, `${table}.parquet`));
      await answered(reader, `COPY (SELECT ${list} FROM ${from}) TO ${file} (FORMAT parquet)`);
      read[of] = `read_parquet(${file})`;
      readBy[table] = 'DuckDB';
      const lacking = Object.keys(columns.scored).filter(
        (name) => !there.has(called[name] ?? name),
      );
      absent.push(...lacking.map((name) => `${of}.${name}`));
    } catch (error) {
      notRead.push({ of, table, reason: reasonOf(error) });
    }
  }
  const { dead_letter: deadLetter = null, ...tables } = read;
  const ledger = manifest.streams.inventory?.mode === 'append';
  return { streams: tables, deadLetter, ledger, absent, notRead, readBy };
}

/** What the oracles want to read of a pipeline. */
interface WantedTable {
  readonly of: Stream | 'dead_letter';
  readonly table: string;
  readonly columns: Columns;
  readonly called: Called;
}

function wantedTables(manifest: Manifest, streams: readonly Stream[]): readonly WantedTable[] {
  return [
    ...streams.flatMap((of) => {
      const spec = manifest.streams[of];
      if (spec === undefined) return [];
      return [{ of, table: spec.table, columns: columnsOf(of), called: spec.columns }];
    }),
    { of: 'dead_letter', table: manifest.dead_letter, columns: DEAD_LETTERS, called: {} },
  ];
}

/** Every table of a run as one that no engine read, for the one reason. */
export function noneRead(
  manifest: Manifest,
  streams: readonly Stream[],
  error: unknown,
): TablesUnderTest {
  const reason = reasonOf(error);
  return {
    ...{ streams: {}, deadLetter: null, absent: [], readBy: {} },
    ledger: manifest.streams.inventory?.mode === 'append',
    notRead: wantedTables(manifest, streams).map(({ of, table }) => ({ of, table, reason })),
  };
}

async function answered(reader: Pick<Reader, 'query'>, sql: string): Promise<readonly ReaderRow[]> {
  const answer = await reader.query(sql, {}, { timeoutMs: TIMEOUT_MS });
  if (answer.outcome === 'ok') return answer.rows;
  const seconds = ((answer.endMs - answer.startMs) / 1000).toFixed(0);
  throw new Error(
    `DuckDB ${answer.outcome} after ${seconds} s: ${answer.error ?? 'no cause given'}`,
  );
}

/** Our name → the table's, where it has another. */
type Called = Readonly<Record<string, string>>;

function selected(
  columns: Columns,
  called: Called,
  there: ReadonlySet<string>,
  table: string,
  of: string,
): string {
  const needed = columns.needed.map((name) => {
    const own = called[name] ?? name;
    if (there.has(own)) return `"${own}" AS ${name}`;
    throw badInput(
      `${table} has no column ${own}, and without ${columns.needed.join(', ')} no oracle can judge it`,
      `if the table calls it otherwise: streams.${of}.columns: { ${name}: its_name } in pipeline.yaml`,
    );
  });
  const scored = Object.entries(columns.scored).map(([name, type]) => {
    const own = called[name] ?? name;
    return there.has(own) ? `"${own}" AS ${name}` : `NULL::${type} AS ${name}`;
  });
  return [...needed, ...scored].join(', ');
}
