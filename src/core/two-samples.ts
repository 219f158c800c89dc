import type { Interval } from './intervals.ts';

/** How the values of one list compare with those of another, without assumptions on their distribution. */
interface Shift extends Interval {
  /** `ratio`: of both lists; `difference`: in their unit, for lists with a value at or below 0. */
  readonly kind: 'ratio' | 'difference';
  /** Hodges–Lehmann: the median over all pairs of one value of either list. */
  readonly estimate: number;
  /**
   * Probability with which the interval contains the true shift: at least 0.95, or the most that so few values allow (0.9
   * for three and three). 0 for one and one: two values give no interval.
   */
  readonly coverage: number;
}

const WANTED = 0.95;

/**
 * Compares two independent lists of measured values, +∞ allowed: the median of all pairwise ratios (or differences),
 * and the interval of Mann and Whitney's test between two of their order statistics (J. L. Hodges and E. L. Lehmann,
 * 1963; P. K. Sen, 1963). Throws RangeError for an empty list.
 */
export function compareSamples(over: readonly number[], under: readonly number[]): Shift {
  if (over.length === 0 || under.length === 0) throw new RangeError('a list is empty');
  const kind = [...over, ...under].every((value) => value > 0) ? 'ratio' : 'difference';
  const pairs = over.flatMap((a) => under.map((b) => PAIRED[kind](a, b)));
  pairs.sort((a, b) => (a === b ? 0 : a - b));
  const { rank, coverage } = rankOf(over.length, under.length);
  const middle = (pairs.length - 1) / 2;
  const [low, high] = [pairs[Math.floor(middle)] as number, pairs[Math.ceil(middle)] as number];
  return {
    kind,
    estimate: low === high ? low : (low + high) / 2,
    low: pairs[rank] as number,
    high: pairs[pairs.length - 1 - rank] as number,
    coverage,
  };
}

/** Two equal values are alike, even at +∞, where arithmetic gives no number. */
const PAIRED = {
  ratio: (a: number, b: number) => (a === b ? 1 : a / b),
  difference: (a: number, b: number) => (a === b ? 0 : a - b),
} as const;

/**
 * Number of ordered pairs to leave out at either end, and the coverage of what is left: the largest number that keeps
 * 95 %, otherwise none. The distribution of Mann and Whitney's U is exact, counted over all orders of the values.
 */
function rankOf(n: number, m: number): { readonly rank: number; readonly coverage: number } {
  const counts = ordersByU(n, m);
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  let kept = { rank: 0, coverage: 1 - (2 * (counts[0] as number)) / total };
  for (const [u, count] of counts.entries()) {
    below += count;
    const coverage = 1 - (2 * below) / total;
    if (coverage < WANTED) break;
    kept = { rank: u, coverage };
  }
  return kept;
}

/** Orders of n and m values by U, the number of pairs in which the first list has the lower value. */
function ordersByU(n: number, m: number): readonly number[] {
  // Of the last value of an order: it is one of the first list, and above all m of the second, or one of the second.
  let rows: number[][] = Array.from({ length: m + 1 }, () => [1]);
  for (let i = 1; i <= n; i++) {
    const next: number[][] = [[1]];
    for (let j = 1; j <= m; j++) {
      const [withFirst, withSecond] = [rows[j] as number[], next[j - 1] as number[]];
      next.push(
        Array.from({ length: i * j + 1 }, (_, u) => (withFirst[u - j] ?? 0) + (withSecond[u] ?? 0)),
      );
    }
    rows = next;
  }
  return rows[m] as number[];
}
