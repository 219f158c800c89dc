import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PLAIN_NAMESPACE } from '../../../test/support/run-namespace.ts';
import { type Facts, openFacts } from '../facts.ts';
import { inNamespace, loadPipeline } from './load.ts';
import { tablesRead } from './tables-read.ts';

let facts: Facts;
beforeAll(async () => {
  facts = await openFacts();
});
afterAll(() => facts.close());

describe.each(['cdc-upsert', 'append-ledger'])('the queries of %s', (name) => {
  test('read receipts or stock, parameters and all', async () => {
    const { queries } = inNamespace(loadPipeline(name, '/nowhere'), PLAIN_NAMESPACE);
    const read = await Promise.all(
      queries.map(async (query) => [query.name, await tablesRead(facts, query.sql)]),
    );
    expect(Object.fromEntries(read)).toEqual({
      'store-lookup': ['inventory'],
      'store-page': ['inventory'],
      'sku-velocity': ['pos'],
      revenue: ['pos'],
      'low-stock': ['inventory'],
      'full-aggregate': ['inventory'],
    });
  });
});

test.each([
  [
    'WITH p AS (SELECT * FROM ice.retail.pos) SELECT * FROM p JOIN ice.retail.wms w USING (store_id)',
    ['pos', 'wms'],
  ],
  ['SELECT 1 WHERE 1 IN (SELECT points FROM ice.retail."loyalty")', ['loyalty']],
  ['SELECT * FROM pos, memory.main.wms', []],
  ["SELECT 'ice.retail.pos' -- FROM ice.retail.pos", []],
  ['PIVOT ice.retail.pos ON store_id USING sum(total_cents)', []],
  ['SELEC nothing', []],
])('of %s', async (sql, tables) => {
  expect(await tablesRead(facts, sql)).toEqual(tables);
});
