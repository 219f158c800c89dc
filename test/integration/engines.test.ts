import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { Reader } from '../../src/harness/engines/engine.ts';
import { ENGINES } from '../../src/harness/engines/engines.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { inNamespace, loadPipeline } from '../../src/harness/pipelines/load.ts';
import { QUERY_ENGINES, type QueryEngineName } from '../../src/scenario/scenario.ts';
import type { EngineKind } from '../../src/topology/manifest.ts';
import { type Lakehouse, openLakehouse } from './support/lakehouse.ts';
import { WITHOUT_TRINO } from './support/trino.ts';

/** Every query of the shipped pipelines has the same answer from every engine, over the same tables. */

const NOW_MS = 1_795_000_060_000;
const VALUES = { store: 1, sku: 11, now_ms: NOW_MS } as const;

/** Stock: store, SKU, version, on hand, deleted. Product 12 is deleted, 21 is of a marker. */
const IMAGES = [
  [1, 11, 1, 9, false],
  [1, 12, 1, 4, false],
  [1, 13, 1, 2, false],
  [0, 21, 1, 0, false],
  [1, 11, 2, 7, false],
  [2, 11, 1, 0, false],
  [1, 12, 2, 3, true],
] as const;

/** Receipts: id, store, minutes before now, in training, cents, SKUs, quantities. */
const RECEIPTS = [
  ['a', 1, 1, false, 1_000, [11, 12], [2, 1]],
  ['b', 2, 5, false, -300, [11], [-1]],
  ['c', 1, 2, true, 9_900, [13], [9]],
  ['d', 2, 60, false, 500, [12], [5]],
] as const;

/** The key of an upsert table, and its properties. */
const STOCK_TABLES = {
  'cdc-upsert': [
    ', PRIMARY KEY (store_id, sku_id) NOT ENFORCED',
    `'format-version' = '2', 'write.upsert.enabled' = 'true', 'write.distribution-mode' = 'hash'`,
  ],
  'append-ledger': ['', `'format-version' = '2'`],
} as const;

async function fill({ sql, table }: Lakehouse, [key, properties]: readonly [string, string]) {
  await sql.run("SET 'table.dml-sync' = 'true'");
  await sql.run(`CREATE TABLE ${table('pos')} (event_id STRING, store_id INT, event_ts BIGINT,
      training BOOLEAN, total_cents BIGINT, line_sku_ids ARRAY<INT>, line_quantities ARRAY<INT>)`);
  const receipts = RECEIPTS.map(
    ([id, store, minutes, training, cents, skus, quantities]) =>
      `('${id}', ${store}, CAST(${NOW_MS - minutes * 60_000} AS BIGINT), ${training},
        CAST(${cents} AS BIGINT), ARRAY[${skus}], ARRAY[${quantities}])`,
  );
  await sql.run(`INSERT INTO ${table('pos')} VALUES ${receipts.join(', ')}`);
  await sql.run(`CREATE TABLE ${table('inventory')} (event_id STRING, store_id INT NOT NULL,
      sku_id INT NOT NULL, version BIGINT, on_hand INT, deleted BOOLEAN${key}) WITH (${properties})`);
  await sql.run("SET 'execution.runtime-mode' = 'streaming'");
  // In commits of their own, so that there are deletes of earlier rows.
  for (const images of [IMAGES.slice(0, 4), IMAGES.slice(4)]) {
    const rows = images.map(
      ([store, sku, version, onHand, deleted]) =>
        `('${store}-${sku}-${version}', ${store}, ${sku}, CAST(${version} AS BIGINT), ${onHand}, ${deleted})`,
    );
    await sql.run(`INSERT INTO ${table('inventory')} VALUES ${rows.join(', ')}`);
  }
}

const isHere = (engine: EngineKind) => engine !== 'trino' || WITHOUT_TRINO === null;

const lakes: Partial<Record<keyof typeof STOCK_TABLES, Lakehouse>> = {};
const readers: Partial<Record<QueryEngineName, Reader>> = {};
let logDir: string;

beforeAll(async () => {
  logDir = await mkdtemp(join(tmpdir(), 'doorbuster-engines-'));
  for (const name of ['cdc-upsert', 'append-ledger'] as const) {
    const lake = await openLakehouse(`engines_${name.replace('-', '_')}`, 500);
    lakes[name] = lake;
    await fill(lake, STOCK_TABLES[name]);
  }
  const { stack, artifacts, place } = lakes['cdc-upsert'] as Lakehouse;
  const { namespace } = place;
  const context = { stack, namespace, extensions: artifacts.duckdbExtensions, logDir };
  for (const engine of QUERY_ENGINES.filter(isHere)) {
    readers[engine] = await ENGINES[engine].open(context, { clock, jit: 'c1' });
  }
}, 600_000);
afterAll(async () => {
  for (const reader of Object.values(readers)) await reader.close();
  for (const lake of Object.values(lakes)) await lake.leave();
  await rm(logDir, { recursive: true, force: true });
});

const without = WITHOUT_TRINO === null ? '' : ` (without trino: ${WITHOUT_TRINO})`;

describe.each(['cdc-upsert', 'append-ledger'] as const)('the queries of %s', (name) => {
  test(`have the same answers from every engine${without}`, async () => {
    const { place } = lakes[name] as Lakehouse;
    const { manifest, queries, otherQueries } = inNamespace(loadPipeline(name, packageRoot), place);
    expect(manifest.engines).toEqual(QUERY_ENGINES);
    const answers = new Map<string, unknown>();
    const asked = [...queries, ...otherQueries].filter((one) => isHere(one.engine));
    for (const { name: query, engine, sql, parameters } of asked) {
      const params = Object.fromEntries(parameters.map((one) => [one, VALUES[one]]));
      const reader = readers[engine as QueryEngineName] as Reader;
      const { outcome, error, rows } = await reader.query(sql, params, { timeoutMs: 60_000 });
      expect({ query, engine, outcome, error }).toMatchObject({ outcome: 'ok', error: null });
      if (engine === 'duckdb') answers.set(query, rows);
      else expect({ query, rows }).toEqual({ query, rows: answers.get(query) });
    }
    expect(answers.size).toBe(6);
    expect(answers.get('full-aggregate')).toEqual([{ rows: 3, units: 9 }]);
    expect(answers.get('store-lookup')).toMatchObject([{ on_hand: 7, version: 2 }]);
    expect(answers.get('store-page')).toMatchObject([{ sku_id: 11 }, { sku_id: 13 }]);
    expect(answers.get('low-stock')).toMatchObject([{ on_hand: 0 }, { on_hand: 2 }]);
    expect(answers.get('sku-velocity')).toEqual([
      { sku_id: 11, units: 1 },
      { sku_id: 12, units: 1 },
    ]);
    expect(answers.get('revenue')).toEqual([
      { store_id: 1, receipts: 1, revenue_cents: 1_000 },
      { store_id: 2, receipts: 2, revenue_cents: 200 },
    ]);
  }, 240_000);
});
