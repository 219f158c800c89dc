import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PLAIN_NAMESPACE } from '../../../test/support/run-namespace.ts';
import { parseManifest } from '../../topology/manifest.ts';
import type { Reader, TableExports } from '../engines/engine.ts';
import { type Facts, openFacts } from '../facts.ts';
import { readTables } from './read-tables.ts';

let dir: string;
let facts: Facts;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-truth-'));
  facts = await openFacts();
  // A catalog by the name that readers attach it under; where its tables lie makes no difference here.
  await facts.run(`ATTACH ':memory:' AS ice; CREATE SCHEMA ice.retail;
    CREATE TABLE ice.retail.dead_letter (topic VARCHAR, part INTEGER, kafka_offset BIGINT)`);
});
afterEach(async () => {
  await facts.close();
  await rm(dir, { recursive: true, force: true });
});

/** The same engine, without the process around it. */
const reader: Pick<Reader, 'query'> = {
  async query(sql) {
    const answer = { startMs: 0, endMs: 0, cpuS: null };
    try {
      return { ...answer, outcome: 'ok', rows: await facts.rows(sql), error: null };
    } catch (error) {
      return { ...answer, outcome: 'failed', rows: [], error: (error as Error).message };
    }
  },
};

function pipeline(only = ['receipts', 'stock'], columns = '{}', id = 'event_id') {
  const text = `
name: mine
tier: 3
headline: mine
datasets:
  receipts: { carries: pos, semantics: append, first_of: [${id}], columns: ${columns} }
  stock: { carries: inventory, semantics: ledger, key: [store_id, sku_id], version: version }
  dead_letter: { carries: rejected, semantics: append, first_of: [topic, part, kafka_offset] }
queries: {}
`;
  const { datasets } = parseManifest(text, 'mine/pipeline.yaml');
  const names = [...only, 'dead_letter'];
  return { datasets: datasets.filter(({ name }) => names.includes(name)), place: PLAIN_NAMESPACE };
}

test('columns are read under our names, and missing ones are NULL and reported', async () => {
  await facts.run(`
    CREATE TABLE ice.retail.receipts (id VARCHAR, store_id INTEGER, kafka_ms BIGINT, gross BIGINT,
      claimed BIGINT, terminal_id INTEGER, business_day VARCHAR, sequence_number INTEGER);
    INSERT INTO ice.retail.receipts VALUES ('a', 1, 5, 1999, 7, 3, '2026-11-27', 17);
    CREATE TABLE ice.retail.stock (store_id INTEGER, sku_id INTEGER, version BIGINT, on_hand INTEGER,
      deleted BOOLEAN, event_ts BIGINT)`);
  const called = '{ event_id: id, total_cents: gross, event_ts: claimed }';
  const tables = await readTables(reader, pipeline(undefined, called, 'id'), { dir });
  expect(tables.absent).toEqual(['receipts.training']);
  expect(await facts.rows(`SELECT * FROM ${tables.copies.receipts}`)).toEqual([
    {
      ...{ event_id: 'a', store_id: 1, kafka_ms: 5, event_ts: 7, total_cents: 1_999 },
      ...{ training: null, terminal_id: 3, business_day: '2026-11-27', sequence_number: 17 },
    },
  ]);
  expect(
    await facts.rows(`SELECT count(*)::INTEGER AS n FROM ${tables.copies.dead_letter}`),
  ).toEqual([{ n: 0 }]);
});

test('a table that lacks a needed column, or is not there, is named, and the others are read', async () => {
  await facts.run(`CREATE TABLE ice.retail.receipts (event_id VARCHAR, kafka_ms BIGINT)`);
  const tables = await readTables(reader, pipeline(), { dir });
  expect(tables).toMatchObject({
    copies: { dead_letter: expect.stringContaining('dead_letter.parquet') },
    readBy: { dead_letter: 'DuckDB' },
    notRead: [
      {
        dataset: 'receipts',
        reason: expect.stringMatching(
          /^retail.receipts has no column store_id.*datasets.receipts.columns: { store_id: its_name }/,
        ),
      },
      {
        dataset: 'stock',
        reason: expect.stringMatching(/^DuckDB failed after 0 s: /),
      },
    ],
  });
});

/** A second engine: it writes what the first one breaks on to a file. */
const second: TableExports = {
  name: 'Second',
  async toParquet({ table, columns }, file) {
    const rows = `SELECT ${columns.join(', ')} FROM ice.retail.${table}_behind`;
    await facts.run(`COPY (${rows}) TO '${file}' (FORMAT parquet)`);
  },
  async [Symbol.asyncDispose]() {},
};

/** A table of receipts that breaks when its rows are read, and not before. */
async function breakingReceipts(behind = 'receipts_behind'): Promise<void> {
  await facts.run(`
    CREATE TABLE ice.retail.${behind} (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT);
    INSERT INTO ice.retail.${behind} VALUES ('a', 1, 5);
    CREATE VIEW ice.retail.receipts AS SELECT event_id, store_id,
      CASE WHEN event_id = 'a' THEN error('INTERNAL Error: it broke') ELSE kafka_ms END AS kafka_ms
    FROM ice.retail.${behind}`);
}

test('what the query engine breaks on is read by the second one, and the record can say so', async () => {
  await breakingReceipts();
  const failures: unknown[] = [];
  const onFailure = (failure: unknown) => failures.push(failure);
  const tables = await readTables(reader, pipeline(['receipts']), { dir, second, onFailure });
  expect(tables).toMatchObject({
    notRead: [],
    readBy: { receipts: 'Second', dead_letter: 'DuckDB' },
  });
  expect(await facts.rows(`SELECT event_id, kafka_ms FROM ${tables.copies.receipts}`)).toEqual([
    { event_id: 'a', kafka_ms: 5 },
  ]);
  expect(failures).toEqual([
    { table: 'receipts', engine: 'DuckDB', reason: expect.stringContaining('it broke') },
  ]);
  // What the other engine wrote is not left next to the copies.
  expect(await readdir(dir)).toEqual(['dead_letter.parquet', 'receipts.parquet']);
});

test('what neither of them reads is not read, for the reasons of both', async () => {
  await breakingReceipts('elsewhere');
  const tables = await readTables(reader, pipeline(['receipts']), { dir, second });
  expect(tables.notRead).toMatchObject([
    { dataset: 'receipts', reason: expect.stringMatching(/^DuckDB failed .*; .*receipts_behind/) },
  ]);
});

test('a table on which the query engine would take too long goes to the second one at once', async () => {
  await facts.run(`
    CREATE TABLE ice.retail.receipts (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT);
    CREATE TABLE ice.retail.receipts_behind AS FROM ice.retail.receipts`);
  const readBy = async (rows: number, deletedKeys: number) => {
    const extents = new Map([['receipts', { rows, deletedKeys }]]);
    const tables = await readTables(reader, pipeline(['receipts']), { dir, second, extents });
    return tables.readBy.receipts;
  };
  // A million rows times two thousand deleted keys is 30 s, in which the other engine reads it too.
  expect(await readBy(1_000_000, 1_900)).toBe('DuckDB');
  expect(await readBy(1_000_000, 2_100)).toBe('Second');
  expect(await readBy(10_000_000, 0)).toBe('DuckDB');
  // A second engine that fails leaves it to the first.
  await facts.run('DROP TABLE ice.retail.receipts_behind');
  expect(await readBy(10_000_000, 1_100)).toBe('DuckDB');
});
