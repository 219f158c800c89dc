import { expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../../../test/support/retail.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { encode } from '../encode.ts';
import type { TapeEvent } from '../event.ts';
import { ADDED_FIELD, WIDENED } from '../schema-version.ts';
import { worldOf } from '../world/world.ts';
import { switchMs } from './drift.ts';

const T0 = 1_795_770_000_000;
const STREAMS_ON = [
  ...EVERYTHING,
  'retail={stores: 40, skus: 400, assortment: 160, hours: flat}',
  'traffic.pos={receipts: 900/store/h}',
];
const DRIFT = '{at: 5s, over: 10s, added: 60%, widened: 25%}';
const scenario = scenarioOf(...STREAMS_ON, `traffic.faults.schema_drift=${DRIFT}`);
const events = tapeUntil(scenario, 25_000).filter(({ truth }) => truth.fault?.kind !== 'malformed');

type Json = Record<string, unknown>;

function wire(event: TapeEvent): { readonly value: Json; readonly row: Json } {
  const value = JSON.parse(new TextDecoder().decode(encode(event, T0))) as Json;
  return { value, row: (event.stream === 'inventory' ? value.after : value) as Json };
}

test('the labels say what the wire shows: a field more, or integers as text', () => {
  const seen = new Set<string>();
  for (const event of events) {
    const { value, row } = wire(event);
    const { labels } = event.truth;
    const added = labels.includes('field_added');
    const widened = labels.includes('type_widened');
    expect(ADDED_FIELD in row).toBe(added);
    if (event.stream !== 'inventory') expect(value.schema_version).toBe(added ? 2 : 1);
    for (const name of WIDENED[event.stream]) {
      expect(typeof row[name]).toBe(widened ? 'string' : 'number');
      expect(Number.isInteger(Number(row[name]))).toBe(true);
    }
    seen.add(`${event.stream} ${added} ${widened}`);
  }
  for (const stream of STREAMS) {
    expect(seen).toContain(`${stream} true false`);
    expect(seen).toContain(`${stream} false false`);
    expect([...seen].some((one) => one.startsWith(stream) && one.endsWith('true'))).toBe(true);
  }
});

test('the stated shares of stores drift, each from its own point of the roll-out on', () => {
  const world = worldOf(scenario);
  const switches = storesOf(scenario).map((store) => switchMs(world, store));
  expect(Math.min(...switches)).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...switches)).toBeLessThan(15_000);
  expect(new Set(switches).size).toBeGreaterThan(35);
  const having = (label: 'field_added' | 'type_widened') =>
    new Set(events.filter(({ truth }) => truth.labels.includes(label)).map(({ store }) => store));
  const [added, widened] = [having('field_added'), having('type_widened')];
  expect([added.size, widened.size]).toEqual([24, 10]);
  for (const { store, occurredMs, truth } of events) {
    const switched = occurredMs >= switchMs(world, store);
    expect(truth.labels.includes('field_added')).toBe(switched && added.has(store));
    expect(truth.labels.includes('type_widened')).toBe(switched && widened.has(store));
  }
});

test('all at once, and every store, is a roll-out too', () => {
  const all = scenarioOf(...STREAMS_ON, 'traffic.faults.schema_drift={at: 2s, over: 0s}');
  for (const { occurredMs, truth } of tapeUntil(all, 6_000)) {
    expect(truth.labels.includes('field_added')).toBe(occurredMs >= 2_000);
  }
});

test('a drifted message says the same as before: its event is the one of a tape without drift', () => {
  const told = (list: readonly TapeEvent[]) =>
    list.map(({ id, stream, store, dueMs, body }) =>
      JSON.stringify([id, stream, store, dueMs, body]),
    );
  const clean = tapeUntil(scenarioOf(...STREAMS_ON), 25_000).filter(
    ({ truth }) => truth.fault?.kind !== 'malformed',
  );
  expect(told(events)).toEqual(told(clean));
});
