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

/** A number that a check judges; +∞ where something was not seen. */
export interface Estimate {
  readonly value: number;
  readonly n: number;
  /** Absent where the whole population was measured: then the value is exact. */
  readonly interval?: Interval;
  /** What was drawn, ascending, and the statistic of it; absent of one number. */
  readonly drawn?: { readonly values: readonly number[]; readonly stat: Stat };
}

const finite = (value: number | null) => value ?? Number.POSITIVE_INFINITY;

/**
 * What a metric says, with the 95 % interval where it was sampled: of a quantile by its order statistics, of a mean by
 * the bootstrap. A maximum or minimum is that of the samples met, and exact. One number brings its own interval, if any.
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
  return { value, n, drawn: { values, stat }, ...(interval ? { interval } : {}) };
}

function intervalOf(sorted: readonly number[], stat: Stat): Interval | undefined {
  if (stat === 'max' || stat === 'min') return undefined;
  if (stat === 'mean') return bootstrap([sorted], ([drawn = []]) => statisticOf(drawn, stat));
  return quantileInterval(sorted, QUANTILES[stat]);
}

/**
 * One over another: by the bootstrap of both where both were drawn, else by the ends of their intervals, which is
 * wider than need be.
 */
export function ratioOf(over: Estimate, under: Estimate): Estimate {
  const n = Math.min(over.n, under.n);
  const infinite = [over, under].some(({ value }) => value === Number.POSITIVE_INFINITY);
  if (infinite) return { value: Number.POSITIVE_INFINITY, n };
  const value = over.value / under.value;
  if (over.drawn && under.drawn) {
    const interval = ratioInterval(over.drawn.values, under.drawn.values, over.drawn.stat);
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
 * About how many more samples would take the limit out of the interval, whose width falls with the root of n; null:
 * nobody can say, since the value is the limit itself or some samples are +∞.
 */
export function samplesMissing(
  { value, n, interval, drawn }: Estimate,
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
