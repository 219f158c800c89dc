import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  EVERYTHING,
  ofStream,
  scenarioOf,
  storesOf,
  tapeUntil,
} from '../../../test/support/retail.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Image, TapeEvent } from '../event.ts';
import { preloadOf } from '../tape.ts';
import { Ledger, physicalOf } from './ledger.ts';

const UNTIL_MS = 40_000;

function opened(scenario: Scenario): Ledger {
  const ledger = new Ledger(scenario);
  for (const event of preloadOf(scenario, storesOf(scenario))) ledger.apply(event);
  return ledger;
}

/** The newest image of each row against BOOK, after every millisecond in which something moved. */
function compareAtEveryCut(scenario: Scenario, events: readonly TapeEvent[]): number {
  const ledger = opened(scenario);
  const touched = new Map<string, { readonly store: number; readonly image: Image }>();
  let compared = 0;
  events.forEach((event, i) => {
    ledger.apply(event);
    if (event.stream === 'inventory' && event.truth.role === 'original') {
      const image = event.body.after;
      touched.set(`${event.store}/${image.sku_id}`, { store: event.store, image });
    }
    if (events[i + 1]?.dueMs === event.dueMs) return;
    for (const { store, image } of touched.values()) {
      const book = ledger.book(store, image.sku_id);
      expect({
        onHand: image.on_hand,
        committed: image.committed,
        unavailable: image.unavailable,
        available: image.available,
        deleted: image.deleted,
      }).toEqual(book);
      compared++;
    }
    touched.clear();
  });
  return compared;
}

test('the newest image of every row is BOOK, at any cut, faults and all', () => {
  const scenario = scenarioOf(
    ...EVERYTHING,
    'traffic.pos={receipts: 2000/store/h, returns: 10%}',
    'traffic.cart={sessions: 40/s, pickup: 60%}',
  );
  const events = tapeUntil(scenario, 20_000);
  const moving = new Set([
    ...ofStream(events, 'wms').map(({ body }) => body.biz_step),
    ...ofStream(events, 'pos').map(({ body }) => body.type),
  ]);
  for (const kind of ['sale', 'return', 'receiving', 'cycle_counting', 'stocking', 'picking']) {
    expect(moving).toContain(kind);
  }
  expect(compareAtEveryCut(scenario, events)).toBeGreaterThan(500);
});

test('so it is where SKUs are delisted and listed again, and where tills are trained on', () => {
  const scenario = scenarioOf(
    ...EVERYTHING,
    'traffic.pos={receipts: 4000/store/h, returns: 10%, training: 20%}',
    'traffic.wms={delist: 40%}',
    'retail={stores: 4, skus: 40, assortment: 30, hours: flat}',
  );
  const events = tapeUntil(scenario, 20_000);
  const images = events.filter(({ stream }) => stream === 'inventory');
  const deleted = images.filter(({ truth }) => truth.row?.deleted);
  expect(deleted.length).toBeGreaterThan(50);
  expect(compareAtEveryCut(scenario, events)).toBeGreaterThan(500);
  const ledger = opened(scenario);
  for (const event of events) ledger.apply(event);
  const back = opened(scenario);
  for (const event of events.toReversed()) back.apply(event);
  const listed = [...ledger.entries()].map(({ book }) => book.deleted);
  expect(new Set(listed).size).toBe(2);
  for (const { store, sku, book } of ledger.entries()) expect(back.book(store, sku)).toEqual(book);
});

test('rows without a change stay as preloaded', () => {
  const scenario = scenarioOf('traffic.inventory={}');
  const ledger = opened(scenario);
  for (const { store, body } of ofStream(
    [...preloadOf(scenario, storesOf(scenario))],
    'inventory',
  )) {
    const image = body.after;
    expect(ledger.book(store, image.sku_id).onHand).toBe(image.on_hand);
    expect(ledger.book(store, image.sku_id).available).toBe(image.available);
  }
});

/** The products of an event, but for a row image, which moves nothing. */
function skusOf(event: TapeEvent): readonly number[] {
  if (event.stream === 'pos') return event.body.lines.map(({ sku_id }) => sku_id);
  if (event.stream === 'cart') return event.body.items.map(({ sku_id }) => sku_id);
  return event.stream === 'wms' ? [event.body.sku_id] : [];
}

/** Units by what moved them, summed from the wire alone. */
function flows(events: readonly TapeEvent[]): {
  onHand: number;
  committed: number;
  unavailable: number;
} {
  const sums = { onHand: 0, committed: 0, unavailable: 0 };
  for (const event of events) {
    if (event.truth.role === 'copy') continue;
    if (event.stream === 'pos') {
      for (const { quantity } of event.body.lines) {
        sums.onHand -= quantity;
        if (quantity < 0) sums.unavailable -= quantity;
      }
    } else if (event.stream === 'wms' && event.body.location === 'store') {
      sums.onHand += event.body.quantity;
      sums.committed += event.body.committed;
      sums.unavailable += event.body.unavailable;
    } else if (
      event.stream === 'cart' &&
      event.body.event_name === 'purchase' &&
      event.body.fulfilment === 'pickup'
    ) {
      for (const { quantity } of event.body.items) {
        sums.committed += quantity;
      }
    }
  }
  return sums;
}

function totals(ledger: Ledger): { onHand: number; committed: number; unavailable: number } {
  const sums = { onHand: 0, committed: 0, unavailable: 0 };
  for (const { book } of ledger.entries()) {
    sums.onHand += book.onHand;
    sums.committed += book.committed;
    sums.unavailable += book.unavailable;
  }
  return sums;
}

test('units are conserved at any cut, for any seed, with any streams and faults', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.subarray([...EVERYTHING]),
      fc.integer({ min: 1, max: 15_000 }),
      (seed, streams, cutMs) => {
        const scenario = scenarioOf(...streams, `seed=${seed}`, 'retail.stores=3');
        const events = tapeUntil(scenario, cutMs);
        const ledger = new Ledger(scenario);
        // Opening stock of every row that the events will touch, before they do.
        for (const event of events) {
          for (const sku of skusOf(event)) ledger.book(event.store, sku);
        }
        const before = totals(ledger);
        for (const event of events) ledger.apply(event);
        const after = totals(ledger);
        const moved = flows(events);
        expect(after.onHand - before.onHand).toBe(moved.onHand);
        expect(after.committed - before.committed).toBe(moved.committed);
        expect(after.unavailable - before.unavailable).toBe(moved.unavailable);
      },
    ),
    { numRuns: 8 },
  );
});

test('the order of events does not matter to BOOK', () => {
  const scenario = scenarioOf(...EVERYTHING);
  const events = tapeUntil(scenario, 15_000);
  const forth = new Ledger(scenario);
  const back = new Ledger(scenario);
  for (const event of events) forth.apply(event);
  for (const event of events.toReversed()) back.apply(event);
  for (const { store, sku, book } of forth.entries()) expect(back.book(store, sku)).toEqual(book);
});

test('PHYSICAL differs from BOOK by unrecorded changes, and a count makes them equal', () => {
  const scenario = scenarioOf(
    ...EVERYTHING.slice(0, 4),
    'traffic.pos={receipts: 4000/store/h}',
    'traffic.wms={shrink: 20%}',
  );
  const untilMs = 60_000;
  const ledger = opened(scenario);
  const gap = (store: number, sku: number) =>
    ledger.physical(store, sku) - ledger.book(store, sku).onHand;
  const opening = new Map<string, number>();
  for (const { store, sku } of ledger.entries()) opening.set(`${store}/${sku}`, gap(store, sku));
  const inaccurate = [...opening.values()].filter((units) => units !== 0);
  expect(Math.abs(inaccurate.length / opening.size - 0.35)).toBeLessThan(0.05);
  const short = inaccurate.filter((units) => units < 0).length / inaccurate.length;
  expect(Math.abs(short - 0.6)).toBeLessThan(0.1);

  const events = tapeUntil(scenario, untilMs);
  const hidden = [...physicalOf(scenario, storesOf(scenario), untilMs)];
  expect(hidden.map(({ occurredMs }) => occurredMs)).toEqual(
    hidden.map(({ occurredMs }) => occurredMs).sort((a, b) => a - b),
  );
  for (const event of events) ledger.apply(event);
  for (const happening of hidden) ledger.happen(happening);
  const drifted = new Map(opening);
  for (const { store, sku, drift } of hidden) {
    const key = `${store}/${sku}`;
    drifted.set(key, (drifted.get(key) ?? 0) + drift);
  }
  // The counts' own events corrected BOOK: the gap is opening, theft and mispicks, less the counts.
  for (const { store, sku } of ledger.entries()) {
    expect(gap(store, sku)).toBe(drifted.get(`${store}/${sku}`));
  }
  const thefts = hidden.filter(({ cause }) => cause === 'theft').length;
  const sold = -ofStream(events, 'pos')
    .filter(({ body }) => body.type === 'sale')
    .flatMap(({ body }) => body.lines)
    .reduce((sum, { quantity }) => sum - quantity, 0);
  expect(Math.abs(thefts / sold - 0.198)).toBeLessThan(0.03);
});

test('the truth of any subset of stores is the truth of the whole', () => {
  const scenario = scenarioOf('traffic.wms={shrink: 30%}');
  const whole = [...physicalOf(scenario, storesOf(scenario), UNTIL_MS)];
  const parts = [0, 1, 2].flatMap((i) => [
    ...physicalOf(scenario, storesOf(scenario, i, 3), UNTIL_MS),
  ]);
  const key = (hidden: object) => JSON.stringify(hidden);
  expect(parts.map(key).sort()).toEqual(whole.map(key).sort());
  expect(whole.length).toBeGreaterThan(50);
});

test('no shelf ever holds fewer than none, though customers buy what BOOK does not have', () => {
  const scenario = scenarioOf(
    'retail={stores: 2, skus: 60, assortment: 40, hours: flat}',
    'traffic.pos={receipts: 60/store/h, returns: 5%}',
    'traffic.wms={shrink: 40%}',
    'traffic.inventory={}',
    'phases.only.load=100x',
  );
  const untilMs = 60_000;
  const ledger = new Ledger(scenario);
  const hidden = [...physicalOf(scenario, storesOf(scenario), untilMs)];
  expect(new Set(hidden.map(({ cause }) => cause))).toContain('found');
  const happenings = [
    // What was found was there before it left.
    ...hidden.map((one) => ({ atMs: one.occurredMs, run: () => ledger.happen(one) })),
    ...tapeUntil(scenario, untilMs).map((one) => ({
      atMs: one.occurredMs,
      run: () => ledger.apply(one),
    })),
  ].toSorted((a, b) => a.atMs - b.atMs);
  let [lowestBook, lowestShelf] = [0, 0];
  const look = () => {
    for (const { physical, book } of ledger.entries()) {
      lowestBook = Math.min(lowestBook, book.onHand);
      lowestShelf = Math.min(lowestShelf, physical);
    }
  };
  happenings.forEach(({ atMs, run }, i) => {
    if (i > 0 && atMs > (happenings[i - 1]?.atMs ?? 0)) look();
    run();
  });
  look();
  expect(lowestBook).toBeLessThan(0);
  expect(lowestShelf).toBe(0);
});
