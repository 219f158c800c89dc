import fc from 'fast-check';
import { expect, test } from 'vitest';
import { METRICS } from '../../core/metrics.ts';
import { distributionOf, weighted } from '../../core/stats.ts';
import type { Metric } from '../../record/record.ts';
import type { Check } from '../../scenario/scenario.ts';
import { cannotPass, isBeyond, knownEarly } from './cannot-pass.ts';
import { judge } from './checks.ts';
import { distribution, scalar } from './metric.ts';

const checkOf = (metric: string, over: Partial<Check>): Check => ({
  ...{ text: metric, line: 1, metric, of: 'inventory', stat: null, during: 'spike', ratio: null },
  ...{ comparator: '<', limit: 10 },
  ...over,
});
const upper = fc.constantFrom(...(['<', '<=', '=='] as const));
const labels = { of: 'inventory', phase: 'spike' };
const measured = (values: readonly number[]): Metric =>
  distribution('staleness', labels, distributionOf(weighted(values)));

test('a distribution that cannot pass any more fails at the end, however its samples grow', () => {
  const sample = fc.record({
    least: fc.integer({ min: 0, max: 20 }),
    grows: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 }), fc.constant(Infinity)),
    known: fc.boolean(),
  });
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 300 }),
      fc.constantFrom(...(['max', 'p50', 'p95', 'p99'] as const)),
      upper,
      fc.integer({ min: 0, max: 25 }),
      fc.boolean(),
      (samples, stat, comparator, limit, countIsKnown) => {
        const check = checkOf('staleness', { stat, comparator, limit });
        const known = samples.filter((one) => one.known);
        const certain = {
          kind: 'samples' as const,
          known: known.length,
          beyond: known.filter(({ least }) => isBeyond(check, least)).length,
          largest: Math.max(0, ...known.map(({ least }) => least)),
          most: countIsKnown ? samples.length : null,
        };
        const result = cannotPass(check, certain);
        if (result === null) return;
        found += 1;
        const end = judge(check, [measured(samples.map(({ least, grows }) => least + grows))]);
        expect(end.verdict).toBe('FAIL');
        expect(result).toMatchObject({ verdict: 'FAIL', text: check.text, limit });
      },
    ),
    { numRuns: 500 },
  );
  expect(found).toBeGreaterThan(50);
});

test('once every sample is known for good, a check that will fail is found: nothing is overlooked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 300 }),
      fc.constantFrom(...(['max', 'p50', 'p95', 'p99'] as const)),
      fc.constantFrom(...(['<', '<='] as const)),
      fc.integer({ min: 0, max: 25 }),
      (values, stat, comparator, limit) => {
        const check = checkOf('staleness', { stat, comparator, limit });
        const beyond = values.filter((value) => isBeyond(check, value)).length;
        const known = values.length;
        const largest = Math.max(...values);
        const result = cannotPass(check, { kind: 'samples', known, beyond, largest, most: known });
        expect(result !== null).toBe(judge(check, [measured(values)]).verdict === 'FAIL');
      },
    ),
    { numRuns: 300 },
  );
});

test('a count that only grows, and a number that is final', () => {
  const count = fc.integer({ min: 0, max: 20 });
  const comparator = fc.constantFrom(...(['<', '<=', '==', '>=', '>'] as const));
  fc.assert(
    fc.property(count, count, count, count, comparator, (n, least, grows, limit, compared) => {
      const scalarOf = (name: 'query_failed' | 'files', value: number) => [
        scalar(name, labels, n, value),
      ];
      const counted = checkOf('query_failed', { comparator: compared, limit });
      if (knownEarly(counted) !== null && cannotPass(counted, { kind: 'growing', n, least })) {
        expect(judge(counted, scalarOf('query_failed', least + grows)).verdict).toBe('FAIL');
      }
      const files = checkOf('files', { comparator: compared, limit });
      const end = judge(files, scalarOf('files', least)).verdict;
      const early = cannotPass(files, { kind: 'final', n, value: least });
      expect(early !== null).toBe(end === 'FAIL');
    }),
    { numRuns: 500 },
  );
});

test('a check is decided early only where what is certain can rule it out', () => {
  const early = (metric: string, over: Partial<Check> = {}) => knownEarly(checkOf(metric, over));
  expect(early('staleness', { stat: 'p99' })).toBe('staleness');
  expect(early('staleness', { stat: 'max', during: null })).toBe('staleness');
  expect(early('age', { stat: 'max' })).toBe('age');
  expect(early('files', { comparator: '>' })).toBe('files');
  expect(early('query_failed', { comparator: '==', limit: 0 })).toBe('query_failed');
  expect(early('cost', { during: null })).toBe('cost');
  // A mean may fall again, the age is weighted by time, and the files of the whole run are those of its end.
  expect(early('staleness', { stat: 'mean' })).toBeNull();
  expect(early('age', { stat: 'p99' })).toBeNull();
  expect(early('files', { during: null })).toBeNull();
  expect(early('staleness', { stat: 'max', comparator: '>' })).toBeNull();
  const ratio = { numerator: 'after', denominator: 'before' };
  expect(early('staleness', { stat: 'p99', during: null, ratio })).toBeNull();
  // What is not visible may become visible, and rows that are lost may still arrive.
  for (const metric of ['never_visible', 'lost', 'duplicated', 'wrong', 'query', 'recovery']) {
    expect(Object.hasOwn(METRICS, metric)).toBe(true);
    expect(early(metric), metric).toBeNull();
  }
});
