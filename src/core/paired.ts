/**
 * Pairs of measurements of one metric, each as the logarithm of a ratio: positive is worse. ±∞ where only one side has
 * a finite value; 0 where both are alike.
 */
export type LogRatios = readonly number[];

/** What pairs say about one metric. Numbers are logarithms of ratios. */
export interface PairedFinding {
  /** Hodges–Lehmann: the median of the means of all two pairs, a pair with itself included. */
  readonly estimate: number;
  /** Upper end of a one-sided interval for the true value. */
  readonly upper: number;
  /** Probability with which the true value is below `upper`: at least 0.95, or the most that so few pairs allow. */
  readonly coverage: number;
  /**
   * Probability that pairs without any change look as bad as these in this metric, or in one that looks less bad, at
   * least once: adjusted for the number of metrics. At least 2 ** -n.
   */
  readonly p: number;
}

/** The most pairs that are compared: all 2 ** n signs are tried. */
export const MOST_PAIRS = 16;
const WANTED = 0.95;
/** Sums of the same numbers in another order differ by less. */
const ROUNDING = 1e-9;

/**
 * Judges several metrics of the same pairs. Under the hypothesis that base and head are alike, exchanging both sides of
 * a pair changes nothing: all 2 ** n exchanges are tried, the same for every metric, so that the p-values are exact
 * whatever the distribution and however the metrics depend on each other (P. H. Westfall and S. S. Young,
 * Resampling-Based Multiple Testing, 1993: the step-down maximum of studentised means). Throws RangeError for fewer than
 * one or more than 16 pairs, and for metrics of different numbers of pairs.
 */
export function judgePairs(metrics: readonly LogRatios[]): readonly PairedFinding[] {
  const n = metrics[0]?.length ?? 0;
  if (n < 1 || n > MOST_PAIRS) throw new RangeError(`${n} pairs: 1 to ${MOST_PAIRS} are judged`);
  if (metrics.some(({ length }) => length !== n)) throw new RangeError('numbers of pairs differ');
  const p = adjusted(metrics.map(normalized));
  return metrics.map((ratios, i) => ({
    ...estimateOf(ratios),
    p: p[i] as number,
  }));
}

/** Estimate and upper end: order statistics of the Walsh averages, with Wilcoxon's exact distribution. */
export function estimateOf(ratios: LogRatios): Omit<PairedFinding, 'p'> {
  const walsh = ratios.flatMap((a, i) => ratios.slice(i).map((b) => meanOf(a, b)));
  walsh.sort((a, b) => (a === b ? 0 : a - b));
  const middle = (walsh.length - 1) / 2;
  const [low, high] = [walsh[Math.floor(middle)] as number, walsh[Math.ceil(middle)] as number];
  const { rank, coverage } = rankOf(ratios.length);
  return {
    estimate: meanOf(low, high),
    upper: walsh[walsh.length - 1 - rank] as number,
    coverage,
  };
}

/** Opposite infinities say nothing together. */
function meanOf(a: number, b: number): number {
  if (a === b) return a;
  const sum = a + b;
  return Number.isNaN(sum) ? 0 : sum / 2;
}

/**
 * Number of the largest Walsh averages to leave out, and the coverage of what is left: the largest number that keeps
 * 95 %, otherwise none. Counts the sets of ranks 1 … n by their sum, which is Wilcoxon's statistic.
 */
function rankOf(n: number): { readonly rank: number; readonly coverage: number } {
  let counts = [1];
  for (let rank = 1; rank <= n; rank++) {
    counts = Array.from(
      { length: counts.length + rank },
      (_, sum) => (counts[sum] ?? 0) + (counts[sum - rank] ?? 0),
    );
  }
  let below = 0;
  let kept = { rank: 0, coverage: 1 - 2 ** -n };
  for (const [sum, count] of counts.entries()) {
    below += count;
    const coverage = 1 - below / 2 ** n;
    if (coverage < WANTED) break;
    kept = { rank: sum, coverage };
  }
  return kept;
}

/**
 * The values of a metric, of which an infinite one contributes its sign only: it counts as the largest finite one. Scaled
 * so that their squares have the mean 1: the mean of any exchange is then a monotone function of its studentised mean,
 * and the same function for every metric.
 */
function normalized(ratios: LogRatios): readonly number[] {
  const largest = Math.max(0, ...ratios.map(Math.abs).filter(Number.isFinite)) || 1;
  const finite = ratios.map((one) => (Number.isFinite(one) ? one : Math.sign(one) * largest));
  const square = Math.sqrt(finite.reduce((sum, one) => sum + one * one, 0) / finite.length);
  return square === 0 ? finite : finite.map((one) => one / square);
}

/** Adjusted p-values, one per metric. Its loops are plain: a gate of ten metrics and twelve pairs makes 80,000 steps. */
function adjusted(metrics: readonly (readonly number[])[]): readonly number[] {
  const n = metrics[0]?.length ?? 0;
  const sumOf = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0);
  // From the metric that looks worst to the one that looks best.
  const order = metrics
    .map((values, metric) => ({ metric, values: Float64Array.from(values), sum: sumOf(values) }))
    .sort((a, b) => b.sum - a.sum);
  const sums = Float64Array.from(order, ({ sum }) => sum);
  const least = sums.map((sum) => sum - ROUNDING);
  const exceeded = new Float64Array(order.length);
  const signs = new Float64Array(n).fill(1);
  for (let step = 0; step < 2 ** n; step++) {
    if (step > 0) {
      // In the order of Gray's code two successive exchanges differ in one pair.
      const pair = 31 - Math.clz32(step & -step);
      const sign = -(signs[pair] as number);
      signs[pair] = sign;
      for (let k = 0; k < order.length; k++) {
        const { values } = order[k] as (typeof order)[number];
        sums[k] = (sums[k] as number) + 2 * sign * (values[pair] as number);
      }
    }
    let maximum = Number.NEGATIVE_INFINITY;
    for (let k = order.length - 1; k >= 0; k--) {
      maximum = Math.max(maximum, sums[k] as number);
      if (maximum >= (least[k] as number)) exceeded[k] = (exceeded[k] as number) + 1;
    }
  }
  const p = new Array<number>(order.length).fill(1);
  let largest = 0;
  for (const [k, { metric }] of order.entries()) {
    largest = Math.max(largest, (exceeded[k] as number) / 2 ** n);
    p[metric] = largest;
  }
  return p;
}
