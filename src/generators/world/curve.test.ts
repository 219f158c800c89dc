import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scenarioOf } from '../../../test/support/retail.ts';
import { random } from '../../core/random.ts';
import type { Scenario, Shape } from '../../scenario/scenario.ts';
import { Arrivals, RateCurve } from './curve.ts';
import { hourFactor } from './hours.ts';

const HOUR_MS = 3_600_000;

function shaped(shape: Shape, load: number, hours: 'flat' | 'curve' = 'flat'): Scenario {
  return scenarioOf(
    `retail.hours=${hours}`,
    `phases=[{name: calm, for: 10s}, {name: rush, for: 40s, load: ${load}x, shape: ${shape}}]`,
  );
}

function sampled(curve: RateCurve, fromMs: number, toMs: number, steps = 10_000): number {
  const step = (toMs - fromMs) / steps;
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += curve.at(fromMs + (i + 0.5) * step) * step;
  return sum;
}

test('the area in closed form is the integral of the rate', () => {
  for (const shape of ['flat', 'doorbuster', 'flash'] as const) {
    const curve = new RateCurve(shaped(shape, 5, 'curve'), 'grocery');
    expect(curve.area(3_000, 70_000) / sampled(curve, 3_000, 70_000)).toBeCloseTo(1, 3);
  }
});

test('a shape moves trade within its phase: the mean is the load, and after it the load is 1x', () => {
  for (const shape of ['flat', 'doorbuster', 'flash'] as const) {
    const curve = new RateCurve(shaped(shape, 5), 'grocery');
    expect(curve.area(10_000, 50_000) / 40_000).toBeCloseTo(5, 9);
    expect(curve.at(9_999)).toBe(1);
    expect(curve.at(50_000)).toBe(1);
    expect(curve.at(1e9)).toBe(1);
  }
});

test('a doorbuster starts five times as high as it would end, with a third of its phase as time constant', () => {
  const curve = new RateCurve(shaped('doorbuster', 5), 'grocery');
  const tau = 40_000 / 3;
  const floor = (curve.at(10_000) * 1) / 5;
  for (const afterMs of [0, 5_000, tau, 30_000]) {
    const excess = curve.at(10_000 + afterMs) / floor - 1;
    expect(excess).toBeCloseTo(4 * Math.exp(-afterMs / tau), 6);
  }
});

test('a flash sale halves its excess in nine of its hundred and twenty minutes', () => {
  const curve = new RateCurve(shaped('flash', 5), 'web');
  const minute = 40_000 / 120;
  const floor = curve.at(10_000) / 5;
  const half = curve.at(10_000 + 9.4 * minute) / floor - 1;
  expect(half).toBeCloseTo(2, 1);
});

test('hours: the mean over open hours is the stated rate, and the shares are those of the law', () => {
  for (const trade of ['grocery', 'specialty', 'web'] as const) {
    for (const weekday of [0, 3, 6]) {
      const factors = Array.from({ length: 24 }, (_, hour) => hourFactor(trade, weekday, hour));
      const open = factors.filter((factor) => factor > 0);
      expect(open.reduce((sum, factor) => sum + factor, 0) / open.length).toBeCloseTo(1, 9);
    }
  }
  // Wednesday: 10.5 % of a grocer's day falls into the hour from 17:00, 2.5 % into that from 9:00.
  expect(hourFactor('grocery', 3, 17) / hourFactor('grocery', 3, 9)).toBeCloseTo(10.5 / 2.8, 6);
  const day = new RateCurve(scenarioOf('retail.hours=curve'), 'grocery');
  expect(day.at(8.5 * HOUR_MS) / day.at(0)).toBeCloseTo(10.5 / 2.8, 6);
});

test('a store three hours behind trades as the first did three hours ago', () => {
  const scenario = scenarioOf('retail.hours=curve');
  const east = new RateCurve(scenario, 'grocery');
  const west = new RateCurve(scenario, 'grocery', 3);
  for (const hour of [3.5, 6.5, 12.5]) {
    expect(west.at(hour * HOUR_MS)).toBe(east.at((hour - 3) * HOUR_MS));
  }
  expect(west.localTimeAt(17.9 * HOUR_MS)).toMatch(/^2026-11-25T/);
  expect(east.localTimeAt(17.9 * HOUR_MS)).toMatch(/^2026-11-26T/);
});

test('by US clocks trade follows the local hour through a change, each zone at its own two o clock', () => {
  const scenario = scenarioOf(
    'retail.hours=curve',
    'retail.clocks=us',
    'retail.time_zones=us',
    'starts_at=2026-11-01T01:59:30',
  );
  for (const behind of [0, 3]) {
    const curve = new RateCurve(scenario, 'grocery', behind);
    for (const [hours, local] of [
      [behind + 0.001, 1],
      [behind + 0.5, 1],
      [behind + 1.5, 2],
      [behind + 12.5, 13],
    ] as const) {
      expect(curve.at(hours * HOUR_MS)).toBe(hourFactor('grocery', 0, local));
    }
  }
  const east = new RateCurve(scenario, 'grocery');
  // One o clock comes twice, and its trade with it.
  const day = (curve: RateCurve) => curve.area(22 * HOUR_MS + 30_000, 23 * HOUR_MS + 30_000);
  const standard = new RateCurve(
    scenarioOf('retail.hours=curve', 'starts_at=2026-11-01T01:59:30'),
    'grocery',
  );
  expect(day(east)).toBeCloseTo(hourFactor('grocery', 0, 23) * HOUR_MS, 3);
  expect(day(standard)).toBeCloseTo(hourFactor('grocery', 1, 0) * HOUR_MS, 3);
});

test('arrivals are the inverse of the area at sums of unit exponentials, in any shape', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Shape>('flat', 'doorbuster', 'flash'),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom('flat' as const, 'curve' as const),
      fc.nat(),
      (shape, load, hours, seed) => {
        const curve = new RateCurve(shaped(shape, load, hours), 'grocery');
        const perMs = 0.002;
        const arrivals = new Arrivals(curve, perMs, random(seed, 'times'), null);
        const own = random(seed, 'times');
        let lastMs = 0;
        for (let i = 0; i < 60; i++) {
          const atMs = arrivals.next();
          const need = own.exponential() / perMs;
          // The area between two arrivals is the exponential that separates them.
          expect(curve.area(lastMs, atMs)).toBeCloseTo(need, 3);
          lastMs = atMs;
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('a rate of nothing never comes, and a phase without load is passed over', () => {
  const quiet = scenarioOf(
    'phases=[{name: a, for: 10s, load: 0x, measured: false}, {name: b, for: 10s}]',
  );
  const curve = new RateCurve(quiet, 'grocery');
  expect(new Arrivals(curve, 0, random(1), null).next()).toBe(Number.POSITIVE_INFINITY);
  const arrivals = new Arrivals(curve, 0.01, random(1), null);
  expect(arrivals.next()).toBeGreaterThanOrEqual(10_000);
});

/** Counts per window of one process. */
function counts(arrivals: Arrivals, windowMs: number, windows: number): number[] {
  const found = new Array<number>(windows).fill(0);
  for (let atMs = arrivals.next(); atMs < windows * windowMs; atMs = arrivals.next()) {
    const i = Math.floor(atMs / windowMs);
    found[i] = (found[i] as number) + 1;
  }
  return found;
}

function moments(values: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}

test('a flat rate is a Poisson process: variance over mean is 1', () => {
  const curve = new RateCurve(scenarioOf(), 'grocery');
  const found = counts(new Arrivals(curve, 0.02, random(5, 'fano'), null), 1_000, 4_000);
  const { mean, variance } = moments(found);
  expect(mean).toBeCloseTo(20, 0);
  expect(variance / mean).toBeGreaterThan(0.9);
  expect(variance / mean).toBeLessThan(1.1);
});

test('hours scatter around the curve: Var = mu + phi mu^2 with phi near 0.016', () => {
  const curve = new RateCurve(scenarioOf('retail.hours=curve'), 'grocery');
  const factor = curve.at(0);
  const found = Array.from({ length: 800 }, (_, i) => {
    const arrivals = new Arrivals(curve, 500 / factor / HOUR_MS, random(6, i), i);
    return counts(arrivals, HOUR_MS, 1)[0] as number;
  });
  const { mean, variance } = moments(found);
  expect(mean / 500).toBeCloseTo(1, 1);
  const phi = (variance - mean) / mean ** 2;
  expect(phi).toBeGreaterThan(0.011);
  expect(phi).toBeLessThan(0.019);
});
