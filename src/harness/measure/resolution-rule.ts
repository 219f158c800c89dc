import type { Stat } from '../../core/metrics.ts';
import { duration } from '../../core/readable.ts';
import type { Check } from '../../scenario/scenario.ts';
import type { Bounds, Resolution } from './resolution.ts';

/**
 * The widest interval that can decide a check, as a share of its limit. A number known to ± 10 % of the limit can tell
 * whether a design keeps the limit; with a much wider interval it says more about the census than about the design.
 */
const INTERVAL_SHARE_MAX = 0.2;

export const RESOLUTION_LIMIT = `an interval of ${INTERVAL_SHARE_MAX * 100} % of the limit that a check uses`;

/** Metrics that drop when a change becomes visible: they are as uncertain as the widest interval of their dataset. */
const DROP_METRICS: readonly string[] = ['age', 'store_age', 'answer_age', 'recovery'];

/** A sentence for each check whose metric the census knows too coarsely to judge it. */
export function tooCoarse(
  checks: readonly Check[],
  resolutions: readonly Resolution[],
): readonly string[] {
  return checks.flatMap((check) => {
    const width = widthOf(check, resolutions);
    // A limit of 0 has no share.
    if (width === undefined || check.limit <= 0 || width <= INTERVAL_SHARE_MAX * check.limit)
      return [];
    const read = (value: number) => (check.ratio ? value.toPrecision(2) : duration(value));
    return [`"${check.text}" is known to within ${read(width)}`];
  });
}

/** Width of the interval of a check's number, in its unit; undefined: the number does not depend on the census. */
function widthOf(check: Check, resolutions: readonly Resolution[]): number | undefined {
  const { metric, stat, ratio, during } = check;
  if (DROP_METRICS.includes(metric) && ratio === null) {
    const ofIt = resolutions.filter(
      ({ of, phase }) => phase === during && (check.of === of || !isOfDataset(check)),
    );
    return ofIt.length === 0 ? undefined : Math.max(...ofIt.map(({ judgedMs }) => judgedMs));
  }
  if (metric !== 'staleness' || stat === null) return undefined;
  const bounds = (phase: string | null) => boundsOf(resolutions, check.of, phase, stat as Stat);
  if (ratio === null) {
    const found = bounds(during);
    return found && found.high - found.low;
  }
  const [over, under] = [bounds(ratio.numerator), bounds(ratio.denominator)];
  return over && under && over.high / under.low - over.low / under.high;
}

/** Labels of answer_age are queries and those of recovery servers: there, any dataset may decide. */
function isOfDataset({ metric }: Check): boolean {
  return metric === 'age' || metric === 'store_age';
}

function boundsOf(
  resolutions: readonly Resolution[],
  of: string | null,
  phase: string | null,
  stat: Stat,
): Bounds | undefined {
  return resolutions.find((one) => one.of === of && one.phase === phase)?.bounds[stat];
}
