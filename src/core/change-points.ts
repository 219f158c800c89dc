import { random } from './random.ts';

/** A value from which on a series is distributed in another manner. */
interface ChangePoint {
  /** Index of the first value after the change. */
  readonly at: number;
  /** Share of permutations that look as much like a change: at least 1 / (permutations + 1). */
  readonly p: number;
}

/** Fewest values of a segment. */
const LEAST_SEGMENT = 3;
const PERMUTATIONS = 499;
/** A series of many runs is looked at often: one false change in a hundred looks at an unchanged segment. */
const ALPHA = 0.01;
/** Sums of the same numbers in another order differ by less. */
const ROUNDING = 1e-9;

/**
 * Change points of a series: E-divisive with the energy statistic (D. S. Matteson and N. A. James, A Nonparametric
 * Approach for Multiple Change Point Analysis of Multivariate Data, JASA 109, 2014; used for performance tests by D. Daly
 * et al., ICPE 2020). The split of a segment with the largest statistic is a change if fewer than one in a hundred
 * permutations of the segment have one as large; both parts are then split likewise. Nothing is assumed about the
 * distribution. The permutations are drawn by a fixed seed: the same series has the same changes. +∞ is allowed.
 */
export function changePoints(series: readonly number[]): readonly ChangePoint[] {
  const values = bounded(series);
  const found: ChangePoint[] = [];
  const open: (readonly [number, number])[] = [[0, values.length]];
  for (let segment = open.pop(); segment !== undefined; segment = open.pop()) {
    const [from, to] = segment;
    const change = changeOf(values.slice(from, to), from);
    if (change === null) continue;
    found.push({ at: from + change.at, p: change.p });
    open.push([from, from + change.at], [from + change.at, to]);
  }
  return found.sort((a, b) => a.at - b.at);
}

function changeOf(values: readonly number[], from: number): ChangePoint | null {
  if (values.length < 2 * LEAST_SEGMENT) return null;
  const best = bestSplit(values);
  if (best.statistic <= ROUNDING) return null;
  const draw = random(values.length, 'change points', String(from));
  let asLarge = 1;
  for (let i = 0; i < PERMUTATIONS; i++) {
    if (bestSplit(draw.shuffled(values)).statistic >= best.statistic - ROUNDING) asLarge += 1;
    // It cannot become significant any more.
    if (asLarge > ALPHA * (PERMUTATIONS + 1)) return null;
  }
  return { at: best.at, p: asLarge / (PERMUTATIONS + 1) };
}

/**
 * The split with the largest energy statistic: nm/(n+m) times (twice the mean distance between both parts, minus the mean
 * distances within them). Sums of distances are kept from split to split.
 */
function bestSplit(values: readonly number[]): {
  readonly at: number;
  readonly statistic: number;
} {
  const total = values.length;
  const apart = (i: number, j: number) => Math.abs((values[i] as number) - (values[j] as number));
  const sumTo = (i: number, from: number, to: number) => {
    let sum = 0;
    for (let j = from; j < to; j++) sum += apart(i, j);
    return sum;
  };
  let within = 0;
  let between = 0;
  let after = 0;
  for (let i = 0; i < total; i++) after += sumTo(i, i + 1, total);
  let best = { at: 0, statistic: 0 };
  for (let n = 1; n <= total - LEAST_SEGMENT; n++) {
    // The value n - 1 moves from the part after the split to the part before it.
    const toBefore = sumTo(n - 1, 0, n - 1);
    const toAfter = sumTo(n - 1, n, total);
    within += toBefore;
    between += toAfter - toBefore;
    after -= toAfter;
    if (n < LEAST_SEGMENT) continue;
    const m = total - n;
    const energy =
      (2 * between) / (n * m) - within / ((n * (n - 1)) / 2) - after / ((m * (m - 1)) / 2);
    const statistic = ((n * m) / total) * energy;
    if (statistic > best.statistic + ROUNDING) best = { at: n, statistic };
  }
  return best;
}

/** What never happened lies beyond every number, by as much as the numbers are apart. */
function bounded(values: readonly number[]): readonly number[] {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const width = finite.length === 0 ? 1 : high - low || 1;
  const beyond = (finite.length === 0 ? 0 : high) + width;
  return values.map((one) => (Number.isFinite(one) ? one : beyond));
}
