import { expect, test } from 'vitest';
import { scenarioOf, storesOf, tapeUntil } from '../../test/support/retail.ts';
import { tapeOf } from './tape.ts';

test('from one store to five thousand: the first ten thousand events of a large chain', () => {
  const large = scenarioOf(
    // Each of them carries 80,000.
    'retail={stores: 5000, skus: 200000, time_zones: us}',
    'traffic.cart={sessions: 20/s}',
    'traffic.wms={}',
    'traffic.inventory={}',
  );
  let n = 0;
  const stores = new Set<number>();
  for (const event of tapeOf(large, storesOf(large))) {
    stores.add(event.store);
    if (++n === 10_000) break;
  }
  expect(n).toBe(10_000);
  expect(stores.size).toBeGreaterThan(500);
  const one = scenarioOf('retail={stores: 1, skus: 1}');
  expect(tapeUntil(one, 60_000).length).toBeGreaterThan(2);
});
