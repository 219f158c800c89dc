import fc from 'fast-check';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { expect, test, vi } from 'vitest';
import { distributionOf, mergeSamples, weighted, wilson95 } from './stats.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 60_000 });

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

test('below 20 samples there is no p95 and no p99', () => {
  expect(Object.keys(of([3, 1, 2]).stats).sort()).toEqual(['max', 'mean', 'min', 'p50']);
  expect(of([]).stats).toEqual({});
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

test('the interval of a share is Wilson’s', () => {
  // 15 of 50: 0.1910 to 0.4375 by the score interval without continuity correction.
  const { low, high } = wilson95(15, 50);
  expect([low.toFixed(4), high.toFixed(4)]).toEqual(['0.1910', '0.4375']);
  expect(wilson95(0, 100)).toEqual({ low: 0, high: expect.closeTo(0.037, 4) });
  expect(wilson95(100, 100)).toEqual({ low: expect.closeTo(0.963, 4), high: 1 });
  expect(wilson95(0, 0)).toEqual({ low: 0, high: 1 });
});
