import fc from 'fast-check';
import { expect, test } from 'vitest';
import { estimateOf, judgePairs } from './paired.ts';

const pOf = (...metrics: readonly (readonly number[])[]) => judgePairs(metrics).map(({ p }) => p);

test('six pairs that are all worse have the smallest p-value of six pairs', () => {
  expect(pOf([0.1, 0.2, 0.15, 0.12, 0.11, 0.3])).toEqual([1 / 64]);
  expect(pOf([-0.1, -0.2, -0.15, -0.12, -0.11, -0.3])).toEqual([1]);
});

test('the p-value of one metric counts the exchanges whose mean is at least as large', () => {
  // Of 8 exchanges of 3, 2, -1 the means of +++ and ++- are as large.
  expect(pOf([3, 2, -1])).toEqual([2 / 8]);
  expect(pOf([0, 0, 0])).toEqual([1]);
});

test('a metric more does not make the smallest p-value larger, however many there are', () => {
  const worse = [0.1, 0.2, 0.15, 0.12, 0.11, 0.3];
  const noise = [0.1, -0.2, 0.15, -0.12, 0.11, -0.03];
  // Two that are certain are both found: Holm's method could find neither.
  expect(pOf(worse, noise, worse.toReversed()).map((p) => p <= 2 / 64)).toEqual([
    true,
    false,
    true,
  ]);
  expect(pOf(...Array<readonly number[]>(10).fill(worse))).toEqual(Array(10).fill(1 / 64));
});

test('the estimate is the median of Walsh averages, its upper end that of the exact signed-rank test', () => {
  expect(estimateOf([1, 2, 6])).toMatchObject({ estimate: 2.75, upper: 6, coverage: 1 - 1 / 8 });
  // Tables of Wilcoxon's statistic: for six pairs the one-sided critical value is 2, with P = 3/64.
  const six = estimateOf([1, 2, 3, 4, 5, 6]);
  expect(six).toMatchObject({ estimate: 3.5, upper: 5 });
  expect(six.coverage).toBeCloseTo(1 - 3 / 64, 12);
  const twelve = estimateOf(Array.from({ length: 12 }, (_, i) => i));
  expect(twelve.coverage).toBeCloseTo(1 - 189 / 4096, 12);
});

test('an infinite ratio contributes its sign only', () => {
  const never = Number.POSITIVE_INFINITY;
  expect(pOf([never, never, never, never, never, never])).toEqual([1 / 64]);
  expect(pOf([never, 0.1, 0.2, 0.1, 0.1, 0.2])).toEqual([1 / 64]);
  expect(pOf([never, -never])).toEqual([3 / 4]);
  expect(estimateOf([never, -never]).estimate).toBe(0);
  expect(estimateOf([never, never, 1]).estimate).toBe(never);
});

test('no pairs, too many and unequal numbers are refused', () => {
  for (const metrics of [[], [[]], [Array<number>(17).fill(1)], [[1, 2], [1]]]) {
    expect(() => judgePairs(metrics)).toThrow(RangeError);
  }
});

const ratios = (n: number) =>
  fc.array(fc.integer({ min: -300, max: 300 }), { minLength: n, maxLength: n });
const several = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 }))
  .chain(([n, m]) => fc.array(ratios(n), { minLength: m, maxLength: m }));

/** The definition, exchange by exchange. */
function byDefinition(metrics: readonly (readonly number[])[]): readonly number[] {
  const n = metrics[0]?.length ?? 0;
  const t = (values: readonly number[], flips: number) => {
    const signed = values.map((one, i) => (flips & (1 << i) ? -one : one));
    const mean = signed.reduce((sum, one) => sum + one, 0) / n;
    const square = signed.reduce((sum, one) => sum + one * one, 0) / n;
    return square === 0 ? 0 : mean / Math.sqrt(square);
  };
  const seen = metrics.map((values) => t(values, 0));
  const order = seen.map((_, i) => i).sort((a, b) => (seen[b] as number) - (seen[a] as number));
  const p: number[] = [];
  let least = 0;
  for (const [k, metric] of order.entries()) {
    let count = 0;
    for (let flips = 0; flips < 2 ** n; flips++) {
      const maximum = Math.max(
        ...order.slice(k).map((other) => t(metrics[other] as readonly number[], flips)),
      );
      if (maximum >= (seen[metric] as number) - 1e-9) count += 1;
    }
    least = Math.max(least, count / 2 ** n);
    p[metric] = least;
  }
  return p;
}

test('property: p-values are those of the definition', () => {
  fc.assert(
    fc.property(several, (metrics) => {
      expect(pOf(...metrics)).toEqual(byDefinition(metrics));
    }),
  );
});

test('property: the estimate is not above its upper end, and exchanging all pairs turns it round', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }).chain(ratios), (values) => {
      const { estimate, upper } = estimateOf(values);
      expect(estimate).toBeLessThanOrEqual(upper);
      expect(estimateOf(values.map((one) => -one)).estimate).toBeCloseTo(-estimate, 9);
    }),
  );
});
