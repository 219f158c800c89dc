import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstIds } from '../../test/support/first-ids.ts';
import type { Stream } from '../scenario/scenario.ts';
import { contract, type Expect } from './contract.ts';
import type { Fault, TapeEvent } from './event.ts';

const damage: Fault = { kind: 'malformed', how: 'truncated' };

function message(
  stream: Stream,
  id: string,
  more: {
    readonly store?: number;
    readonly fault?: Fault;
    readonly row?: readonly [sku: number, version: number];
  } = {},
): TapeEvent {
  const [sku, version] = more.row ?? [0, 0];
  return {
    stream,
    id,
    store: more.store ?? 1,
    occurredMs: 0,
    claimedMs: 0,
    dueMs: 0,
    // The contract does not read it.
    body: {},
    truth: {
      role: 'original',
      fault: more.fault ?? null,
      copyOf: null,
      labels: [],
      cents: null,
      row:
        more.row || stream === 'inventory'
          ? { sku, version, onHand: 0, available: 0, deleted: false }
          : null,
    },
  } as unknown as TapeEvent;
}

const judged = (...messages: readonly TapeEvent[]): Expect[] => messages.map(contract(firstIds()));

test('the first append of an event id is a row, every later one a duplicate', () => {
  expect(judged(message('pos', 'a'), message('pos', 'b'), message('pos', 'a'))).toEqual([
    'row',
    'row',
    'duplicate',
  ]);
});

test('the same id in another stream is another event', () => {
  expect(judged(message('pos', 'a'), message('cart', 'a'))).toEqual(['row', 'row']);
});

test('a damaged record goes aside and takes nothing from its sound copy', () => {
  expect(judged(message('pos', 'a', { fault: damage }), message('pos', 'a'))).toEqual([
    'dead_letter',
    'row',
  ]);
  expect(
    judged(
      message('inventory', 'a', { fault: damage, row: [1, 5] }),
      message('inventory', 'b', { row: [1, 4] }),
    ),
  ).toEqual(['dead_letter', 'row']);
});

test('inventory: a version is a row when it is the highest of its key, else guarded, whatever its id', () => {
  expect(
    judged(
      message('inventory', 'a', { row: [1, 1] }),
      message('inventory', 'b', { row: [1, 3] }),
      message('inventory', 'c', { row: [1, 2] }),
      message('inventory', 'd', { row: [1, 3] }),
      message('inventory', 'e', { row: [2, 1] }),
      message('inventory', 'f', { row: [1, 1], store: 2 }),
    ),
  ).toEqual(['row', 'row', 'guarded', 'guarded', 'row', 'row']);
});

test('property: one row per sound id, whatever the order; splitting by store changes nothing', () => {
  const events = fc.array(
    fc.record({
      stream: fc.constantFrom<Stream>('pos', 'wms', 'cart', 'loyalty'),
      store: fc.integer({ min: 1, max: 4 }),
      n: fc.integer({ min: 0, max: 12 }),
      damaged: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(events, (list) => {
      const tape = list.map(({ stream, store, n, damaged }) =>
        message(stream, `${store}-${n}`, { store, ...(damaged ? { fault: damage } : {}) }),
      );
      const whole = judged(...tape);
      const sound = tape.filter((event) => event.truth.fault === null);
      const ids = new Set(sound.map((event) => `${event.stream} ${event.id}`));
      expect(whole.filter((expect) => expect === 'row')).toHaveLength(ids.size);
      const shards = [contract(firstIds()), contract(firstIds())];
      expect(tape.map((event) => shards[event.store % 2]?.(event))).toEqual(whole);
    }),
  );
});
