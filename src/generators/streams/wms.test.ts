import { expect, test } from 'vitest';
import { mean, ofStream, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import { random } from '../../core/random.ts';
import type { TapeEvent } from '../event.ts';
import { DELAYS, drawDelay, Leftovers, stillWaiting } from '../world/delays.ts';

interface Handled {
  readonly biz_step: string;
  readonly location: string;
  readonly reason: string | null;
  readonly disposition: string;
  readonly quantity: number;
  readonly units: number;
  readonly reference: string | null;
}

const handled = (events: readonly TapeEvent[]) =>
  ofStream(events, 'wms').map(({ body }) => body as unknown as Handled);

const scenario = scenarioOf(
  'traffic.wms={shrink: 0%}',
  'traffic.pos={receipts: 12000/store/h, returns: 2%}',
);
const events = tapeUntil(scenario, 120_000);
const units = ofStream(events, 'pos')
  .filter(({ body }) => body.type === 'sale')
  .flatMap(({ body }) => body.lines)
  .reduce((sum, { quantity }) => sum + quantity, 0);
const work = handled(events);
const perThousand = (some: readonly unknown[]) => (some.length * 1_000) / units;
const inStore = work.filter(({ location }) => location === 'store');
const inDc = work.filter(({ location }) => location !== 'store');
const of = (all: readonly Handled[], step: string) =>
  all.filter(({ biz_step }) => biz_step === step);

test('events per 1,000 units sold are those of a steady state, from the first second', () => {
  expect(units).toBeGreaterThan(20_000);
  expect(Math.abs(perThousand(of(inStore, 'receiving')) - 125)).toBeLessThan(12);
  expect(Math.abs(perThousand(of(inDc, 'picking')) - 125)).toBeLessThan(12);
  expect(Math.abs(perThousand(of(inDc, 'receiving')) - 30)).toBeLessThan(5);
  expect(Math.abs(perThousand(of(inDc, 'storing')) - 30)).toBeLessThan(5);
  expect(Math.abs(perThousand(of(inDc, 'packing')) - 60)).toBeLessThan(7);
  expect(Math.abs(perThousand(of(inDc, 'shipping')) - 6)).toBeLessThan(2);
  expect(Math.abs(perThousand(of(inStore, 'cycle_counting')) - 25)).toBeLessThan(4);
  const broken = inStore.filter(
    ({ reason, reference }) => reason === 'damaged' && reference === null,
  );
  expect(Math.abs(perThousand(broken) - 2)).toBeLessThan(1);
  const early = tapeUntil(scenario, 2_000);
  expect(new Set(handled(early).map(({ biz_step }) => biz_step)).size).toBeGreaterThan(4);
});

test('a third of first counts finds another number: -(1 + Geom) in three of five', () => {
  // A second count of the same shelf is right, unless units were stolen in between, which does not happen here, or
  // more were sold than there were in the books: those are found.
  const first = new Map<string, number>();
  const again: number[] = [];
  for (const { store, body } of ofStream(events, 'wms')) {
    if (body.biz_step !== 'cycle_counting') continue;
    const shelf = `${store}/${body.sku_id}`;
    if (first.has(shelf)) again.push(body.quantity);
    else first.set(shelf, body.quantity);
  }
  expect(again.length).toBeGreaterThan(300);
  expect(Math.min(...again)).toBe(0);
  expect(again.filter((quantity) => quantity > 0).length / again.length).toBeLessThan(0.02);
  const off = [...first.values()].filter((quantity) => quantity !== 0);
  expect(Math.abs(off.length / first.size - 0.35)).toBeLessThan(0.08);
  const short = off.filter((quantity) => quantity < 0).length / off.length;
  expect(Math.abs(short - 0.6)).toBeLessThan(0.15);
  expect(Math.abs(mean(off.map(Math.abs)) - 2.5)).toBeLessThan(0.6);
});

test('seven in ten of what comes back is for sale again', () => {
  const back = inStore.filter(({ reference }) => reference?.startsWith('STORE_'));
  const restocked = back.filter(({ reason }) => reason === 'restock').length;
  expect(back.length).toBeGreaterThan(20);
  expect(Math.abs(restocked / back.length - 0.7)).toBeLessThan(0.2);
});

test('what a store receives of an order is what the distribution centre sent for it', () => {
  const long = scenarioOf(
    'retail={stores: 1, skus: 40, assortment: 40, hours: flat}',
    'traffic.wms={}',
    'traffic.pos={receipts: 60/store/h}',
  );
  const all = handled(tapeUntil(long, 30 * 3_600_000));
  const sent = new Map(of(all, 'picking').map((pick) => [pick.reference, pick.quantity]));
  let matched = 0;
  for (const { reference, quantity } of of(all, 'receiving').filter(
    ({ location }) => location === 'store',
  )) {
    const out = sent.get(reference);
    if (out === undefined) continue;
    expect(quantity).toBe(-out);
    sent.delete(reference);
    matched++;
  }
  // What is left is on its way.
  expect(matched).toBeGreaterThan(500);
  expect([...sent.values()].every((out) => out === -8)).toBe(true);
});

test('over a day, what is received replaces what left the books', () => {
  const day = scenarioOf(
    'retail={stores: 1, skus: 40, assortment: 40, hours: flat}',
    'traffic.wms={}',
    'traffic.pos={receipts: 60/store/h}',
  );
  const all = tapeUntil(day, 40 * 3_600_000);
  const sold = ofStream(all, 'pos')
    .flatMap(({ body }) => body.lines)
    .reduce((sum, { quantity }) => sum + quantity, 0);
  const received = of(handled(all), 'receiving')
    .filter(({ location }) => location === 'store')
    .reduce((sum, { quantity }) => sum + quantity, 0);
  expect(Math.abs(received / sold - 1)).toBeLessThan(0.08);
});

test('pickup orders are picked 20 minutes later in the median, and 3 % of their lines are not there', () => {
  const shop = scenarioOf(
    'traffic={pos: {receipts: 1/store/h}, wms: {}, inventory: {}, cart: {sessions: 40/s, pickup: 100%, bots: 0%}}',
    'retail={stores: 2, skus: 400, assortment: 400}',
  );
  const all = tapeUntil(shop, 60_000);
  const purchases = ofStream(all, 'cart').filter(({ body }) => body.event_name === 'purchase');
  expect(purchases.length).toBeGreaterThan(20);
  expect(purchases.every(({ body }) => body.fulfilment === 'pickup')).toBe(true);
  const lines = handled(all).filter(({ reference }) => reference?.startsWith('ORD-'));
  const picks = of(lines, 'picking');
  const short = of(lines, 'void_shipping');
  expect(picks.length).toBeGreaterThan(300);
  expect(Math.abs(short.length / (picks.length + short.length) - 0.03)).toBeLessThan(0.02);
  const own = random(1, 'pick-delays');
  const delays = Array.from({ length: 4_001 }, () => drawDelay(own, DELAYS.pick)).sort(
    (a, b) => a - b,
  );
  expect(Math.abs((delays[2_000] as number) / 60_000 - 20)).toBeLessThan(1.5);
});

test('work left from before falls due as if it had always gone on like this', () => {
  const perMs = 0.001;
  const due = new Leftovers(perMs, DELAYS.inspect, random(2, 'left'));
  const times: number[] = [];
  for (let at = due.next(); at < Number.POSITIVE_INFINITY; at = due.next()) times.push(at);
  for (const hour of [0, 1, 2, 4]) {
    const from = hour * 3_600_000;
    const found = times.filter((at) => at >= from && at < from + 600_000).length;
    const expected = perMs * 600_000 * stillWaiting(DELAYS.inspect, from + 300_000);
    expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(expected) + 3);
  }
  expect(Math.max(...times)).toBeLessThan(DELAYS.inspect.capMs);
});
