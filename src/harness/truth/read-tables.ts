import { join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import type { Stream } from '../../scenario/scenario.ts';
import { quoted } from '../clients/duckdb.ts';
import type { Reader } from '../clients/duckdb-reader.ts';
import type { Manifest } from '../pipelines/manifest.ts';
import type { TablesUnderTest } from './oracle.ts';

/** An uncompacted upsert table is slow to read whole; beyond this the truth is not judged. */
const TIMEOUT_MS = 300_000;

/** What the oracles need of a table, by kind. */
const COLUMNS = {
  append: 'event_id, store_id, kafka_ms',
  inventory: 'store_id, sku_id, version, on_hand',
  deadLetter: 'topic, part, kafka_offset',
} as const;

/**
 * Reads every table whole, once, through the query engine, which merges data and delete files as it
 * does for anybody, into Parquet files of `dir`: the oracles then work on copies that stand still.
 */
export async function readTables(
  reader: Pick<Reader, 'query'>,
  manifest: Manifest,
  streams: readonly Stream[],
  dir: string,
): Promise<TablesUnderTest> {
  const copy = async (table: string, select: string): Promise<string> => {
    const file = quoted(join(dir, `${table}.parquet`));
    const sql = `COPY (${select}) TO ${file} (FORMAT parquet)`;
    const answer = await reader.query(sql, {}, { timeoutMs: TIMEOUT_MS });
    if (answer.outcome === 'ok') return `read_parquet(${file})`;
    throw stackBroke(
      `reading table ${table} for the oracles: ${answer.outcome} after ` +
        `${((answer.endMs - answer.startMs) / 1000).toFixed(0)} s: ${answer.error ?? 'no cause given'}`,
    );
  };
  const from = (table: string) => `ice.${manifest.namespace}.${table}`;
  const read: Partial<Record<Stream, string>> = {};
  for (const stream of streams) {
    const spec = manifest.streams[stream];
    if (spec === undefined) continue;
    const columns = stream === 'inventory' ? COLUMNS.inventory : COLUMNS.append;
    read[stream] = await copy(spec.table, `SELECT ${columns} FROM ${from(spec.table)}`);
  }
  const letters = manifest.dead_letter;
  return {
    streams: read,
    ledger: manifest.streams.inventory?.mode === 'append',
    deadLetter: await copy(letters, `SELECT ${COLUMNS.deadLetter} FROM ${from(letters)}`),
  };
}
