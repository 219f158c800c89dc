import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../../test/support/retail.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { encode, keyOf } from './encode.ts';
import type { TapeEvent } from './event.ts';
import { preloadOf } from './tape.ts';

const T0 = 1_795_770_000_000;
const decoder = new TextDecoder('latin1');

/** The message on the wire, and the truth about it. */
function bytes(events: Iterable<TapeEvent>): string[] {
  return Array.from(
    events,
    (event) =>
      `${keyOf(event)} ${event.dueMs} ${decoder.decode(encode(event, T0))} ${JSON.stringify(event.truth)}`,
  );
}

function ordered(a: TapeEvent, b: TapeEvent): number {
  return a.dueMs - b.dueMs || a.store - b.store;
}

test('the same seed gives the same bytes, another seed others', () => {
  const one = bytes(tapeUntil(scenarioOf(...EVERYTHING), 20_000));
  expect(one.length).toBeGreaterThan(1_000);
  expect(bytes(tapeUntil(scenarioOf(...EVERYTHING), 20_000))).toEqual(one);
  expect(bytes(tapeUntil(scenarioOf(...EVERYTHING, 'seed=12'), 20_000))).not.toEqual(one);
});

test('any number of workers gives the same bytes', () => {
  const scenario = scenarioOf(...EVERYTHING);
  const alone = tapeUntil(scenario, 15_000);
  for (const workers of [2, 3, 7]) {
    const shared = Array.from({ length: workers }, (_, worker) =>
      // A scenario of its own, as a worker thread has: nothing is shared but its text.
      tapeUntil(structuredClone(scenario), 15_000, storesOf(scenario, worker, workers)),
    );
    expect(bytes(shared.flat().sort(ordered))).toEqual(bytes(alone));
  }
});

test('the tape is in order of due time and store, and within a store of stream and sequence', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 3_000 }), (seed, delay) => {
      const scenario = scenarioOf(
        ...EVERYTHING,
        `seed=${seed}`,
        `traffic.faults.transport={delay: ${delay}ms, sigma: 0, slow: 0%}`,
      );
      const events = tapeUntil(scenario, 8_000 + delay);
      const place = ['pos', 'wms', 'cart', 'loyalty', 'inventory'];
      for (let i = 1; i < events.length; i++) {
        const [before, after] = [events[i - 1] as TapeEvent, events[i] as TapeEvent];
        const order = ordered(before, after);
        expect(order).toBeLessThanOrEqual(0);
        if (order === 0) {
          expect(place.indexOf(before.stream)).toBeLessThanOrEqual(place.indexOf(after.stream));
        }
      }
      for (const event of events) {
        expect(Number.isInteger(event.dueMs) && Number.isInteger(event.occurredMs)).toBe(true);
        expect(event.occurredMs).toBeGreaterThanOrEqual(0);
        if (event.truth.role === 'original') expect(event.dueMs - event.occurredMs).toBe(delay);
        else expect(event.dueMs - event.occurredMs).toBeGreaterThan(delay);
      }
    }),
    { numRuns: 4 },
  );
});

/** A stream's originals, without what a fault did to the id. */
function originals(scenario: Scenario, stream: string, untilMs = 30_000): string[] {
  return bytes(
    tapeUntil(scenario, untilMs).filter(
      ({ stream: of, truth }) => of === stream && truth.role === 'original' && truth.fault === null,
    ),
  );
}

test('one more stream changes no byte of the others', () => {
  const alone = originals(scenarioOf(), 'pos');
  expect(alone.length).toBeGreaterThan(30);
  for (const more of EVERYTHING.slice(0, 4)) {
    expect(originals(scenarioOf(more), 'pos')).toEqual(alone);
  }
  const cart = originals(scenarioOf('traffic.cart={sessions: 10/s}'), 'cart');
  expect(originals(scenarioOf(...EVERYTHING.slice(0, 4)), 'cart')).toEqual(cart);
  const loyalty = originals(scenarioOf('traffic.loyalty={}'), 'loyalty');
  expect(originals(scenarioOf(...EVERYTHING.slice(0, 4)), 'loyalty')).toEqual(loyalty);
});

test('faults change no byte of the originals they do not touch', () => {
  const clean = originals(scenarioOf(...EVERYTHING.slice(0, 4)), 'pos');
  const faulty = originals(scenarioOf(...EVERYTHING), 'pos');
  expect(clean).toEqual(expect.arrayContaining(faulty));
  expect(clean.length - faulty.length).toBeLessThan(5);
});

test('ids are unique but for copies and broken clients, and every field of the wire is there', () => {
  const events = tapeUntil(scenarioOf(...EVERYTHING.slice(0, 4)), 30_000);
  expect(new Set(events.map(({ stream, id }) => `${stream}/${id}`)).size).toBe(events.length);
  for (const event of events) {
    const value = JSON.parse(new TextDecoder().decode(encode(event, T0)));
    const row = event.stream === 'inventory' ? value.after : value;
    expect(row).toMatchObject({
      event_id: event.id,
      store_id: event.store,
      event_ts: T0 + event.occurredMs,
      occurred_ms: T0 + event.occurredMs,
      due_ms: T0 + event.dueMs,
    });
  }
});

test('every store preloads its assortment once: the best sellers everywhere, the rest its own', () => {
  const scenario = scenarioOf('traffic.inventory={}');
  const rows = [...preloadOf(scenario, storesOf(scenario))];
  expect(rows.length).toBe(8 * 160);
  const perStore = new Map<number, Set<number>>();
  for (const { store, truth, occurredMs, stream } of rows) {
    expect(stream).toBe('inventory');
    expect(truth.role).toBe('preload');
    expect(truth.row?.version).toBe(1);
    expect(occurredMs).toBeLessThan(0);
    const skus = perStore.get(store) ?? new Set();
    perStore.set(store, skus.add(truth.row?.sku as number));
  }
  const sets = [...perStore.values()];
  expect(sets.map((skus) => skus.size)).toEqual(new Array(8).fill(160));
  const everywhere = [...(sets[0] as Set<number>)].filter((sku) => sets.every((s) => s.has(sku)));
  // The 57 best sellers of the chain are in every store, and some of the next ones in all eight.
  expect(everywhere.length).toBeGreaterThanOrEqual(57);
  expect(everywhere.length).toBeLessThan(80);
  expect(new Set(sets.flatMap((skus) => [...skus])).size).toBeGreaterThan(300);
  const sold = tapeUntil(scenario, 20_000).filter(({ stream }) => stream === 'inventory');
  for (const { store, truth } of sold) {
    expect(perStore.get(store)?.has(truth.row?.sku as number)).toBe(true);
    expect(truth.row?.version).toBeGreaterThan(1);
  }
  expect([...preloadOf(scenarioOf('traffic.inventory={preload: none}'), [1])]).toEqual([]);
});

test('versions count up by one per row, without a gap', () => {
  const newest = new Map<string, number>();
  for (const { stream, store, truth } of tapeUntil(
    scenarioOf(...EVERYTHING.slice(0, 4), 'traffic.inventory={preload: none}'),
    30_000,
  )) {
    if (stream !== 'inventory' || truth.row === null) continue;
    const key = `${store}/${truth.row.sku}`;
    expect(truth.row.version).toBe((newest.get(key) ?? 0) + 1);
    newest.set(key, truth.row.version);
  }
  expect(newest.size).toBeGreaterThan(100);
});

test('the tape has no end: after the last phase it goes on at 1x', () => {
  const scenario = scenarioOf('phases=[{name: spike, for: 10s, load: 20x}]', 'retail.stores=2');
  const events = tapeUntil(scenario, 610_000);
  const after = events.filter(({ dueMs }) => dueMs >= 10_000).length;
  expect(after).toBeGreaterThan(150);
  expect(after).toBeLessThan(250);
});
