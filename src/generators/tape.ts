import type { Scenario } from '../scenario/scenario.ts';
import type { PreloadOf, TapeEvent, TapeOf } from './event.ts';
import { Heap } from './heap.ts';
import { imageOf, OpeningStock, rowTruth } from './stock/stock.ts';
import { StoreTape } from './store-tape.ts';
import { Shelf } from './world/shelf.ts';
import { worldOf } from './world/world.ts';

/** Opening stock is this much older than t0. */
const PRELOADED_MS = -3_600_000;

/** The numbers of all stores, from 1. */
export function storesOf({ retail }: Pick<Scenario, 'retail'>): readonly number[] {
  return Array.from({ length: retail.stores }, (_, i) => i + 1);
}

/** The stores' tapes, merged in order of (dueMs, store). */
export const tapeOf: TapeOf = (scenario, stores) => ({
  *[Symbol.iterator](): Generator<TapeEvent> {
    const world = worldOf(scenario);
    const heap = new Heap<StoreTape>();
    for (const store of stores) {
      const tape = new StoreTape(world, store);
      const dueMs = tape.nextDueMs;
      if (dueMs < Number.POSITIVE_INFINITY) heap.push(dueMs, store, tape);
    }
    for (let tape = heap.peek(); tape !== undefined; tape = heap.peek()) {
      yield tape.next();
      const dueMs = tape.nextDueMs;
      if (dueMs === Number.POSITIVE_INFINITY) heap.pop();
      else heap.moveFirst(dueMs);
    }
  },
});

/** The stock rows of some stores at t0; none with `preload: none`. */
export const preloadOf: PreloadOf = (scenario, stores) => ({
  *[Symbol.iterator](): Generator<TapeEvent> {
    if (scenario.traffic.inventory?.preload !== 'assortment') return;
    const world = worldOf(scenario);
    for (const store of stores) {
      const shelf = new Shelf(world, store);
      const opening = new OpeningStock(world, store, shelf);
      for (const rank of shelf.ranks()) {
        const row = opening.row(rank);
        const after = imageOf(row);
        yield {
          stream: 'inventory',
          store,
          id: `inv-${store}-${row.sku}-${row.version}`,
          occurredMs: PRELOADED_MS,
          claimedMs: PRELOADED_MS,
          dueMs: PRELOADED_MS,
          // `r`: a row that the connector's first snapshot read.
          body: { op: 'r', before: null, after },
          truth: {
            role: 'preload',
            fault: null,
            copyOf: null,
            row: rowTruth(after),
            labels: [],
            cents: null,
          },
        };
      }
    }
  },
});
