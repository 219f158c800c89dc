import type { Interval } from '../../core/intervals.ts';
import { METRICS, type MetricName } from '../../core/metrics.ts';
import { type Distribution, distributionOf, samplesFor, type Weighted } from '../../core/stats.ts';
import type { Metric } from '../../record/record.ts';

/** Precision of a number: half the interval of the instrument, at its median and at its widest. */
interface Precision {
  readonly resolution?: number;
  readonly resolutionMax?: number;
}

interface Labels extends Precision {
  readonly of: string | null;
  /** null: the whole run, that is, all measured phases. */
  readonly phase: string | null;
}

/** A distribution as the record keeps it; with n = 0 if there is no sample. */
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
 * One number. `n` is the number of items that were counted; 0 means that there was nothing to count. An estimate has
 * its 95 % interval.
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

/** A row of a query that groups values by label and phase. */
export interface GroupedValue extends Weighted {
  readonly of: string | null;
  readonly phase: string;
}

/** One distribution per `of` and phase, and one per `of` over all phases. */
export function distributions(
  name: MetricName,
  rows: readonly GroupedValue[],
  precisionOf: (of: string | null, phase: string | null) => Precision | undefined = () => undefined,
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
    const labels = { of, phase, ...precisionOf(of, phase) };
    return distribution(name, labels, distributionOf(group.rows));
  });
}
