import { join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import { quoted } from '../../core/sql.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { ReaderRow } from '../clients/duckdb-engine.ts';
import type { Reader } from '../clients/duckdb-reader.ts';
import type { PlacedPipeline } from '../pipelines/load.ts';
import type { TablesUnderTest } from './tables-under-test.ts';

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
 * that the pipeline's table calls otherwise, by its `columns`, is read under our name. Throws
 * DoorbusterError (exit 3) when a table cannot be read or lacks a column that is needed.
 */
export async function readTables(
  reader: Pick<Reader, 'query'>,
  { manifest, place }: Pick<PlacedPipeline, 'manifest' | 'place'>,
  streams: readonly Stream[],
  dir: string,
): Promise<TablesUnderTest> {
  const asked = async (table: string, sql: string): Promise<readonly ReaderRow[]> => {
    const answer = await reader.query(sql, {}, { timeoutMs: TIMEOUT_MS });
    if (answer.outcome === 'ok') return answer.rows;
    throw stackBroke(
      `reading table ${table} for the oracles: ${answer.outcome} after ` +
        `${((answer.endMs - answer.startMs) / 1000).toFixed(0)} s: ${answer.error ?? 'no cause given'}`,
    );
  };
  const absent: string[] = [];
  const copy = async (table: string, columns: Columns, called: Called, of: string) => {
    const from = `ice.${place.namespace}.${table}`;
    const rows = await asked(table, `SELECT column_name FROM (DESCRIBE ${from})`);
    const there = new Set(rows.map((row) => String(row.column_name)));
    const lacking = Object.keys(columns.scored).filter((name) => !there.has(called[name] ?? name));
    absent.push(...lacking.map((name) => `${of}.${name}`));
    const file = quoted(join(dir, `${table}.parquet`));
    const list = selected(columns, called, there, `${place.namespace}.${table}`, of);
    await asked(table, `COPY (SELECT ${list} FROM ${from}) TO ${file} (FORMAT parquet)`);
    return `read_parquet(${file})`;
  };
  const read: Partial<Record<Stream, string>> = {};
  for (const stream of streams) {
    const spec = manifest.streams[stream];
    if (spec === undefined) continue;
    read[stream] = await copy(spec.table, columnsOf(stream), spec.columns, stream);
  }
  return {
    streams: read,
    ledger: manifest.streams.inventory?.mode === 'append',
    deadLetter: await copy(manifest.dead_letter, DEAD_LETTERS, {}, 'dead_letter'),
    absent,
  };
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
    throw stackBroke(
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
