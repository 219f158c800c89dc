import { power } from './power.ts';
import type { Random } from './random.ts';

/**
 * Probability distributions of the tape, each with the closed forms (means, survival) that expected
 * counts and tests use.
 */

/** Draws an index in proportion to its weight in constant time (Walker's alias method, Vose's set-up). */
export class AliasTable {
  readonly #size: number;
  readonly #share: Float64Array;
  readonly #other: Int32Array;

  /** Of these weights; none may be negative, and their sum is above 0. */
  constructor(weights: ArrayLike<number>) {
    const size = weights.length;
    let total = 0;
    for (let i = 0; i < size; i++) total += weights[i] as number;
    const share = new Float64Array(size);
    const other = new Int32Array(size);
    const small: number[] = [];
    const large: number[] = [];
    for (let i = 0; i < size; i++) {
      share[i] = ((weights[i] as number) * size) / total;
      ((share[i] as number) < 1 ? small : large).push(i);
    }
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() as number;
      const more = large.at(-1) as number;
      other[less] = more;
      share[more] = (share[more] as number) - (1 - (share[less] as number));
      if ((share[more] as number) < 1) {
        large.pop();
        small.push(more);
      }
    }
    // What is left is 1 but for rounding.
    for (const rest of [...small, ...large]) share[rest] = 1;
    this.#size = size;
    this.#share = share;
    this.#other = other;
  }

  draw(random: Random): number {
    const i = Math.floor(random.next() * this.#size);
    // All bits where the share is above the second draw, else none: a branch here is mispredicted so often that
    // without it a rejected draw takes a third less.
    const own = Math.floor(random.next() - (this.#share[i] as number));
    return (i & own) | ((this.#other[i] as number) & ~own);
  }
}

/** Zipf-Mandelbrot weights of ranks 1..size: (rank + q)^-s. */
export function zipfMandelbrot(size: number, s: number, q: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => power(i + 1 + q, -s));
}

/** The standard normal's distribution function (Abramowitz and Stegun 7.1.26, error below 1.5e-7). */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
    Math.exp(-z * z);
  return x >= 0 ? 1 - tail / 2 : tail / 2;
}

/** The standard normal's quantile (Acklam's rational approximation, relative error below 1.2e-9). */
export function normalQuantile(p: number): number {
  const low = 0.02425;
  if (p < low) return -tailQuantile(p);
  if (p > 1 - low) return tailQuantile(1 - p);
  const q = p - 0.5;
  const r = q * q;
  const top =
    ((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r +
      138.357751867269) *
      r -
      30.66479806614716) *
      r +
    2.506628277459239;
  const bottom =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r +
      66.80131188771972) *
      r -
      13.28068155288572) *
      r +
    1;
  return (top * q) / bottom;
}

/** The quantile of 1 - p, for p below 0.02425. */
function tailQuantile(p: number): number {
  const q = Math.sqrt(-2 * Math.log(p));
  const top =
    ((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q -
      2.549732539343734) *
      q +
      4.374664141464968) *
      q +
    2.938163982698783;
  const bottom =
    (((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q +
      3.754408661907416) *
      q +
    1;
  return -top / bottom;
}

/** A log-normal law: exp(mu + sigma N(0,1)). */
export interface LogNormal {
  readonly mu: number;
  readonly sigma: number;
}

/** The log-normal law with this median. */
export function logNormalOf(median: number, sigma: number): LogNormal {
  return { mu: Math.log(median), sigma };
}

/** P(X > x). */
export function survival({ mu, sigma }: LogNormal, x: number): number {
  return x <= 0 ? 1 : 1 - normalCdf((Math.log(x) - mu) / sigma);
}

/** Mean of max(1, round(X)), capped at `cap`: the sum of its survival over the whole numbers. */
export function roundedMean(law: LogNormal, cap: number): number {
  let mean = 1;
  for (let k = 2; k <= cap; k++) {
    const more = survival(law, k - 0.5);
    mean += more;
    if (more < 1e-9) break;
  }
  return mean;
}

/** max(1, round(X)), capped. */
export function drawRounded(random: Random, { mu, sigma }: LogNormal, cap: number): number {
  return Math.max(1, Math.min(cap, Math.round(random.logNormal(mu, sigma))));
}

/**
 * Values of a log-normal with mean 1 at evenly spaced quantiles: indexing it with a hash gives each
 * key a fixed multiplier without storing it. The ends lie half a step inside, so the largest
 * value is finite: at 4,096 steps, 3.7 sigmas out.
 */
export function multiplierTable(sigma: number, size = 4_096): Float64Array {
  const table = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(sigma * normalQuantile((i + 0.5) / size)),
  );
  const mean = table.reduce((sum, value) => sum + value, 0) / size;
  return table.map((value) => value / mean);
}

/** P(N >= k) of a Poisson variable with this mean. */
export function poissonTail(mean: number, k: number): number {
  if (k <= 0) return 1;
  // Beyond twelve standard deviations and a dozen counts nothing is left of it.
  if (k > mean + 12 * Math.sqrt(mean) + 12) return 0;
  // exp(-mean) has no digits left: the normal law is as good by then.
  if (mean > 500) return 1 - normalCdf((k - 0.5 - mean) / Math.sqrt(mean));
  let term = Math.exp(-mean);
  let below = term;
  for (let i = 1; i < k; i++) {
    term *= mean / i;
    below += term;
  }
  return Math.max(0, 1 - below);
}
