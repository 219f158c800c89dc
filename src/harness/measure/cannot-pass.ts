import { METRICS, type MetricName, type Stat } from '../../core/metrics.ts';
import { QUANTILES, samplesFor } from '../../core/stats.ts';
import type { CheckResult } from '../../record/record.ts';
import type { Check } from '../../scenario/scenario.ts';
import { COMPARE } from './checks.ts';

/**
 * What is certain of a metric while the run goes on, whatever follows:
 *
 * - samples: of a distribution whose samples can only become larger and more. `known` of them exist, `beyond` of these
 *   violate the check's limit already, the largest is at least `largest`, and there will be `most` in all; null: unknown.
 * - growing: a number that cannot fall below `least`, of `n` things that were counted.
 * - final: a number that does not change any more.
 */
export type Certain =
  | {
      readonly kind: 'samples';
      readonly known: number;
      readonly beyond: number;
      readonly largest: number;
      readonly most: number | null;
    }
  | { readonly kind: 'growing'; readonly n: number; readonly least: number }
  | { readonly kind: 'final'; readonly n: number; readonly value: number };

/** How a metric can be known before the end of a run; a metric that is not here is judged at the end only. */
const KNOWN_EARLY = {
  staleness: 'samples',
  age: 'samples',
  query_failed: 'growing',
  cost: 'growing',
  files: 'final',
  backlog: 'final',
} as const satisfies Partial<Record<MetricName, Certain['kind']>>;
export type KnownEarly = keyof typeof KNOWN_EARLY;

/** The metric of a check, if the check can be decided before the end of a run; null otherwise. */
export function knownEarly(check: Check): KnownEarly | null {
  const { metric, ratio, comparator, stat } = check;
  if (ratio !== null || !Object.hasOwn(KNOWN_EARLY, metric)) return null;
  const name = metric as KnownEarly;
  const kind = KNOWN_EARLY[name];
  // What is certain only rules out low numbers, and the value of a phase only after the phase.
  if (kind === 'final') return check.during === null ? null : name;
  if (comparator === '>' || comparator === '>=') return null;
  // Age is sampled at equal intervals: only its maximum follows from single changes.
  const upper = stat === 'max' || (name === 'staleness' && stat !== null && stat in QUANTILES);
  return kind === 'growing' || upper ? name : null;
}

/** Whether a sample of this value violates an upper limit. A sample at the limit of `==` does not. */
export function isBeyond(
  { comparator, limit }: Pick<Check, 'comparator' | 'limit'>,
  value: number,
) {
  return comparator === '<' ? value >= limit : value > limit;
}

/**
 * The failed result of a check that fails at the end of the run whatever follows; null: it may still pass, or end
 * without enough data to be judged.
 */
export function cannotPass(check: Check, certain: Certain): CheckResult | null {
  const { text, line, limit, comparator } = check;
  const unit = METRICS[check.metric as MetricName].unit;
  const inUnit = (value: number) =>
    `${Number(value.toPrecision(4))}${unit === 'count' ? '' : ` ${unit}`}`;
  const failed = (n: number, fact: string, measured?: number): CheckResult => ({
    ...{ text, line, unit, limit, n, verdict: 'FAIL' },
    ...(measured === undefined ? {} : { measured }),
    reason: `${fact}, so that it cannot be ${comparator} ${limit} any more`,
  });
  switch (certain.kind) {
    case 'final': {
      const { n, value } = certain;
      if (n === 0 || COMPARE[comparator](value, limit)) return null;
      return failed(n, `measured ${inUnit(value)}`, value);
    }
    case 'growing': {
      const { n, least } = certain;
      if (n === 0 || !isBeyond(check, least)) return null;
      return failed(n, `at least ${inUnit(least)} already`, least);
    }
    case 'samples': {
      const { known, beyond, largest, most } = certain;
      if (check.stat === 'max') {
        return beyond === 0
          ? null
          : failed(known, `one sample is at least ${inUnit(largest)}`, largest);
      }
      if (most === null || !quantileIsBeyond(check.stat as Stat, { known, beyond, most }))
        return null;
      return failed(known, `${beyond} of at most ${most} samples are beyond the limit`);
    }
  }
}

/** Whether the nearest rank of a quantile is among the samples beyond the limit, for every final number of samples up to `most`. */
function quantileIsBeyond(
  stat: Stat,
  {
    known,
    beyond,
    most,
  }: { readonly known: number; readonly beyond: number; readonly most: number },
): boolean {
  if (!(stat in QUANTILES) || known < samplesFor(stat)) return false;
  const share = QUANTILES[stat as keyof typeof QUANTILES];
  // Samples above the rank grow with their number: `most` is the worst case.
  return Math.max(1, Math.ceil(share * most)) > most - beyond;
}
