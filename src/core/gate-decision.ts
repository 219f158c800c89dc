import { judgePairs, type LogRatios, type PairedFinding } from './paired.ts';

/** A number of pairs after which a gate decides, and the error that it may make there. */
export interface Look {
  readonly pairs: number;
  /** Largest p-value that is a finding at this look. */
  readonly alpha: number;
}

/**
 * The looks of a gate share its error of 5 %: the sum of their alphas bounds the probability of any false finding, so
 * that looking again is no way to find what is not there. With six pairs no smaller p-value than 1/64 is possible.
 */
export const LOOKS: readonly Look[] = [
  { pairs: 6, alpha: 1 / 64 },
  { pairs: 9, alpha: 1 / 64 },
  { pairs: 12, alpha: 0.018 },
];

/** A metric that a gate decides by. */
export interface GatedMetric {
  readonly logRatios: LogRatios;
  /** The change to be found, as a share: 0.1 is 10 % worse. */
  readonly effect: number;
  /** Largest change that this machine shows without any cause, as a share; null: not measured. */
  readonly noise: number | null;
}

/** What a gate found in a metric. Shares: 0.1 is 10 % worse. */
export interface GateFinding extends Pick<PairedFinding, 'p' | 'coverage'> {
  readonly found: 'worse' | 'same' | 'undecided';
  readonly estimate: number;
  readonly upper: number;
  /** About how many pairs it would take; null: it is decided, or no number of pairs would decide. */
  readonly pairsNeeded: number | null;
}

/**
 * Decides by the pairs so far. `worse`: the p-value, adjusted for the number of metrics, is at most alpha, and the
 * estimate is above half of the effect and above the noise. `same`: the upper end is below the effect.
 */
export function decide(metrics: readonly GatedMetric[], alpha: number): readonly GateFinding[] {
  const findings = judgePairs(metrics.map(({ logRatios }) => logRatios));
  return findings.map(({ estimate, upper, coverage, p }, i) => {
    const metric = metrics[i] as GatedMetric;
    const least = Math.log1p(Math.max(metric.effect / 2, metric.noise ?? 0));
    const found =
      p <= alpha && estimate > least
        ? 'worse'
        : upper < Math.log1p(metric.effect)
          ? 'same'
          : 'undecided';
    return {
      ...{ found, p, coverage },
      estimate: Math.expm1(estimate),
      upper: Math.expm1(upper),
      pairsNeeded: found === 'undecided' ? pairsNeeded(metric, estimate, metrics.length) : null,
    };
  });
}

/** The first number of pairs at which a bound of normal values would decide; they vary as much as those so far. */
function pairsNeeded(
  { logRatios, effect, noise }: GatedMetric,
  estimate: number,
  metrics: number,
): number | null {
  const deviation = deviationOf(logRatios);
  if (deviation === null || !Number.isFinite(estimate)) return null;
  const limit = Math.log1p(effect);
  const least = Math.log1p(Math.max(effect / 2, noise ?? 0));
  const forSame = estimate < limit ? ((Z_95 * deviation) / (limit - estimate)) ** 2 : null;
  // Alpha is divided among the metrics here; in the decision their dependence is taken into account.
  const forWorse =
    estimate > least
      ? ((zOf(LOOKS.at(-1)?.alpha ?? 0, metrics) * deviation) / estimate) ** 2
      : null;
  const needed = [forSame, forWorse].filter((one) => one !== null);
  return needed.length === 0
    ? null
    : Math.max(logRatios.length + 1, Math.ceil(Math.min(...needed)));
}

const Z_95 = 1.645;

/** Upper quantile of the normal distribution for alpha divided among n metrics, within 0.5 % (Abramowitz and Stegun 26.2.23). */
export function zOf(alpha: number, n: number): number {
  const t = Math.sqrt(-2 * Math.log(alpha / n));
  return (
    t -
    (2.515517 + 0.802853 * t + 0.010328 * t * t) /
      (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t)
  );
}

/** Sample standard deviation; null for fewer than two values, and with infinite ones. */
function deviationOf(values: readonly number[]): number | null {
  if (values.length < 2 || !values.every(Number.isFinite)) return null;
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  const squares = values.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
