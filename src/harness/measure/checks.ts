import { METRICS, type MetricKind, MIN_SAMPLES, type Stat } from '../../core/metrics.ts';
import { samplesFor } from '../../core/stats.ts';
import type { CheckResult, Metric } from '../../record/record.ts';
import type { Check, Comparator } from '../../scenario/scenario.ts';
import { type Estimate, estimated, ratioOf, samplesMissing } from './sampled.ts';

/** What each comparator means. */
export const COMPARE: Readonly<Record<Comparator, (value: number, limit: number) => boolean>> = {
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '==': (value, limit) => value === limit,
  '>=': (value, limit) => value >= limit,
  '>': (value, limit) => value > limit,
};

/** A measured number, or the reason why there is none. */
type Measurement =
  | ({ readonly kind: 'value' } & Estimate)
  | { readonly kind: 'nothing'; readonly reason: string; readonly n: number };

/**
 * Judges a check by the metrics. A number that was not measured is NO_DATA, never a pass. A number of +∞
 * (not visible before the run ended) fails with every comparator. An estimate decides the check only if
 * all of its interval gives the same answer: an interval that contains the limit is NO_DATA too.
 */
export function judge(check: Check, metrics: readonly Metric[]): CheckResult {
  const found = check.ratio
    ? ratio(check, check.ratio, metrics)
    : lookUp(check, check.during, metrics);
  const unit = check.ratio ? 'ratio' : (unitOf(check, metrics) ?? '');
  const base = { text: check.text, line: check.line, unit, limit: check.limit, n: found.n };
  if (found.kind === 'nothing') return { ...base, verdict: 'NO_DATA', reason: found.reason };
  const { value, interval } = found;
  if (value === Number.POSITIVE_INFINITY) {
    const reason = 'not visible before the run ended: it counts as +∞';
    return { ...base, verdict: 'FAIL', measured: null, reason };
  }
  const shownInterval = interval && {
    interval: {
      low: interval.low,
      high: interval.high === Number.POSITIVE_INFINITY ? null : interval.high,
    },
  };
  const measured = { ...base, measured: value, ...shownInterval };
  if (interval && !decided(check, found)) {
    return { ...measured, verdict: 'NO_DATA', reason: undecided(check, found) };
  }
  const passed = COMPARE[check.comparator](value, check.limit);
  const reason = passed
    ? null
    : `measured ${formatted(value)}${interval ? ` (95 % ${formattedInterval(found)})` : ''}, and not ${check.comparator} ${check.limit}`;
  return { ...measured, verdict: passed ? 'PASS' : 'FAIL', reason };
}

/** Whether every value within the interval gives the same answer. */
function decided({ comparator, limit }: Check, { value, interval }: Estimate): boolean {
  const { low, high } = interval ?? { low: value, high: value };
  if (comparator === '==') return low === high || limit < low || limit > high;
  const holds = COMPARE[comparator];
  return holds(low, limit) === holds(high, limit);
}

function undecided({ limit, ratio, metric }: Check, found: Estimate): string {
  const missing = samplesMissing(found, limit);
  const where = ratio ? ' in each of the two phases' : '';
  const more =
    metric.startsWith('promises') || missing === null
      ? ''
      : `: it needs about ${missing.toLocaleString('en-US')} more samples${where}`;
  return `measured ${formatted(found.value)}, and the 95 % interval ${formattedInterval(found)} contains the limit ${limit}${more}`;
}

function formattedInterval({ value, interval }: Estimate): string {
  const { low, high } = interval ?? { low: value, high: value };
  return `${formatted(low)} to ${high === Number.POSITIVE_INFINITY ? '+∞' : formatted(high)}`;
}

function unitOf(check: Check, metrics: readonly Metric[]): string | undefined {
  return metrics.find(({ name }) => name === check.metric)?.unit;
}

function formatted(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

function nameOf(check: Check, phase: string | null): string {
  const of = check.of === null ? '' : `(${check.of})`;
  const stat = check.stat === null ? '' : `.${check.stat}`;
  return `${check.metric}${of}${stat}${phase === null ? '' : ` during ${phase}`}`;
}

function lookUp(check: Check, phase: string | null, metrics: readonly Metric[]): Measurement {
  const metric = metrics.find(
    (one) => one.name === check.metric && one.of === check.of && one.phase === phase,
  );
  const name = nameOf(check, phase);
  if (!metric) return { kind: 'nothing', reason: `${name} was not measured`, n: 0 };
  const { n } = metric;
  if (n === 0) return { kind: 'nothing', reason: `${name} found nothing to measure`, n };
  const { sampled = false }: MetricKind = METRICS[metric.name];
  const stat = check.stat as Stat;
  const needed =
    metric.shape === 'scalar' ? 0 : Math.max(samplesFor(stat), sampled ? MIN_SAMPLES : 0);
  if (n < needed) {
    const reason = `${name} needs ${needed} samples and has ${n}: ${needed - n} more`;
    return { kind: 'nothing', reason, n };
  }
  return { kind: 'value', ...estimated(metric, stat) };
}

function ratio(
  check: Check,
  { numerator, denominator }: NonNullable<Check['ratio']>,
  metrics: readonly Metric[],
): Measurement {
  const over = lookUp(check, numerator, metrics);
  const under = lookUp(check, denominator, metrics);
  if (over.kind === 'nothing') return over;
  if (under.kind === 'nothing') return under;
  if (under.value === 0) {
    const reason = `${nameOf(check, denominator)} is 0, and nothing can be measured against it`;
    return { kind: 'nothing', reason, n: Math.min(over.n, under.n) };
  }
  return { kind: 'value', ...ratioOf(over, under) };
}
