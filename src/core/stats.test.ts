import fc from 'fast-check';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import {
  distributionOf,
  mergeSamples,
  samplesFor,
  statisticOf,
  valuesOf,
  weighted,
} from './stats.ts';

const of = (values: readonly number[]) => distributionOf(weighted(values));
const Inf = Number.POSITIVE_INFINITY;

test('percentiles are nearest-rank', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  expect(of(values).stats).toEqual({ p50: 50, p95: 95, p99: 99, max: 100, mean: 50.5, min: 1 });
});

test('what was never seen takes part in every rank, as +Infinity', () => {
  const values = [...Array.from({ length: 97 }, (_, i) => i + 1), Inf, Inf, Inf];
  const { n, censored, stats } = of(values);
  expect([n, censored]).toEqual([100, 3]);
  expect(stats).toEqual({ p50: 50, p95: 95, p99: null, max: null, mean: null, min: 1 });
});

test('a quantile that would equal the maximum is left out: p95 below 20 samples, p99 below 100, p999 below 1,000', () => {
  const names = (n: number) => Object.keys(of(Array.from({ length: n }, (_, i) => i)).stats);
  expect(names(0)).toEqual([]);
  for (const [stat, n] of [
    ['p50', 1],
    ['p95', 20],
    ['p99', 100],
    ['p999', 1_000],
  ] as const) {
    expect(samplesFor(stat)).toBe(n);
    expect(names(n)).toContain(stat);
    expect(names(n - 1)).not.toContain(stat);
  }
  const { stats } = of(Array.from({ length: 1_000 }, (_, i) => i + 1));
  expect([stats.p99, stats.p999, stats.max]).toEqual([990, 999, 1_000]);
});

test('the values behind a distribution come back, from a histogram to three digits', () => {
  expect(valuesOf(of([3, Inf, 1, 2]).samples)).toEqual([1, 2, 3, Inf]);
  const all = [...Array.from({ length: 1_500 }, (_, i) => i * 1.7), Inf, Inf, -4];
  const values = valuesOf(of(all).samples);
  expect([values.length, values[0], values.at(-2)]).toEqual([1_503, 0, Inf]);
  for (const stat of ['p50', 'p95', 'p99'] as const) {
    const exact = of(all).stats[stat] as number;
    expect(Math.abs(statisticOf(values, stat) / exact - 1)).toBeLessThan(0.002);
  }
});

test('one statistic of sorted values is what the distribution has', () => {
  const values = Array.from({ length: 1_234 }, (_, i) => (i * 7919) % 1_009).sort((a, b) => a - b);
  const { stats } = of(values);
  for (const [stat, value] of Object.entries(stats)) {
    expect(statisticOf(values, stat as keyof typeof stats)).toBeCloseTo(value as number, 9);
  }
});

test('negative samples are counted, and stay in min', () => {
  const { negatives, stats } = of([-5, 1, 2]);
  expect(negatives).toBe(1);
  expect(stats.min).toBe(-5);
});

test('merged histograms equal the whole', () => {
  const sample = fc.oneof(
    { weight: 20, arbitrary: fc.nat({ max: 60_000_000 }).map((us) => us / 1_000) },
    { weight: 1, arbitrary: fc.constantFrom(Inf, -1, 0) },
  );
  const part = fc.oneof(
    fc.array(sample, { maxLength: 50 }),
    fc.array(sample, { minLength: 1_000, maxLength: 1_500 }),
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const merged = mergeSamples(parts.map((values) => of(values).samples));
      expect(merged).toEqual(of(parts.flat()).samples);
    }),
    { numRuns: 20 },
  );
});

test('a histogram keeps three digits', () => {
  const values = Array.from({ length: 5_000 }, (_, i) => i * 1.7);
  const { samples } = of(values);
  if (samples.kind !== 'hdr') throw new Error('expected a histogram');
  const histogram = decodeFromCompressedBase64(samples.base64, 32, false);
  const p99 = histogram.getValueAtPercentile(99) / samples.scale;
  expect(Math.abs(p99 / (of(values).stats.p99 as number) - 1)).toBeLessThan(0.001);
});
