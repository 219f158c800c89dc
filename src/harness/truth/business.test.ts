import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FactRow, type Facts, openFacts } from '../facts.ts';
import { distanceFromBook } from './business.ts';
import type { TablesUnderTest } from './oracle.ts';

const tables: TablesUnderTest = {
  streams: { pos: 'got_pos', inventory: 'got_inventory' },
  deadLetter: 'got_dead_letter',
  ledger: false,
};
const none = { count: 0, examples: [] };

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.run(`
    CREATE TABLE got_pos (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT);
    CREATE TABLE got_inventory (store_id INTEGER, sku_id INTEGER, version BIGINT, on_hand INTEGER)`);
});
afterEach(() => facts.close());

const sent = (stream: string, eventId: string, more: FactRow = {}): FactRow => ({
  ...{ stream, event_id: eventId, store_id: 1, role: 'original', expect: 'row', acked_ms: 5 },
  ...more,
});
const image = (sku: number, version: number, onHand: number) => ({
  ...{ sku_id: sku, version, on_hand: onHand },
});
const fault = (how: string) => ({ fault: 'duplicate', how });
const damaged = { fault: 'malformed', how: 'truncated', expect: 'dead_letter' };

const book = (sku: number, onHand: number): FactRow => ({
  ...{ store_id: 1, sku_id: sku, on_hand: onHand, committed: 0, unavailable: 0 },
});

/** The tables as a pipeline makes them that keeps CONTRACT. */
async function keepContract(): Promise<void> {
  await facts.run(`
    INSERT INTO got_pos SELECT event_id, store_id, 1 FROM events
      WHERE stream = 'pos' AND expect = 'row';
    INSERT INTO got_inventory SELECT store_id, sku_id, max(version), arg_max(on_hand, version)
      FROM events WHERE stream = 'inventory' AND expect = 'row' GROUP BY ALL`);
}

test('without faults nothing is to be told', async () => {
  await facts.append('events', [
    sent('pos', 'a'),
    sent('inventory', 'p', { ...image(1, 1, 9), role: 'preload' }),
    sent('inventory', 'i', image(1, 2, 8)),
  ]);
  await facts.append('book', [book(1, 8)]);
  await keepContract();
  expect(await distanceFromBook(facts.rows, tables)).toEqual({});
});

test('each kind of fault answers for what it dropped and what it leaked, at 0 too', async () => {
  await facts.append('events', [
    sent('pos', 'a'),
    sent('pos', 'a', { ...fault('identical'), role: 'copy', expect: 'duplicate' }),
    sent('pos', 'a-again', { ...fault('new_id'), role: 'copy' }),
    sent('pos', 'const', fault('constant_id')),
    sent('pos', 'const', { ...fault('constant_id'), expect: 'duplicate' }),
    sent('pos', 'const', { ...fault('constant_id'), expect: 'duplicate' }),
    sent('pos', 'cut', damaged),
  ]);
  await keepContract();
  expect(await distanceFromBook(facts.rows, tables)).toEqual({
    constant_id: {
      dropped: { count: 2, examples: ['const', 'const'] },
      ...{ leaked: none, keys: none, units: 0 },
    },
    identical: { dropped: none, leaked: none, keys: none, units: 0 },
    malformed: {
      dropped: { count: 1, examples: ['cut'] },
      ...{ leaked: none, keys: none, units: 0 },
    },
    new_id: {
      dropped: none,
      leaked: { count: 1, examples: ['a-again'] },
      ...{ keys: none, units: 0 },
    },
  });
});

test('stock is off by what the damaged newest image would have said, and by nothing else', async () => {
  await facts.append('events', [
    sent('inventory', 'i1', image(1, 1, 9)),
    sent('inventory', 'i2', { ...image(1, 2, 4), ...damaged }),
    sent('inventory', 'i3', { ...image(2, 1, 7), ...damaged }),
    sent('inventory', 'i4', image(2, 2, 6)),
    sent('inventory', 'i4b', {
      ...image(2, 2, 6),
      ...fault('new_id'),
      role: 'copy',
      expect: 'guarded',
    }),
  ]);
  await facts.append('book', [book(1, 4), book(2, 6)]);
  await keepContract();
  expect(await distanceFromBook(facts.rows, tables)).toEqual({
    malformed: {
      ...{ dropped: none, leaked: none, units: 5 },
      keys: { count: 1, examples: ['1/1'] },
    },
    new_id: { dropped: none, leaked: none, keys: none, units: 0 },
  });
});

test('what no fault explains is told under none', async () => {
  await facts.append('events', [sent('pos', 'a'), sent('inventory', 'i', image(1, 1, 9))]);
  await facts.append('book', [book(1, 9)]);
  expect(await distanceFromBook(facts.rows, tables)).toEqual({
    none: {
      dropped: { count: 1, examples: ['a'] },
      leaked: none,
      keys: { count: 1, examples: ['1/1'] },
      units: 9,
    },
  });
});

test('an image that says other than BOOK is found, though every table shows it', async () => {
  await facts.append('events', [sent('inventory', 'i', image(1, 1, 9))]);
  await facts.append('book', [book(1, 7)]);
  await keepContract();
  expect(await distanceFromBook(facts.rows, tables)).toEqual({
    none: { dropped: none, leaked: none, keys: { count: 1, examples: ['1/1'] }, units: 2 },
  });
});
