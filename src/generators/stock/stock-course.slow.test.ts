import { expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../../../test/support/retail.ts';
import { Ledger, physicalOf } from './ledger.ts';
import { type StockCourse, stockCourses, valueAt } from './stock-course.ts';

const UNTIL_MS = 25_000;
const scenario = scenarioOf(
  ...EVERYTHING,
  'traffic.pos={receipts: 3000/store/h, returns: 10%, training: 10%}',
  'traffic.wms={shrink: 20%, delist: 10%}',
  'traffic.faults.transport={delay: 800ms, sigma: 1, slow: 0%}',
  'traffic.faults.offline={stores: 100%, at: 5s, for: 10s, replay: 200/s}',
  'traffic.cart={sessions: 60/s, pickup: 100%}',
);

test('a course is what both ledgers say at any moment, though its feeds are late and repeat themselves', () => {
  // Everything that happens until then, with faults, in the order of sending.
  const events = tapeUntil(scenario, UNTIL_MS + 30_000).filter(
    ({ occurredMs }) => occurredMs < UNTIL_MS,
  );
  const hidden = [...physicalOf(scenario, storesOf(scenario), UNTIL_MS)];
  expect(new Set(hidden.map(({ cause }) => cause))).toContain('theft');
  const skus = Array.from({ length: scenario.retail.skus }, (_, i) => i + 1);
  const courses = new Map([1, 5].map((id) => [id, stockCourses(scenario, id, skus, UNTIL_MS)]));
  let delisted = 0;
  for (const atMs of [0, 9_999, UNTIL_MS - 1]) {
    const ledger = new Ledger(scenario);
    for (const event of events) if (event.occurredMs <= atMs) ledger.apply(event);
    for (const one of hidden) if (one.occurredMs <= atMs) ledger.happen(one);
    for (const [store, found] of courses) {
      const expected = skus.map((sku) => {
        const { available, committed, unavailable, deleted } = ledger.book(store, sku);
        delisted += deleted ? 1 : 0;
        const free = ledger.physical(store, sku) - committed - unavailable;
        return [deleted ? 0 : available, Math.max(0, free)];
      });
      const course = (sku: number) => found.get(sku) as StockCourse;
      const values = skus.map((sku) => [
        valueAt(course(sku).book, atMs),
        valueAt(course(sku).shelf, atMs),
      ]);
      expect(values).toEqual(expected);
    }
  }
  expect(delisted).toBeGreaterThan(3);
  const moves = [...(courses.get(1)?.values() ?? [])].map(({ book }) => book.atMs.length - 1);
  expect(moves.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(50);
});

test('steps ascend, and begin before everything', () => {
  for (const { book, shelf } of stockCourses(scenario, 1, [1, 2, 3], UNTIL_MS).values()) {
    expect(book.atMs[0]).toBe(Number.NEGATIVE_INFINITY);
    expect(book.value).toHaveLength(book.atMs.length);
    expect(shelf.atMs).toEqual(book.atMs);
    expect([...book.atMs].sort((a, b) => a - b)).toEqual(book.atMs);
    expect(new Set(book.atMs).size).toBe(book.atMs.length);
  }
});

test('the value at a moment', () => {
  const steps = { atMs: [10, 20, 30], value: [1, 2, 3] };
  expect([9, 10, 19, 20, 30, 99].map((ms) => valueAt(steps, ms))).toEqual([
    undefined,
    1,
    1,
    2,
    3,
    3,
  ]);
  expect(valueAt({ atMs: [], value: [] }, 0)).toBeUndefined();
});
