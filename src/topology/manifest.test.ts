import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { images, rejected } from '../../test/support/datasets.ts';
import { stockView } from './dataset.ts';
import { datasetsOf, parseManifest, rejectedOf, streamsOf } from './manifest.ts';

const shipped = readFileSync(new URL('../../pipelines/cdc-upsert/pipeline.yaml', import.meta.url), {
  encoding: 'utf8',
});

/** The shipped pipeline.yaml with one text replaced, which must be there. */
function edited(from: string | RegExp, to: string): string {
  const text = shipped.replace(from, to);
  expect(text).not.toBe(shipped);
  return text;
}
const parsed = (text: string) => parseManifest(text, 'mine/pipeline.yaml');
const STOCK = /inventory: .*/;

test('a dataset is a table of any name, with what it carries and how it keeps it', () => {
  const manifest = parsed(
    edited(
      STOCK,
      'stock: { carries: inventory, semantics: ledger, key: [shop, sku_id], version: version, columns: { store_id: shop }, layer: silver }',
    ),
  );
  expect(manifest.datasets.find(({ name }) => name === 'stock')).toEqual({
    ...images('ledger', 'stock'),
    key: ['shop', 'sku_id'],
    columns: { store_id: 'shop' },
    layer: 'silver',
  });
  expect(rejectedOf(manifest)).toEqual(rejected());
  expect(streamsOf(manifest)).toEqual(['pos', 'wms', 'cart', 'loyalty', 'inventory']);
});

test('several datasets may carry one stream', () => {
  const both =
    'stock: { carries: inventory, semantics: ledger, key: [store_id, sku_id], version: version }';
  const manifest = parsed(edited(STOCK, `$&\n  ${both}`));
  const carrying = manifest.datasets.filter(({ carries }) => carries === 'inventory');
  expect(carrying).toEqual([images('upsert'), images('ledger', 'stock')]);
  expect(streamsOf(manifest)).toHaveLength(5);
});

test('a run fills the datasets of its streams, and the one of the refused records', () => {
  const traffic = { pos: {}, wms: null, cart: null, loyalty: null, inventory: {} };
  const names = datasetsOf(parsed(shipped), traffic).map(({ name }) => name);
  expect(names).toEqual(['pos', 'inventory', 'dead_letter']);
});

test('the stock view is the first table that keeps current rows alone, else a ledger', () => {
  const [ledger, current] = [images('ledger', 'every_image'), images('upsert', 'stock')];
  expect(stockView([rejected(), ledger, current])).toBe(current);
  expect(stockView([rejected(), ledger])).toBe(ledger);
  expect(stockView([rejected()])).toBeNull();
  const hot = { ...images('upsert', 'hot'), subset: 'hot' } as const;
  expect(stockView([hot, ledger])).toBe(ledger);
  expect(stockView([hot])).toBeNull();
});

describe('refused, with line and column:', () => {
  test.each([
    [
      'streams, as it was before datasets',
      ['datasets:', 'streams:'],
      /mine\/pipeline\.yaml:9:1: streams has been replaced: write datasets: \{ stock: \{ carries: inventory/,
    ],
    [
      'dead_letter, as it was before datasets',
      ['compaction:', 'dead_letter: refused\ncompaction:'],
      /mine\/pipeline\.yaml:16:1: dead_letter has been replaced: write it as one of the datasets/,
    ],
    [
      'an unknown key of a dataset',
      ['semantics: upsert', 'semantic: upsert'],
      /:14:38: unknown key "semantic": did you mean "semantics"\?/,
    ],
    [
      'a view in Redis that no stage fills',
      ['version: version', 'version: version, visibility: redis, subset: hot'],
      /:14:3: nothing fills it: add \{ run: redis-view \} to stages/,
    ],
    [
      'a view in Redis of all rows',
      ['version: version', 'version: version, visibility: redis'],
      /:14:3: visibility: redis keeps the hot rows: write subset: hot/,
    ],
    [
      'a part of a ledger',
      ['semantics: upsert', 'semantics: ledger, subset: hot'],
      /:14:3: subset: hot is a part of the newest images: semantics is upsert, and not ledger/,
    ],
    [
      'a stage that fills no view',
      ['{ run: flink-sql }', '{ run: flink-sql }, { run: redis-view }'],
      /redis-view fills no dataset: one needs visibility: redis/,
    ],
    [
      'an upsert without a version',
      [', version: version', ''],
      /:14:3: upsert of inventory needs key: \[store_id, sku_id\], version: version/,
    ],
    [
      'an upsert by another key than the images have',
      ['key: [store_id, sku_id]', 'key: [sku_id]'],
      /:14:3: upsert of inventory needs key: \[store_id, sku_id\]/,
    ],
    [
      'images that are appended without a key',
      [STOCK, 'stock: { carries: inventory, semantics: append, first_of: [event_id] }'],
      /:14:3: inventory are images of rows: semantics is upsert or ledger, and not append/,
    ],
    [
      'a ledger with first_of',
      ['semantics: upsert,', 'semantics: ledger, first_of: [event_id],'],
      /:14:3: ledger has no first_of: key and version decide/,
    ],
    [
      'an upsert of events',
      ['semantics: append, first_of: [event_id] }', 'semantics: upsert, key: [event_id] }'],
      /:10:3: pos has no key and no version: semantics is append, and not upsert/,
    ],
    [
      'events without what tells a duplicate',
      ['append, first_of: [event_id]', 'append'],
      /:10:3: append of pos needs first_of: \[event_id\]/,
    ],
    [
      'no dataset of refused records',
      [/ {2}dead_letter: .*\n/, ''],
      /:9:1: one dataset carries rejected, the refused records of every stream, and no dataset does/,
    ],
    [
      'two datasets of refused records',
      [
        /compaction:/,
        '  late: { carries: rejected, semantics: append, first_of: [topic, part, kafka_offset] }\ncompaction:',
      ],
      /:16:3: one dataset carries rejected, .*, and these do: dead_letter, late/,
    ],
    [
      'an engine without a file for a query',
      ['{ file: queries/revenue.sql }', '{ file: { duckdb: queries/revenue.sql } }'],
      /:\d+:\d+: revenue has no SQL for spark, which engine lists/,
    ],
    [
      'a file of an engine that is not listed',
      ['engine: [duckdb, spark, trino]', 'engine: [duckdb, trino]'],
      /:\d+:\d+: engine does not list spark/,
    ],
    [
      'an engine listed twice',
      ['engine: [duckdb, spark, trino]', 'engine: [duckdb, spark, trino, duckdb]'],
      /:19:1: engine lists duckdb twice/,
    ],
    [
      'an engine that there is not',
      ['engine: [duckdb, spark, trino]', 'engine: [duckdb, presto]'],
      /:19:9: engine: must be one of duckdb, spark, trino, duckdb-parquet, warehouse, ducklake, in-process, or a list of them/,
    ],
    [
      'a Parquet dataset that no engine reads',
      ['inventory:   {', 'inventory:   { visibility: parquet,'],
      /:14:3: visibility parquet needs engine: duckdb-parquet or warehouse/,
    ],
    [
      'a dataset of DuckLake that no engine reads',
      ['inventory:   {', 'inventory:   { visibility: ducklake,'],
      /:14:3: visibility ducklake needs engine: ducklake/,
    ],
    [
      'an engine of Parquet files over Iceberg tables',
      ['engine: [duckdb, spark, trino]', 'engine: duckdb-parquet'],
      /engine duckdb-parquet reads datasets with visibility: parquet, and not iceberg/,
    ],
    [
      'two engines that read different tables',
      ['engine: [duckdb, spark, trino]', 'engine: [duckdb, duckdb-parquet]'],
      /:19:1: duckdb-parquet reads other tables than the other engines: name it alone/,
    ],
    ['something else than a stream', ['carries: pos,', 'carries: till,'], /:10:27: .*carries/],
  ] as const)('%s', (_, [from, to], message) => {
    expect(() => parsed(edited(from, to))).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) }),
    );
  });

  test('the name of a stream for a dataset that carries another one', () => {
    const text = edited(
      / {2}cart: .*\n {2}loyalty: .*\n/,
      '  cart: { carries: loyalty, semantics: append, first_of: [event_id] }\n',
    );
    expect(() => parsed(text)).toThrow(
      /:12:3: cart carries loyalty: a dataset with the name of a stream carries that stream/,
    );
  });
});
