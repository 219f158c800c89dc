import { expect, test } from 'vitest';
import { scenarioOf } from '../../../test/support/retail.ts';
import { recordingOf } from '../../../test/support/tape.ts';
import { distancesOf } from './distance.ts';
import { MEASURED_GROCER } from './grocer.ts';
import { generatedLook, type Look, recordedLook } from './look.ts';

/** A chain as large as the measured one: a share of the products is a share of as many. */
const grocer = scenarioOf(
  `retail={stores: 40, skus: ${MEASURED_GROCER.products}, profile: grocery, hours: flat}`,
);

test('the default grocer looks like the measured one', () => {
  const distances = distancesOf(generatedLook(grocer), MEASURED_GROCER);
  expect(distances.baskets).toBeLessThan(0.05);
  expect(distances.popularity).toBeLessThan(0.06);
  expect(Math.abs(distances.exponent)).toBeLessThan(0.03);
  expect(distances.quantities).toBeLessThan(0.01);
  expect(distances.prices).toBeLessThan(0.07);
  expect(distances.hours).toBeLessThan(0.01);
});

test('a specialty store does not', () => {
  const specialty = { ...grocer, retail: { ...grocer.retail, profile: 'specialty' as const } };
  const distances = distancesOf(generatedLook(specialty), MEASURED_GROCER);
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
    quantities: 0,
    prices: 0,
    hours: 0,
  });
  const [zero = 0, one = 0, ...rest] = MEASURED_GROCER.quantities;
  const moved: Look = { ...MEASURED_GROCER, quantities: [zero + 0.1, one - 0.1, ...rest] };
  expect(distancesOf(moved, MEASURED_GROCER).quantities).toBeCloseTo(0.1, 9);
});
