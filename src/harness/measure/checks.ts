import type { Stat } from '../../core/metrics.ts';
import type { CheckResult, Metric } from '../../record/record.ts';
import type { Check, Comparator } from '../../scenario/scenario.ts';

const COMPARE: Readonly<Record<Comparator, (value: number, limit: number) => boolean>> = {
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '==': (value, limit) => value === limit,
  '>=': (value, limit) => value >= limit,
  '>': (value, limit) => value > limit,
};

/** A number that was measured (null: +∞), or why there is none. */
type Found =
  | { readonly kind: 'value'; readonly value: number | null; readonly n: number }
  | { readonly kind: 'nothing'; readonly reason: string; readonly n: number };

/**
 * Judges a check by the metrics. What was not measured is NO_DATA and never a pass; a number that is
 * +∞ (something the run did not live to see) fails, whatever the comparator.
 */
export function judge(check: Check, metrics: readonly Metric[]): CheckResult {
  const found = check.ratio
    ? ratio(check, check.ratio, metrics)
    : lookUp(check, check.during, metrics);
  const unit = check.ratio ? 'ratio' : (unitOf(check, metrics) ?? '');
  const base = { text: check.text, line: check.line, unit, limit: check.limit, n: found.n };
  if (found.kind === 'nothing') return { ...base, verdict: 'NO_DATA', reason: found.reason };
  const { value } = found;
  if (value === null) {
    const reason = 'not seen before the run ended: it counts as +∞';
    return { ...base, verdict: 'FAIL', measured: null, reason };
  }
  const passed = COMPARE[check.comparator](value, check.limit);
  const reason = passed
    ? null
    : `measured ${shown(value)}, and not ${check.comparator} ${check.limit}`;
  return { ...base, verdict: passed ? 'PASS' : 'FAIL', measured: value, reason };
}

function unitOf(check: Check, metrics: readonly Metric[]): string | undefined {
  return metrics.find(({ name }) => name === check.metric)?.unit;
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

function nameOf(check: Check, phase: string | null): string {
  const of = check.of === null ? '' : `(${check.of})`;
  const stat = check.stat === null ? '' : `.${check.stat}`;
  return `${check.metric}${of}${stat}${phase === null ? '' : ` during ${phase}`}`;
}

function lookUp(check: Check, phase: string | null, metrics: readonly Metric[]): Found {
  const metric = metrics.find(
    (one) => one.name === check.metric && one.of === check.of && one.phase === phase,
  );
  const name = nameOf(check, phase);
  if (!metric) return { kind: 'nothing', reason: `${name} was not measured`, n: 0 };
  const { n } = metric;
  if (n === 0) return { kind: 'nothing', reason: `${name} found nothing to measure`, n };
  if (metric.shape === 'scalar') return { kind: 'value', value: metric.value, n };
  const value = metric.stats[check.stat as Stat];
  if (value !== undefined) return { kind: 'value', value, n };
  return { kind: 'nothing', reason: `${name} needs more than ${n} samples`, n };
}

function ratio(
  check: Check,
  { numerator, denominator }: NonNullable<Check['ratio']>,
  metrics: readonly Metric[],
): Found {
  const over = lookUp(check, numerator, metrics);
  const under = lookUp(check, denominator, metrics);
  if (over.kind === 'nothing') return over;
  if (under.kind === 'nothing') return under;
  const n = Math.min(over.n, under.n);
  if (over.value === null || under.value === null) {
    return { kind: 'value', value: null, n };
  }
  if (under.value === 0) {
    const reason = `${nameOf(check, denominator)} is 0, and nothing can be measured against it`;
    return { kind: 'nothing', reason, n };
  }
  return { kind: 'value', value: over.value / under.value, n };
}
