import fc from 'fast-check';
import { expect, test } from 'vitest';
import { random } from './random.ts';
import { compareSamples } from './two-samples.ts';

test('the ratio of two lists is the median over all pairs, with the interval that so few values allow', () => {
  const shift = compareSamples([20, 22, 24], [10, 10, 10]);
  expect(shift).toMatchObject({ kind: 'ratio', estimate: 2.2, low: 2, high: 2.4 });
  // Two of the 20 orders of three and three values are at an end.
  expect(shift.coverage).toBeCloseTo(0.9, 12);
});

test('coverage is exact: known values of the distribution of U', () => {
  const of = (n: number, m: number) =>
    compareSamples(
      Array.from({ length: n }, (_, i) => i + 1),
      Array.from({ length: m }, (_, i) => i + 1),
    ).coverage;
  expect(of(1, 1)).toBe(0);
  expect(of(2, 2)).toBeCloseTo(1 - 2 / 6, 12);
  expect(of(4, 4)).toBeCloseTo(1 - 2 / 70, 12);
  // Tables of U: for five and five the critical value is 2, with P(U ≤ 2) = 4/252.
  expect(of(5, 5)).toBeCloseTo(1 - 8 / 252, 12);
});

test('one value each gives an estimate, and an interval that covers nothing', () => {
  expect(compareSamples([3], [2])).toMatchObject({
    estimate: 1.5,
    low: 1.5,
    high: 1.5,
    coverage: 0,
  });
});

test('a list with a value at or below 0 is compared by differences', () => {
  expect(compareSamples([2, 3, 4], [0, 0, 0])).toMatchObject({
    ...{ kind: 'difference', estimate: 3, low: 2, high: 4 },
  });
});

test('+∞ is a value like any other: never seen in both is alike, in one of them is apart', () => {
  const never = Number.POSITIVE_INFINITY;
  expect(compareSamples([never, never], [never, never])).toMatchObject({
    estimate: 1,
    low: 1,
    high: 1,
  });
  expect(compareSamples([never, never], [5, 6])).toMatchObject({ estimate: never, low: never });
  expect(compareSamples([5, 6], [never, never])).toMatchObject({ estimate: 0, high: 0 });
});

test('an empty list is refused', () => {
  expect(() => compareSamples([], [1])).toThrow(RangeError);
});

test('any lists: the estimate is within the interval, and the opposite comparison is its reciprocal', () => {
  const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(values, values, (a, b) => {
      const shift = compareSamples(a, b);
      expect(shift.low).toBeLessThanOrEqual(shift.estimate);
      expect(shift.estimate).toBeLessThanOrEqual(shift.high);
      const opposite = compareSamples(b, a);
      expect(opposite.low).toBeCloseTo(1 / shift.high, 6);
      expect(opposite.coverage).toBe(shift.coverage);
    }),
  );
});

test('two lists from one distribution are found apart no more often than the coverage allows', () => {
  const draw = random(1, 'two samples');
  const drawn = () => Array.from({ length: 5 }, () => Math.exp(draw.normal() * 0.2));
  const trials = 4_000;
  let apart = 0;
  for (let i = 0; i < trials; i++) {
    const { low, high } = compareSamples(drawn(), drawn());
    if (low > 1 || high < 1) apart += 1;
  }
  // 8 of 252 orders, and four standard errors.
  expect(apart / trials).toBeLessThan(8 / 252 + 4 * Math.sqrt(0.032 / trials));
  expect(apart / trials).toBeGreaterThan(8 / 252 - 4 * Math.sqrt(0.032 / trials));
});
