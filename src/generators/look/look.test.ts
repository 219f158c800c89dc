import { expect, test } from 'vitest';
import { scenarioOf } from '../../../test/support/retail.ts';
import { type MadeReceipt, recordingOf } from '../../../test/support/tape.ts';
import { AliasTable, zipfMandelbrot } from '../../core/distributions.ts';
import { random } from '../../core/random.ts';
import { distancesOf } from './distance.ts';
import { equallySampled } from './equal-sample.ts';
import { MEASURED_GROCER } from './grocer.ts';
import { generatedLook, type Look, popularityOf, recordedLook } from './look.ts';

test('a specialty store does not look like the measured grocer', () => {
  const generated = generatedLook(scenarioOf('retail={stores: 40, profile: specialty}'));
  const distances = distancesOf(generated, equallySampled(MEASURED_GROCER, generated));
  expect(distances.baskets).toBeGreaterThan(0.15);
  expect(distances.prices).toBeGreaterThan(0.5);
  expect(distances.hours).toBeGreaterThan(0.1);
});

test('a look holds what it says: shares, means, the exponent of a law', () => {
  const ranks = Array.from({ length: 200 }, (_, rank) =>
    Array.from({ length: Math.round(20_000 * (rank + 4) ** -0.9) }, () => rank),
  ).flat();
  const look = recordedLook(
    recordingOf(ranks.map((rank, i) => ({ atMs: i, store: 0, lines: [[rank, 1, 100, 0]] }))),
  );
  expect(look).toMatchObject({ receipts: ranks.length, lines: ranks.length, meanLines: 1 });
  expect(look.products).toBe(200);
  expect(Math.abs(look.exponent - 0.9)).toBeLessThan(0.01);
  expect(look.baskets[0]).toBe(1);
  expect(look.quantities[1]).toBe(1);
  expect(look.prices.at(-1)).toBe(1);
});

test('a distance is 0 to itself and the share that differs to another', () => {
  const same = distancesOf(MEASURED_GROCER, MEASURED_GROCER);
  expect(same).toEqual({
    baskets: 0,
    popularity: 0,
    exponent: 0,
    overlap: 0,
    spread: 0,
    categories: null,
    quantities: 0,
    prices: 0,
    hours: 0,
  });
  const [zero = 0, one = 0, ...rest] = MEASURED_GROCER.quantities;
  const moved: Look = { ...MEASURED_GROCER, quantities: [zero + 0.1, one - 0.1, ...rest] };
  expect(distancesOf(moved, MEASURED_GROCER).quantities).toBeCloseTo(0.1, 9);
});

/** 20 stores of 60 households each; what a household buys once it buys `times` times. */
function recordedStores(sigma: number, times: number): Look {
  const own = random(4, 'stores');
  const weights = zipfMandelbrot(1_000, 0.74, 3);
  const receipts: MadeReceipt[] = [];
  for (let store = 0; store < 20; store++) {
    const table = new AliasTable(weights.map((weight) => weight * own.logNormal(0, sigma)));
    for (let member = 0; member < 60; member++) {
      const bought = Array.from({ length: 120 / times }, () => table.draw(own));
      for (let i = 0; i < times; i++) {
        const lines = bought.map((product) => [product, 1, 199, 0] as const);
        receipts.push({ atMs: receipts.length, store, member: store * 60 + member, lines });
      }
    }
  }
  return recordedLook(recordingOf(receipts));
}

test.each([
  ['chance alone', 0, 1],
  ['stores that differ by sigma 0.5', 0.5, 1],
  ['the same, with households that buy everything six times', 0.5, 6],
])('the spread over stores is that of the stores: %s', (_, sigma, times) => {
  const { stores } = recordedStores(sigma, times);
  expect(stores?.stores).toBe(20);
  expect(Math.abs((stores?.spread ?? 9) - sigma)).toBeLessThan(sigma === 0 ? 0.1 : 0.05);
});

test('two stores share their best sellers, or have others', () => {
  const look = (own: (store: number) => number) =>
    recordedLook(
      recordingOf(
        Array.from({ length: 4 * 500 }, (_, i) => ({
          atMs: i,
          store: i % 4,
          // Each store sells 25 products, the first ones most.
          lines: [[own(i % 4) + Math.floor(25 * ((Math.floor(i / 4) % 50) / 50) ** 2), 1, 100, 0]],
        })),
      ),
    ).stores?.overlap;
  expect(look(() => 0)).toBe(1);
  expect(look((store) => store * 25)).toBe(0);
  expect(look((store) => (store % 2) * 25)).toBeCloseTo(1 / 3, 9);
});

test('with fewer than two stores of some size, there is nothing to compare', () => {
  const one = recordingOf([{ atMs: 0, store: 0, lines: [[0, 1, 100, 0]] }]);
  expect(recordedLook(one).stores).toBeNull();
});

/** A look whose popularity is exactly (rank + 3)^-0.74 over so many products. */
function lawful(products: number): Look {
  const weights = zipfMandelbrot(products, 0.74, 3);
  return { ...MEASURED_GROCER, products, ...popularityOf(weights, products) };
}

test.each([
  [20_000, 2_000],
  [2_000, 20_000],
  [20_000, 20_000],
])('the law of %i products, converted to %i, is their law', (from, products) => {
  const converted = equallySampled(lawful(from), { products, lines: 2_000_000 });
  const distances = distancesOf(converted, lawful(products));
  expect(distances.popularity).toBeLessThan(0.02);
  expect(Math.abs(distances.exponent)).toBeLessThan(0.03);
});

test('fewer lines than products make the frequent ones look more frequent', () => {
  const sampled = (lines: number) =>
    equallySampled(MEASURED_GROCER, { products: MEASURED_GROCER.products, lines });
  expect(distancesOf(sampled(5_000_000), MEASURED_GROCER).popularity).toBeLessThan(0.01);
  expect(distancesOf(sampled(20_000), MEASURED_GROCER).popularity).toBeGreaterThan(0.1);
});
