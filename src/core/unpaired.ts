import { random } from './random.ts';

/** Values of one metric of two independent groups, as logarithms: higher is worse, ±∞ allowed. */
interface TwoGroups {
  readonly base: readonly number[];
  readonly head: readonly number[];
}

/** Splits that are tried if there are more than so many: then they are drawn. */
export const MOST_SPLITS = 20_000;
/** Sums of the same numbers in another order differ by less. */
const ROUNDING = 1e-9;

/**
 * One p-value per metric that the head is worse, adjusted for their number: if nothing changed, any of the trials could
 * as well have been the head's. All splits of the trials into two groups of these sizes are tried, the same for every
 * metric, or 20,000 that are drawn if there are more (then the observed split counts as one of them: B. Phipson and G. K.
 * Smyth, 2010). The p-value is the share of splits in which any metric looks as bad: Westfall and Young's step-down
 * maximum (1993) of standardised sums. Every metric has the same numbers of trials; RangeError otherwise, and for none.
 */
export function judgeGroups(metrics: readonly TwoGroups[]): readonly number[] {
  const [n, m] = [metrics[0]?.base.length ?? 0, metrics[0]?.head.length ?? 0];
  if (n < 1 || m < 1) throw new RangeError('a group is empty');
  if (metrics.some(({ base, head }) => base.length !== n || head.length !== m)) {
    throw new RangeError('numbers of trials differ');
  }
  const pooled = metrics.map(({ base, head }) => standardized([...head, ...base]));
  const observed = Array.from({ length: m }, (_, i) => i);
  const sumOf = (values: readonly number[], chosen: readonly number[]) =>
    chosen.reduce((sum, i) => sum + (values[i] as number), 0);
  // From the metric that looks worst to the one that looks best.
  const order = pooled
    .map((values, metric) => ({ metric, values, sum: sumOf(values, observed) }))
    .sort((a, b) => b.sum - a.sum);
  const exceeded = order.map(() => 0);
  let tried = 0;
  for (const chosen of splits(n + m, m)) {
    tried += 1;
    let maximum = Number.NEGATIVE_INFINITY;
    for (let k = order.length - 1; k >= 0; k--) {
      const { values, sum } = order[k] as (typeof order)[number];
      maximum = Math.max(maximum, sumOf(values, chosen));
      if (maximum >= sum - ROUNDING) exceeded[k] = (exceeded[k] as number) + 1;
    }
  }
  const p = new Array<number>(order.length).fill(1);
  let largest = 0;
  for (const [k, { metric }] of order.entries()) {
    largest = Math.max(largest, (exceeded[k] as number) / tried);
    p[metric] = largest;
  }
  return p;
}

/** Number of ways to choose `m` of `n`. */
export function splitsOf(n: number, m: number): number {
  let ways = 1;
  for (let i = 1; i <= m; i++) ways = (ways * (n - m + i)) / i;
  return Math.round(ways);
}

/** Every choice of `m` of `n` numbers, or the first one and enough that are drawn. */
function* splits(n: number, m: number): Generator<readonly number[]> {
  const first = Array.from({ length: m }, (_, i) => i);
  if (splitsOf(n, m) > MOST_SPLITS) {
    const draw = random(n, 'splits', String(m));
    const all = Array.from({ length: n }, (_, i) => i);
    yield first;
    for (let i = 1; i < MOST_SPLITS; i++) yield draw.shuffled(all).slice(0, m);
    return;
  }
  const chosen = [...first];
  while (true) {
    yield chosen;
    let at = m - 1;
    while (at >= 0 && chosen[at] === n - m + at) at--;
    if (at < 0) return;
    chosen[at] = (chosen[at] as number) + 1;
    for (let i = at + 1; i < m; i++) chosen[i] = (chosen[i - 1] as number) + 1;
  }
}

/**
 * Values with the mean 0 and the mean square 1: the sum of a group is then a monotone function of its t statistic, and the
 * same function for every metric. An infinite value lies beyond all finite ones, by a factor of e.
 */
function standardized(values: readonly number[]): readonly number[] {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  const bounded = values.map((one) => (Number.isFinite(one) ? one : one > 0 ? high + 1 : low - 1));
  const mean = bounded.reduce((sum, one) => sum + one, 0) / bounded.length;
  const apart = bounded.map((one) => one - mean);
  const square = Math.sqrt(apart.reduce((sum, one) => sum + one * one, 0) / apart.length);
  return square < ROUNDING ? apart.map(() => 0) : apart.map((one) => one / square);
}
