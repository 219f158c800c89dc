import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, tapeUntil } from '../../test/support/retail.ts';
import { memberRows } from '../generators/world/dimensions.ts';
import { querySql } from '../record/query-sql.ts';
import { writeDimensions } from './dimensions.ts';
import { openFacts } from './facts.ts';

const CUT_MS = 20_000;

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'doorbuster-dimensions-'));
});
afterEach(() => rm(run, { recursive: true, force: true }));

const dir = () => join(run, 'dimensions');

test('stores, products and members of the run can be queried, and joined with its facts', async () => {
  const scenario = scenarioOf(...EVERYTHING);
  await using facts = await openFacts();
  const rows = await writeDimensions(facts, { scenario, cutMs: CUT_MS, dir: dir() });
  expect((await readdir(dir())).sort()).toEqual([
    'members.parquet',
    'products.parquet',
    'stores.parquet',
  ]);

  const onReceipts = tapeUntil(scenario, CUT_MS).flatMap((event) => {
    if (event.stream === 'loyalty') return [event.body.member_id];
    return event.stream === 'pos' && event.body.customer_id !== null
      ? [event.body.customer_id]
      : [];
  });
  const met = [...new Set(onReceipts)].sort();
  expect(met.length).toBeGreaterThan(5);
  expect(rows).toEqual({
    stores: scenario.retail.stores,
    products: scenario.retail.skus,
    members: met.length,
  });
  const members = await querySql(run, 'SELECT member_id FROM members ORDER BY 1');
  expect(members.rows.flat()).toEqual(met);
  const [first] = memberRows(scenario, [Number(met[0]?.slice(1))]);
  const read = await querySql(run, 'SELECT name, joined FROM members ORDER BY member_id LIMIT 1');
  expect(read.rows).toEqual([[first?.name, first?.joined]]);

  await facts.append('events', [{ stream: 'inventory', event_id: 'a', store_id: 2, sku_id: 7 }]);
  await facts.exportParquet(run);
  const joined = await querySql(
    run,
    `SELECT count(*) AS n, count(city) AS city, count(p.name) AS product, count(m.member_id) > 0 AS home
     FROM events JOIN stores USING (store_id) JOIN products p USING (sku_id)
       LEFT JOIN members m ON m.home_store_id = store_id GROUP BY event_id`,
  );
  expect(joined.rows).toHaveLength(1);
  expect(joined.rows[0]?.slice(1)).not.toContain('0');
});

test('without receipts and points there are no members, and the files are there', async () => {
  const full = scenarioOf('traffic.cart={sessions: 1/s}');
  const scenario = { ...full, traffic: { ...full.traffic, pos: null } };
  await using facts = await openFacts();
  const rows = await writeDimensions(facts, { scenario, cutMs: CUT_MS, dir: dir() });
  expect(rows).toMatchObject({ stores: scenario.retail.stores, members: 0 });
  expect((await querySql(run, 'SELECT count(*) FROM members')).rows).toEqual([['0']]);
});
