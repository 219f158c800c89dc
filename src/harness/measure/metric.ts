import type { Interval } from '../../core/intervals.ts';
import { METRICS, type MetricName } from '../../core/metrics.ts';
import { type Distribution, distributionOf, samplesFor, type Weighted } from '../../core/stats.ts';
import type { Metric } from '../../record/record.ts';

/** How exactly a number is known: half an interval of the instrument, at the median and at its widest. */
interface Known {
  readonly resolution?: number;
  readonly resolutionMax?: number;
}

interface Labels extends Known {
  readonly of: string | null;
  /** null: of the whole run, which is all its measured phases. */
  readonly phase: string | null;
}

/** A distribution as the record keeps it. Without a sample it is there too, with n = 0. */
export function distribution(
  name: MetricName,
  { of, phase, resolution, resolutionMax }: Labels,
  { n, censored, negatives, stats, samples }: Distribution,
): Metric {
  const { unit, better } = METRICS[name];
  return {
    name,
    of,
    phase,
    unit,
    better,
    n,
    shape: 'distribution',
    censored,
    ...(negatives > 0 ? { negatives } : {}),
    ...(resolution === undefined ? {} : { resolution }),
    ...(resolutionMax === undefined ? {} : { resolutionMax }),
    ...(n > 0 && n < samplesFor('p95') ? { distrust: `only ${n} samples` } : {}),
    stats,
    samples,
  };
}

/**
 * One number. `n` is what it was counted over; 0 means that there was nothing to count. The interval is 95 %, of a
 * number that is an estimate.
 */
export function scalar(
  name: MetricName,
  { of, phase }: Labels,
  n: number,
  value: number,
  interval?: Interval,
): Metric {
  const { unit, better } = METRICS[name];
  const measured = (number: number) => (number === Number.POSITIVE_INFINITY ? null : number);
  return {
    ...{ name, of, phase, unit, better, n, shape: 'scalar', value: measured(value) },
    ...(interval ? { interval: { low: interval.low, high: measured(interval.high) } } : {}),
  };
}

/** A row of a query that tells values apart by what they are of and by phase. */
export interface GroupedValue extends Weighted {
  readonly of: string | null;
  readonly phase: string;
}

/** One distribution per `of` and phase, and one per `of` over all phases. */
export function distributions(
  name: MetricName,
  rows: readonly GroupedValue[],
  knownTo: (of: string | null, phase: string | null) => Known | undefined = () => undefined,
): Metric[] {
  const groups = new Map<string, { of: string | null; phase: string | null; rows: Weighted[] }>();
  for (const row of rows) {
    for (const phase of [row.phase, null]) {
      const key = JSON.stringify([row.of, phase]);
      const group = groups.get(key) ?? { of: row.of, phase, rows: [] };
      group.rows.push(row);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map((group) => {
    const { of, phase } = group;
    const labels = { of, phase, ...knownTo(of, phase) };
    return distribution(name, labels, distributionOf(group.rows));
  });
}
