import {
  bootstrap,
  type Interval,
  quantileInterval,
  ratioInterval,
  samplesToBound,
} from '../../core/intervals.ts';
import { METRICS, type MetricKind, type Stat } from '../../core/metrics.ts';
import { QUANTILES, statisticOf, valuesOf } from '../../core/stats.ts';
import type { Metric } from '../../record/record.ts';

/** A number that a check judges; +∞ if it includes something that was never visible. */
export interface Estimate {
  readonly value: number;
  readonly n: number;
  /** Absent where the whole population was measured: then the value is exact. */
  readonly interval?: Interval;
  /** The samples, ascending, and the statistic of them; absent for a scalar. */
  readonly samples?: { readonly values: readonly number[]; readonly stat: Stat };
}

const finite = (value: number | null) => value ?? Number.POSITIVE_INFINITY;

/**
 * Value of a statistic of a metric. A sampled metric has a 95 % interval: of a quantile by its order statistics, of a
 * mean by the bootstrap. Maximum and minimum are those of the samples, and exact. A scalar has its own interval, if any.
 */
export function estimated(metric: Metric, stat: Stat): Estimate {
  const { n } = metric;
  if (metric.shape === 'scalar') {
    const { value, interval } = metric;
    return {
      value: finite(value),
      n,
      ...(interval ? { interval: { low: interval.low, high: finite(interval.high) } } : {}),
    };
  }
  const value = finite(metric.stats[stat] as number | null);
  const { sampled = false }: MetricKind = METRICS[metric.name];
  if (!sampled || !metric.samples) return { value, n };
  const values = valuesOf(metric.samples);
  const interval = intervalOf(values, stat);
  return { value, n, samples: { values, stat }, ...(interval ? { interval } : {}) };
}

function intervalOf(sorted: readonly number[], stat: Stat): Interval | undefined {
  if (stat === 'max' || stat === 'min') return undefined;
  if (stat === 'mean') return bootstrap([sorted], ([drawn = []]) => statisticOf(drawn, stat));
  return quantileInterval(sorted, QUANTILES[stat]);
}

/**
 * Ratio of two estimates. Its interval comes from the bootstrap of both if both have samples, otherwise from the ends
 * of their intervals, which is wider than necessary.
 */
export function ratioOf(over: Estimate, under: Estimate): Estimate {
  const n = Math.min(over.n, under.n);
  const infinite = [over, under].some(({ value }) => value === Number.POSITIVE_INFINITY);
  if (infinite) return { value: Number.POSITIVE_INFINITY, n };
  const value = over.value / under.value;
  if (over.samples && under.samples) {
    const interval = ratioInterval(over.samples.values, under.samples.values, over.samples.stat);
    return { value, n, interval };
  }
  if (!over.interval || !under.interval) return { value, n };
  const interval = {
    low: over.interval.low / under.interval.high,
    high: over.interval.high / Math.max(0, under.interval.low),
  };
  return { value, n, interval };
}

/**
 * Approximate number of further samples after which the interval no longer contains the limit; its width decreases
 * with the root of n. null: unknown, because the value equals the limit or some samples are +∞.
 */
export function samplesMissing(
  { value, n, interval, samples: drawn }: Estimate,
  limit: number,
): number | null {
  const p =
    drawn && drawn.stat in QUANTILES ? QUANTILES[drawn.stat as keyof typeof QUANTILES] : 0.5;
  if (drawn && samplesToBound(p) > n) return samplesToBound(p) - n;
  if (!interval || value === limit) return null;
  const reach = limit > value ? interval.high - value : value - interval.low;
  if (!Number.isFinite(reach)) return null;
  return Math.max(1, Math.ceil(n * ((reach / (limit - value)) ** 2 - 1)));
}
