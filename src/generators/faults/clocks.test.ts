import { expect, test } from 'vitest';
import { EVERYTHING, mean, ofStream, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import type { TapeEvent } from '../event.ts';
import { OFF_MS, WRONG_DATE_MS } from './clocks.ts';

const STREAMS_ON = [
  ...EVERYTHING.slice(0, 4),
  'retail={stores: 100, skus: 400, assortment: 160, hours: flat}',
  'traffic.pos={receipts: 600/store/h}',
  'traffic.cart={sessions: 2/s}',
];
const offMs = ({ claimedMs, occurredMs }: TapeEvent) => claimedMs - occurredMs;
const HOUR_MS = 3_600_000;

function skewed(clocks: string, ...more: readonly string[]): TapeEvent[] {
  return tapeUntil(scenarioOf(...STREAMS_ON, `traffic.faults.clocks=${clocks}`, ...more), 30_000);
}

/** How far each till of each store is off; a device is off by the same all the time. */
function tills(events: readonly TapeEvent[]): number[] {
  const found = new Map<string, number>();
  for (const event of ofStream(events, 'pos')) {
    const till = `${event.store}/${event.body.terminal_id}`;
    expect(found.get(till) ?? offMs(event)).toBe(offMs(event));
    found.set(till, offMs(event));
  }
  return [...found.values()];
}

test('the clocks of tills are N(0, 1.5 s), and servers are right (estimates)', () => {
  const events = skewed('{hour_off: 0%, wrong_date: 0%, shoppers: 0%}');
  const off = tills(events);
  expect(off.length).toBeGreaterThan(400);
  expect(Math.abs(mean(off))).toBeLessThan(250);
  const sigma = Math.sqrt(mean(off.map((ms) => ms ** 2)));
  expect(Math.abs(sigma / 1_500 - 1)).toBeLessThan(0.12);
  for (const event of events) {
    const { stream } = event;
    const central = stream === 'cart' || (stream === 'wms' && event.body.location !== 'store');
    if (stream === 'inventory' || central) expect(offMs(event)).toBe(0);
  }
  expect(events.some((event) => event.stream === 'wms' && offMs(event) !== 0)).toBe(true);
});

test('points carry the stamp of the till of their receipt', () => {
  const events = skewed('{sigma: 20s}');
  const receipts = new Map(
    ofStream(events, 'pos').map((event) => [event.body.transaction_id, offMs(event)]),
  );
  const points = ofStream(events, 'loyalty');
  expect(points.length).toBeGreaterThan(200);
  for (const event of points) expect(offMs(event)).toBe(receipts.get(event.body.reference));
});

test('stated shares of tills are exactly an hour off or have another year', () => {
  const off = tills(skewed('{sigma: 1.5s, hour_off: 20%, wrong_date: 10%}'));
  const hours = off.filter((ms) => Math.abs(ms) === HOUR_MS);
  const dates = off.filter((ms) => Math.abs(ms) >= WRONG_DATE_MS);
  expect(Math.abs(hours.length / off.length - 0.2)).toBeLessThan(0.06);
  expect(Math.abs(dates.length / off.length - 0.1)).toBeLessThan(0.05);
  expect(hours.filter((ms) => ms < 0).length / hours.length).toBeGreaterThan(0.35);
  expect(new Set(dates.map((ms) => ms > 0)).size).toBe(2);
  const t0 = Date.UTC(2026, 5, 1);
  for (const ms of dates) expect([1970, 2027]).toContain(new Date(t0 + ms).getUTCFullYear());
});

test('3.5 % of sessions are on a device that is an hour to a week off (published, of phones)', () => {
  const events = ofStream(skewed('{}', 'traffic.cart.sessions=100/s'), 'cart');
  const sessions = new Map<unknown, number>();
  for (const event of events) {
    const id = event.body.session_id;
    expect(sessions.get(id) ?? offMs(event)).toBe(offMs(event));
    sessions.set(id, offMs(event));
  }
  const off = [...sessions.values()].filter((ms) => ms !== 0);
  expect(sessions.size).toBeGreaterThan(8_000);
  expect(Math.abs(off.length / sessions.size - 0.035)).toBeLessThan(0.006);
  for (const ms of off) {
    expect(Math.abs(ms)).toBeGreaterThanOrEqual(HOUR_MS);
    expect(Math.abs(ms)).toBeLessThanOrEqual(168 * HOUR_MS);
  }
});

test('a clock is labelled off from a minute on, and a wrong date from half a year on', () => {
  const seen = new Set<string>();
  for (const event of skewed('{sigma: 40s, hour_off: 10%, wrong_date: 10%, shoppers: 20%}')) {
    const off = Math.abs(offMs(event));
    const labels = event.truth.labels.filter((one) => one === 'clock_off' || one === 'wrong_date');
    const wanted = off >= WRONG_DATE_MS ? ['wrong_date'] : off >= OFF_MS ? ['clock_off'] : [];
    expect(labels).toEqual(wanted);
    seen.add(`${event.stream} ${labels}`);
  }
  for (const one of [
    'pos clock_off',
    'pos wrong_date',
    'pos ',
    'cart clock_off',
    'loyalty clock_off',
  ]) {
    expect(seen).toContain(one);
  }
});

test('clocks move stamps alone', () => {
  const clean = tapeUntil(scenarioOf(...STREAMS_ON), 10_000);
  const told = ({ id, stream, store, dueMs, body }: TapeEvent) => [id, stream, store, dueMs, body];
  const events = skewed('{}').filter(({ dueMs }) => dueMs < 10_000);
  expect(JSON.stringify(events.map(told))).toBe(JSON.stringify(clean.map(told)));
});
