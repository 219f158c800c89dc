import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { openCatalog } from '../../src/harness/clients/iceberg.ts';
import { openReader } from '../../src/harness/engines/duckdb-reader.ts';
import { sparkExports } from '../../src/harness/engines/spark-exports.ts';
import { type FactRow, openFacts } from '../../src/harness/facts.ts';
import { judgeContract } from '../../src/harness/truth/contract/oracle.ts';
import { type Extent, readTables } from '../../src/harness/truth/read-tables.ts';
import type { TableCopies } from '../../src/harness/truth/tables-under-test.ts';
import { parseManifest } from '../../src/topology/manifest.ts';
import { images } from '../support/datasets.ts';
import { createTables, type Lakehouse, openLakehouse } from './support/lakehouse.ts';

/** What DuckDB cannot read is judged all the same, by Spark, with the same findings. */

let lakehouse: Lakehouse;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-oracle-'));
  lakehouse = await openLakehouse('oracle', 500);
  const { sql, table: nameOf } = lakehouse;
  await createTables(lakehouse, 100);
  await sql.run(`CREATE TABLE ${nameOf('by_flag')} (store_id INT NOT NULL, sku_id INT NOT NULL,
      on_hand INT, version BIGINT, deleted BOOLEAN NOT NULL,
      PRIMARY KEY (deleted, store_id, sku_id) NOT ENFORCED) PARTITIONED BY (deleted)
    WITH ('format-version' = '2', 'write.upsert.enabled' = 'true')`);
  await sql.run(`CREATE TABLE ${nameOf('plain')} (store_id INT NOT NULL, sku_id INT NOT NULL,
      on_hand INT, version BIGINT, deleted BOOLEAN NOT NULL,
      PRIMARY KEY (store_id, sku_id) NOT ENFORCED)
    WITH ('format-version' = '2', 'write.upsert.enabled' = 'true')`);
  await sql.run("SET 'table.dml-sync' = 'true'");
  await sql.run("SET 'execution.runtime-mode' = 'streaming'");
  for (const table of ['by_flag', 'plain']) {
    for (const version of [1, 2, 3]) {
      const rows = IMAGES.filter((image) => image.version === version).map(
        ({ store_id, sku_id, on_hand, deleted }) =>
          `(${store_id}, ${sku_id}, ${on_hand}, CAST(${version} AS BIGINT), ${deleted})`,
      );
      await sql.run(`INSERT INTO ${nameOf(table)} VALUES ${rows.join(', ')}`);
    }
  }
}, 600_000);
afterAll(async () => {
  await lakehouse?.leave();
  await rm(dir, { recursive: true, force: true });
});

/** Every key is updated; the table of the test never gets the last version of product 7. */
const IMAGES = [1, 2, 3].flatMap((version) =>
  Array.from({ length: 20 }, (_, sku) => ({
    ...{ store_id: 1 + (sku % 2), sku_id: sku, version, on_hand: 100 * version + sku },
    deleted: sku % 5 === 0,
  })).filter(({ sku_id }) => !(sku_id === 7 && version === 3)),
);

function pipeline(table: string) {
  const text = `
name: mine
tier: 3
headline: mine
datasets:
  ${table}: { carries: inventory, semantics: upsert, key: [store_id, sku_id], version: version }
  dead_letter: { carries: rejected, semantics: append, first_of: [topic, part, kafka_offset] }
queries: {}
`;
  const { datasets } = parseManifest(text, 'mine/pipeline.yaml');
  return { datasets, place: lakehouse.place };
}

async function read(table: string, more: { extents?: ReadonlyMap<string, Extent> } = {}) {
  const { stack, artifacts } = lakehouse;
  const failures: { engine: string; reason: string }[] = [];
  await using reader = await openReader(stack.endpoints, artifacts.duckdbExtensions, { clock });
  const { signal } = new AbortController();
  await using second = sparkExports({
    ...{ stack, clock, namespace: lakehouse.place.namespace, logDir: dir, signal },
  });
  const tables = await readTables(reader, pipeline(table), {
    ...{ dir, second, ...more },
    onFailure: ({ engine, reason }) => failures.push({ engine, reason }),
  });
  return { tables, failures };
}

/** What CONTRACT finds in one of the tables, whatever its name is. */
async function findings(tables: TableCopies, table: string) {
  await using facts = await openFacts();
  const sent = (at: number, image: FactRow): FactRow => ({
    ...{ stream: 'inventory', event_id: `i${at}`, role: 'original', expect: 'row', ...image },
    ...{ acked_ms: at, kafka_ms: at, part: 0, kafka_offset: at },
  });
  const newest = { store_id: 2, sku_id: 7, version: 3, on_hand: 307, deleted: false };
  await facts.append(
    'events',
    [...IMAGES, newest].map((image, at) => sent(at, image)),
  );
  const copies = { stock: tables.copies[table] as string };
  const datasets = [images('upsert', 'stock')];
  return await judgeContract(facts.rows, { ...tables, datasets, copies });
}

test('a table partitioned by a BOOLEAN breaks DuckDB, and Spark gives the same findings as on a plain one', async () => {
  const plain = await read('plain');
  expect(plain).toMatchObject({ failures: [], tables: { notRead: [] } });
  expect(plain.tables.readBy).toEqual({ plain: 'DuckDB', dead_letter: 'DuckDB' });
  const flagged = await read('by_flag');
  expect(flagged.failures).toEqual([
    { engine: 'DuckDB', reason: expect.stringMatching(/^DuckDB (crashed|failed) .*INTERNAL/) },
  ]);
  expect(flagged.tables.readBy).toEqual({ by_flag: 'Spark', dead_letter: 'DuckDB' });
  const judged = await findings(flagged.tables, 'by_flag');
  expect(judged).toEqual(await findings(plain.tables, 'plain'));
  expect(judged).toMatchObject({ lost: { count: 1, examples: ['2/7'] }, wrong: { units: 100 } });
});

test('what DuckDB would take too long for is read by Spark at once, and nothing is left in the catalog', async () => {
  const extents = new Map([['plain', { rows: 1_000_000, deletedKeys: 50_000 }]]);
  const inCatalog = () =>
    openCatalog(lakehouse.stack.endpoints.catalog, lakehouse.place.namespace).tables();
  const before = await inCatalog();
  const { tables, failures } = await read('plain', { extents });
  expect(failures).toEqual([]);
  expect(tables.readBy.plain).toBe('Spark');
  expect(await findings(tables, 'plain')).toEqual(
    await findings((await read('plain')).tables, 'plain'),
  );
  expect(await inCatalog()).toEqual(before);
  expect((await readdir(dir)).filter((name) => name.includes('exported'))).toEqual([]);
});
