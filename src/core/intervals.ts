import type { Stat } from './metrics.ts';
import { random } from './random.ts';
import { statisticOf } from './stats.ts';

/**
 * 95 % intervals of estimates. All are two-sided, with 2.5 % on either side, and deterministic: the same samples give
 * the same interval.
 */
export interface Interval {
  readonly low: number;
  /** +∞ if there are too few samples for a bound. */
  readonly high: number;
}

const TAIL = 0.025;
/** With this many resamples the coverage of a 95 % interval is between 94 and 96 % for every seed. */
const RESAMPLES = 1_000;

/**
 * Interval of the quantile `p` of the sampled distribution, without assumptions on it: the order statistics whose ranks
 * bound the binomial number of samples below the quantile (W. J. Conover, Practical Nonparametric Statistics, 3.2).
 * `sorted` ascending, +∞ allowed. low is -∞ and high +∞ if n is too small for such a rank.
 */
export function quantileInterval(sorted: readonly number[], p: number): Interval {
  const n = sorted.length;
  const odds = p / (1 - p);
  let low = Number.NEGATIVE_INFINITY;
  // P(exactly rank - 1 of n are at or below the quantile), by its logarithm: powers underflow from n = 1,075 on.
  let log = n * Math.log(1 - p);
  let below = 0;
  for (const [i, value] of sorted.entries()) {
    below += Math.exp(log);
    log += Math.log(((n - i) / (i + 1)) * odds);
    if (below <= TAIL) low = value;
    if (below >= 1 - TAIL) return { low, high: value };
  }
  return { low, high: Number.POSITIVE_INFINITY };
}

/** Least number of samples for which the interval of the quantile `p` is bounded on both sides. */
export function samplesToBound(p: number): number {
  return Math.ceil(Math.log(TAIL) / Math.log(Math.max(p, 1 - p)));
}

/**
 * Percentile bootstrap (B. Efron, 1979): each group is resampled with replacement, independently of the others, and the
 * interval contains the middle 95 % of the resulting statistics. Not BCa, whose jackknife is not consistent for
 * quantiles. Seeded; a statistic that is not a number (∞/∞) counts as +∞.
 */
export function bootstrap<T>(
  groups: readonly (readonly T[])[],
  statistic: (drawn: readonly (readonly T[])[]) => number,
): Interval {
  const draw = random(RESAMPLES, 'bootstrap');
  const found = new Float64Array(RESAMPLES);
  for (let i = 0; i < RESAMPLES; i++) {
    const value = statistic(
      groups.map((group) => group.map(() => group[draw.integer(group.length)] as T)),
    );
    found[i] = Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  }
  found.sort();
  return {
    low: found[Math.floor(TAIL * RESAMPLES)] as number,
    high: found[Math.ceil((1 - TAIL) * RESAMPLES) - 1] as number,
  };
}

/** Interval of the ratio of a statistic of two lists of samples, by the bootstrap of both. */
export function ratioInterval(
  over: readonly number[],
  under: readonly number[],
  stat: Stat,
): Interval {
  const of = (list: readonly number[] = []) => statisticOf(Float64Array.from(list).sort(), stat);
  return bootstrap([over, under], ([a, b]) => of(a) / of(b));
}

/** A straight line's rise per unit of x, robust against outliers, with its interval. */
interface Slope extends Interval {
  readonly slope: number;
}

/**
 * Theil–Sen: the median of the slopes of all pairs of points; its interval is that of Kendall's S without a trend
 * (P. K. Sen, 1968), by the normal approximation, which holds from 10 points on. y may be +∞: a pair of two such
 * points has slope 0.
 */
export function theilSen(points: readonly { readonly x: number; readonly y: number }[]): Slope {
  const slopes: number[] = [];
  for (const [i, a] of points.entries()) {
    for (const b of points.slice(i + 1)) {
      if (b.x === a.x) continue;
      slopes.push(b.y === a.y ? 0 : (b.y - a.y) / (b.x - a.x));
    }
  }
  slopes.sort((a, b) => (a === b ? 0 : a - b));
  const n = points.length;
  const reach = Z95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  return {
    slope: slopes[Math.floor((slopes.length - 1) / 2)] ?? Number.NaN,
    low: slopes[Math.floor((slopes.length - reach) / 2) - 1] ?? Number.NEGATIVE_INFINITY,
    high: slopes[Math.ceil((slopes.length + reach) / 2)] ?? Number.POSITIVE_INFINITY,
  };
}

/** The standard normal's 97.5 % quantile. */
const Z95 = 1.959963984540054;

/**
 * Wilson's score interval of a share, of `hits` in `n` independent trials (E. B. Wilson, 1927): it stays within 0..1 and
 * is also useful at 0 hits. Without a trial it is 0..1.
 */
export function wilson(hits: number, n: number): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const share = hits / n;
  const spread = Z95 ** 2 / n;
  const middle = (share + spread / 2) / (1 + spread);
  const half = (Z95 / (1 + spread)) * Math.sqrt((share * (1 - share)) / n + spread / (4 * n));
  // Exact at the ends, without rounding errors.
  return {
    low: hits === 0 ? 0 : middle - half,
    high: hits === n ? 1 : middle + half,
  };
}
