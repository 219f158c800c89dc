import { describe, expect, test, vi } from 'vitest';
import { bootstrap, quantileInterval, samplesToBound, theilSen, wilson } from './intervals.ts';
import { type Random, random } from './random.ts';
import { statisticOf } from './stats.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 120_000 });

const Inf = Number.POSITIVE_INFINITY;
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
const draws = (n: number, draw: () => number) =>
  Array.from({ length: n }, draw).sort((a, b) => a - b);

/** How often an interval misses what it is of, over many draws: 5 % is what it is made for. */
function missed(runs: number, misses: (draw: Random) => boolean): number {
  const draw = random(11, 'coverage');
  return Array.from({ length: runs }, () => misses(draw)).filter(Boolean).length / runs;
}

describe('the interval of a quantile', () => {
  test('has the ranks of the tables', () => {
    // Conover, table of the binomial distribution, p = 0.5: ranks 2 and 9 of 10, 6 and 15 of 20.
    expect(quantileInterval(upTo(10), 0.5)).toEqual({ low: 2, high: 9 });
    expect(quantileInterval(upTo(20), 0.5)).toEqual({ low: 6, high: 15 });
    expect(quantileInterval(upTo(2_000), 0.5)).toEqual({ low: 956, high: 1_045 });
  });

  test('is unbounded where n supports no rank', () => {
    expect(quantileInterval(upTo(5), 0.5)).toEqual({ low: -Inf, high: Inf });
    expect(quantileInterval([], 0.5)).toEqual({ low: -Inf, high: Inf });
    for (const p of [0.5, 0.95, 0.99]) {
      const n = samplesToBound(p);
      expect(quantileInterval(upTo(n), p).high).toBe(n);
      expect(quantileInterval(upTo(n - 1), p).high).toBe(Inf);
    }
  });

  test('keeps what was never seen as +∞', () => {
    expect(quantileInterval([...upTo(7), Inf, Inf, Inf], 0.5)).toEqual({ low: 2, high: Inf });
  });

  test.each([
    [10, 0.5],
    [30, 0.5],
    [200, 0.95],
  ])('of %i samples at %f misses at most 5 %%', (n, p) => {
    const share = missed(4_000, (draw) => {
      const { low, high } = quantileInterval(
        draws(n, () => draw.next()),
        p,
      );
      return p < low || p > high;
    });
    expect(share).toBeLessThan(0.055);
    expect(share).toBeGreaterThan(0.005);
  });
});

describe('the bootstrap', () => {
  const ratio = ([over = [], under = []]: readonly (readonly number[])[]) =>
    median(over) / median(under);
  const median = (values: readonly number[]) =>
    statisticOf(
      [...values].sort((a, b) => a - b),
      'p50',
    );

  test('is deterministic, and as wide as the samples are apart', () => {
    const groups = [upTo(20), upTo(20).map((x) => x + 100)];
    expect(bootstrap(groups, ratio)).toEqual(bootstrap(groups, ratio));
    expect(
      bootstrap(
        [
          [3, 3, 3],
          [2, 2],
        ],
        ratio,
      ),
    ).toEqual({ low: 1.5, high: 1.5 });
  });

  test('of a mean is what theory says', () => {
    const draw = random(3, 'mean');
    const values = draws(400, () => draw.normal());
    const mean = (list: readonly number[]) => statisticOf(list, 'mean');
    const { low, high } = bootstrap([values], ([drawn = []]) => mean(drawn));
    // 2 × 1.96 / √400.
    expect(high - low).toBeCloseTo(0.196, 1);
    expect((high + low) / 2).toBeCloseTo(mean(values), 1);
  });

  test('a ratio of medians has its nominal coverage', () => {
    const share = missed(300, (draw) => {
      const groups = [0, 1].map(() => draws(10, () => draw.logNormal(0, 0.4)));
      const { low, high } = bootstrap(groups, ratio);
      return low > 1 || high < 1;
    });
    expect(share).toBeLessThan(0.08);
  });

  test('what is undefined counts as +∞', () => {
    expect(bootstrap([[Inf], [Inf]], ratio)).toEqual({ low: Inf, high: Inf });
  });
});

describe('the slope of a line', () => {
  test('is the median of all pairs, whatever one outlier does', () => {
    const points = upTo(12).map((x) => ({ x, y: 5 + 3 * x }));
    expect(theilSen(points)).toEqual({ slope: 3, low: 3, high: 3 });
    expect(theilSen(points.map((p) => (p.x === 6 ? { x: 6, y: Inf } : p))).slope).toBe(3);
  });

  test('of a flat series excludes 0 at its nominal rate', () => {
    const share = missed(2_000, (draw) => {
      const { low, high } = theilSen(upTo(12).map((x) => ({ x, y: draw.logNormal(5, 0.5) })));
      return low > 0 || high < 0;
    });
    expect(share).toBeLessThan(0.06);
    expect(share).toBeGreaterThan(0.01);
  });

  test('is unbounded where the points are too few for a bound', () => {
    expect(theilSen(upTo(3).map((x) => ({ x, y: x })))).toMatchObject({ low: -Inf, high: Inf });
  });
});

test('the interval of a share is Wilson’s', () => {
  // 15 of 50: 0.1910 to 0.4375 by the score interval without continuity correction.
  const { low, high } = wilson(15, 50);
  expect([low.toFixed(4), high.toFixed(4)]).toEqual(['0.1910', '0.4375']);
  expect(wilson(0, 100)).toEqual({ low: 0, high: expect.closeTo(0.037, 4) });
  expect(wilson(100, 100)).toEqual({ low: expect.closeTo(0.963, 4), high: 1 });
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
});
