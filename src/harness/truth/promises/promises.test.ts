import { expect, test } from 'vitest';
import { random } from '../../../core/random.ts';
import type { Steps } from '../../../generators/stock/stock-course.ts';
import type { PickupOrder } from '../../../generators/streams/pickups.ts';
import { sellDownFailure } from './demand.ts';
import { type Fate, type KnownStock, replayOrder } from './promises.ts';

const always = (value: number): Steps => ({ atMs: [Number.NEGATIVE_INFINITY], value: [value] });
const stock = (shown: number | null, book: number, shelf: number): KnownStock => ({
  shown: shown === null ? undefined : always(shown),
  course: { book: always(book), shelf: always(shelf) },
});
const orderOf = (atMs: number, ...quantities: readonly number[]): PickupOrder => ({
  ...{ phase: 'only', store: 1, atMs },
  lines: quantities.map((quantity, i) => ({ sku: i + 1, quantity })),
});

test.each<[string, Fate, KnownStock]>([
  ['what is shown and there', 'kept', stock(2, 2, 2)],
  ['what is there though the books say no', 'kept', stock(2, 0, 2)],
  ['what BOOK knew to be gone', 'stale', stock(2, 1, 1)],
  ['what nobody knew to be gone', 'phantom', stock(2, 2, 1)],
  ['what is neither shown nor there', 'refused', stock(1, 1, 1)],
  ['what came in unseen', 'missed_stale', stock(1, 2, 2)],
  ['what the books do not have', 'missed_phantom', stock(1, 1, 2)],
  ['what has no row, and is nowhere', 'refused', stock(null, 0, 0)],
  ['what has no row yet', 'missed_stale', stock(null, 5, 5)],
  ['what was sold before it was booked in', 'refused', stock(-3, -3, -3)],
])('two units of %s: %s', (_, fate, known) => {
  const found = replayOrder(orderOf(0, 2), () => known);
  expect(found.lines.map((line) => line.fate)).toEqual([fate]);
  expect(found.fate).toBe(fate);
});

test('what is shown holds from its moment on, and not before', () => {
  const shown: Steps = { atMs: [100, 200], value: [5, 0] };
  const known: KnownStock = { shown, course: stock(null, 5, 5).course };
  const at = (atMs: number) => replayOrder(orderOf(atMs, 1), () => known).lines[0]?.shown;
  expect([99, 100, 199, 200, 1e9].map(at)).toEqual([0, 5, 5, 0, 0]);
});

test('an order is its promised lines, and staleness breaks it only if nothing else does', () => {
  const kept = stock(1, 1, 1);
  const stale = stock(1, 0, 0);
  const phantom = stock(1, 1, 0);
  const refused = stock(0, 0, 0);
  const missed = stock(0, 1, 1);
  const fateOf = (...lines: readonly KnownStock[]) =>
    replayOrder(orderOf(0, ...lines.map(() => 1)), (sku) => lines[sku - 1] as KnownStock).fate;
  expect(fateOf(kept, refused, missed)).toBe('kept');
  expect(fateOf(kept, stale, refused)).toBe('stale');
  expect(fateOf(kept, stale, phantom)).toBe('phantom');
  expect(fateOf(refused, missed)).toBe('missed_stale');
  expect(fateOf(refused, refused)).toBe('refused');
});

const HOUR_MS = 3_600_000;
const UNITS = 100;
const WALK_INS = 40 / HOUR_MS;
const ORDERS = 10 / HOUR_MS;

interface World {
  readonly orders: readonly PickupOrder[];
  readonly known: KnownStock;
}

/**
 * One shelf that sells down from 100 units to walk-ins and to the web shop, which sees its own orders at once and
 * the tills' sales `lagMs` later. Drawn as it goes, without any formula.
 */
function sellDown(seed: number, run: number, lagMs: number): World {
  const own = random(seed, 'sell-down', run);
  const lanes = { shown: [UNITS], book: [UNITS], shelf: [UNITS] };
  const times = { shown: [-1], book: [-1], shelf: [-1] };
  const take = (lane: keyof typeof lanes, atMs: number) => {
    lanes[lane].push((lanes[lane].at(-1) as number) - 1);
    times[lane].push(atMs);
  };
  const left = (lane: keyof typeof lanes) => lanes[lane].at(-1) as number;
  const orders: PickupOrder[] = [];
  const unseen: number[] = [];
  let walkInMs = own.exponential() / WALK_INS;
  let orderMs = own.exponential() / ORDERS;
  while (left('shown') > 0) {
    const seenMs = (unseen[0] ?? Number.POSITIVE_INFINITY) + lagMs;
    const nowMs = Math.min(seenMs, walkInMs, orderMs);
    if (nowMs === seenMs) {
      unseen.shift();
      take('shown', nowMs);
    } else if (nowMs === walkInMs) {
      if (left('shelf') > 0) {
        for (const lane of ['book', 'shelf'] as const) take(lane, nowMs);
        unseen.push(nowMs);
      }
      walkInMs += own.exponential() / WALK_INS;
    } else {
      orders.push(orderOf(nowMs, 1));
      // Reserved and picked just after it was promised: the order itself must not find it gone.
      for (const lane of ['shown', 'book'] as const) take(lane, nowMs + 1e-3);
      if (left('shelf') > 0) take('shelf', nowMs + 1e-3);
      orderMs += own.exponential() / ORDERS;
    }
  }
  const steps = (lane: keyof typeof lanes): Steps => ({ atMs: times[lane], value: lanes[lane] });
  return {
    orders,
    known: { shown: steps('shown'), course: { book: steps('book'), shelf: steps('shelf') } },
  };
}

function replayed(lagMs: number): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let run = 0; run < 1_000; run++) {
    const { orders, known } = sellDown(5, run, lagMs);
    for (const order of orders) {
      const { fate } = replayOrder(order, () => known);
      counts[fate] = (counts[fate] ?? 0) + 1;
    }
  }
  return counts;
}

// The values of the model's own simulation, next to its formula: .032, .091, .167, .239, .615.
test.each([5, 15, 30, 47, 240])(
  'a shelf selling down behind a view %d minutes late breaks as many promises as the formula says',
  (minutes) => {
    const lagMs = minutes * 60_000;
    const { kept = 0, stale = 0, ...others } = replayed(lagMs);
    expect(others).toEqual({});
    const formula = sellDownFailure(lagMs, UNITS / (WALK_INS + ORDERS), 0.8);
    expect(stale / (kept + stale)).toBeGreaterThan(formula - 0.01);
    expect(stale / (kept + stale)).toBeLessThan(formula + 0.01);
  },
);

test('the formula gives the model’s own figures', () => {
  const of = (minutes: number) => sellDownFailure(minutes * 60_000, 2 * HOUR_MS, 0.8);
  expect([5, 15, 30, 47, 240].map((minutes) => Number(of(minutes).toFixed(3)))).toEqual([
    0.032, 0.091, 0.167, 0.239, 0.615,
  ]);
  expect(sellDownFailure(60_000, Number.POSITIVE_INFINITY)).toBe(0);
});

test('a view without delay breaks no promise by staleness', () => {
  const { kept, ...others } = replayed(0);
  expect(kept).toBeGreaterThan(10_000);
  expect(others).toEqual({});
});
