import { expect, test } from 'vitest';
import { FIRST_CANARY_SKU } from '../../../generators/event.ts';
import { HotProducts } from './hot-products.ts';
import { HotRows } from './hot-rows.ts';

const image = (sku: number, version: number, change = true) => ({ store: 1, sku, version, change });
const rowsOf = (planned: readonly number[], share = 0.5) =>
  new HotRows(new HotProducts({ share, keep: 10 }, planned));

test('new versions of hot rows go in, and no late or repeated image', () => {
  const rows = rowsOf([5]);
  expect(rows.takes(image(5, 1))).toBe(true);
  expect(rows.takes(image(5, 3))).toBe(true);
  for (const version of [2, 3]) expect(rows.takes(image(5, version))).toBe(false);
  expect(rows.takes(image(6, 1))).toBe(false);
  expect(rows.takes({ ...image(6, 1), store: 0 })).toBe(true);
  expect(rows.takes(image(FIRST_CANARY_SKU, 1))).toBe(true);
});

test('a row whose product becomes hot comes in with a new version, and not with a late copy of an old one', () => {
  const rows = rowsOf([]);
  for (let version = 1; version < 20; version++) rows.takes(image(7, version));
  const other = (store: number) => ({ ...image(7, 2), store });
  // Hot by now.
  expect(rows.takes(other(2))).toBe(true);
  for (const version of [2, 18, 19]) expect(rows.takes(image(7, version))).toBe(false);
  expect(rows.takes(image(7, 20))).toBe(true);
});

test('rows of a snapshot, copies, and a topic that is read again make no product hot', () => {
  const rows = rowsOf([]);
  for (let i = 0; i < 100; i++) rows.takes({ ...image(7, 1, false), store: i });
  for (let i = 0; i < 100; i++) rows.takes(image(8, 1));
  expect(rows.products).toBe(0);
  rows.readAgain(true);
  for (let i = 2; i < 100; i++) rows.takes(image(7, i));
  expect(rows.products).toBe(0);
  rows.readAgain(false);
  for (let i = 100; i < 130; i++) rows.takes(image(7, i));
  expect(rows.products).toBe(1);
});

test('a topic that is read again gives the hot rows from their first image', () => {
  const rows = rowsOf([5]);
  rows.takes(image(5, 2));
  rows.readAgain(true);
  expect([1, 2].map((version) => rows.takes(image(5, version)))).toEqual([true, true]);
});

test('what the topic has had a newer version of is old, whether or not its product is hot', () => {
  const rows = rowsOf([5]);
  rows.takes(image(5, 2));
  rows.takes(image(6, 2));
  const old = (sku: number, version: number) => rows.isOld({ store: 1, sku, version });
  expect([old(5, 1), old(5, 2), old(6, 1), old(6, 2), old(7, 1)]).toEqual([
    ...[true, false, true, false, false],
  ]);
  expect(rows.all()).toEqual([5]);
});
