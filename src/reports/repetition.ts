import { EXIT, type ExitCode, type Verdict } from '../core/exit-codes.ts';
import type { Metric, RunRecord } from '../record/record.ts';
import type { RecordedTrial, RepetitionPlan } from '../record/series.ts';

/** A number over the counted trials. null is +∞; "no data" is absent. */
export interface Spread {
  /** Number of trials with the value, and of those without. */
  readonly n: number;
  readonly missing: number;
  readonly median?: number | null;
  readonly min?: number | null;
  readonly max?: number | null;
  /** Coefficient of variation: the sample standard deviation ÷ the mean. Absent below two trials, with +∞, and of mean 0. */
  readonly cv?: number;
  readonly values: readonly { readonly trial: number; readonly value: number | null }[];
}

/** A trial in the list of its series. */
export interface ListedTrial {
  readonly number: number;
  readonly seed: number;
  /** Name of its folder. */
  readonly run: string;
  readonly outcome: RunRecord['outcome'];
  readonly verdict: Verdict | null;
  readonly counted: boolean;
  /** The reason why it does not count, or what failed. */
  readonly reason: string | null;
}

/** Several trials of one scenario on one stack. */
export interface Repetition extends RepetitionPlan {
  readonly version: 1;
  readonly scenario: string;
  /** FAIL if any trial failed; otherwise null if a trial is missing or was not judged; PASS if all passed. */
  readonly verdict: Verdict | null;
  readonly exitCode: ExitCode;
  /** Trials whose numbers are in the spreads: completed, and not INVALID. */
  readonly counted: number;
  readonly runs: readonly ListedTrial[];
  readonly checks: readonly {
    readonly text: string;
    readonly unit: string;
    readonly limit: number;
    readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
    readonly spread: Spread;
  }[];
  readonly metrics: readonly {
    readonly name: Metric['name'];
    readonly of: string | null;
    readonly phase: string | null;
    /** Statistic of a distribution. */
    readonly stat: string | null;
    readonly unit: string;
    readonly better: Metric['better'];
    readonly spread: Spread;
  }[];
}

/** Combines several trials. Numbers of trials that are INVALID or did not complete are in no spread. */
export function repetitionOf(plan: RepetitionPlan, trials: readonly RecordedTrial[]): Repetition {
  const counted = trials.filter(isCounted);
  const verdict = verdictOf(plan, trials);
  return {
    version: 1,
    ...plan,
    scenario: trials[0]?.record.scenario.name ?? '',
    verdict,
    exitCode: exitCodeOf(trials, verdict),
    counted: counted.length,
    runs: trials.map(listedTrial),
    checks: checksOf(trials, counted),
    metrics: metricsOf(counted),
  };
}

/** How a list shows a trial. */
export function listedTrial(trial: RecordedTrial): ListedTrial {
  const { number, seed, record } = trial;
  return {
    ...{ number, seed, run: record.id, outcome: record.outcome, verdict: record.verdict },
    counted: isCounted(trial),
    reason: reasonOf(trial),
  };
}

/** Whether the numbers of a trial are in the spreads. */
export function isCounted({ number, record }: RecordedTrial): boolean {
  return number > 0 && record.outcome === 'completed' && record.verdict !== 'INVALID';
}

function reasonOf({ number, record }: RecordedTrial): string | null {
  const { outcome, verdict, headline, invalid, checks } = record;
  if (outcome !== 'completed') return headline.text;
  if (verdict === 'INVALID') return invalid.map(({ rule, fact }) => `${rule}: ${fact}`).join('; ');
  if (number === 0) return 'warm-up';
  if (verdict === 'PASS') return null;
  const found = checks.filter((check) => check.verdict === verdict);
  return found.length === 0 ? headline.text : found.map(({ text }) => text).join('; ');
}

function verdictOf({ trials: planned }: RepetitionPlan, trials: readonly RecordedTrial[]) {
  const judged = trials.filter(({ number }) => number > 0).map(({ record }) => record);
  const some = (verdict: Verdict) => judged.some((record) => record.verdict === verdict);
  if (some('FAIL')) return 'FAIL';
  const whole = judged.filter(({ outcome }) => outcome === 'completed').length === planned;
  if (!whole || judged.some(({ verdict }) => verdict === null)) return null;
  return some('INVALID') ? 'INVALID' : some('NO_DATA') ? 'NO_DATA' : 'PASS';
}

const BY_VERDICT: Readonly<Record<Verdict, ExitCode>> = {
  PASS: EXIT.pass,
  FAIL: EXIT.checkFailed,
  INVALID: EXIT.invalid,
  NO_DATA: EXIT.noData,
};

/** Exit code of the trial that did not complete, if any; otherwise that of the verdict. */
function exitCodeOf(trials: readonly RecordedTrial[], verdict: Verdict | null): ExitCode {
  const ended = trials.find(({ record }) => record.outcome !== 'completed');
  if (ended !== undefined) return ended.record.exitCode as ExitCode;
  return verdict === null ? EXIT.interrupted : BY_VERDICT[verdict];
}

/** Every check, even if no trial counts. */
function checksOf(
  trials: readonly RecordedTrial[],
  counted: readonly RecordedTrial[],
): Repetition['checks'] {
  const judged = trials.find(({ record }) => record.checks.length > 0);
  return (judged?.record.checks ?? []).map(({ text, unit, limit }, i) => {
    const verdicts: Partial<Record<Verdict, number>> = {};
    for (const { record } of counted) {
      const verdict = record.checks[i]?.verdict;
      if (verdict !== undefined) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    }
    return {
      ...{ text, unit, limit, verdicts },
      spread: spreadOf(counted, ({ checks }) => checks[i]?.measured),
    };
  });
}

type Wanted = Omit<Repetition['metrics'][number], 'spread'>;

/** Every statistic of every metric, over the trials that count. */
export function metricsOf(counted: readonly RecordedTrial[]): Repetition['metrics'] {
  const wanted = new Map<string, Wanted>();
  for (const { record } of counted) {
    for (const { name, of, phase, unit, better, ...metric } of record.metrics) {
      const stats = metric.shape === 'scalar' ? [null] : Object.keys(metric.stats);
      for (const stat of stats) {
        const key = [name, of, phase, stat].join('\n');
        wanted.set(key, wanted.get(key) ?? { name, of, phase, stat, unit, better });
      }
    }
  }
  return [...wanted.values()].map((one) => ({
    ...one,
    spread: spreadOf(counted, ({ metrics }) => measuredOf(metrics, one)),
  }));
}

function measuredOf(metrics: readonly Metric[], { name, of, phase, stat }: Wanted) {
  const found = metrics.find((one) => one.name === name && one.of === of && one.phase === phase);
  if (found === undefined || found.n === 0) return undefined;
  if (found.shape === 'scalar') return found.value;
  return stat === null ? undefined : found.stats[stat as keyof typeof found.stats];
}

/** One number over the trials that count; `of` returns undefined where a record has no data. */
export function spreadOf(
  counted: readonly RecordedTrial[],
  of: (record: RunRecord) => number | null | undefined,
): Spread {
  const values = counted.flatMap(({ number: trial, record }) => {
    const value = of(record);
    return value === undefined ? [] : [{ trial, value }];
  });
  const sorted = values
    .map(({ value }) => value ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => (a === b ? 0 : a - b));
  const n = sorted.length;
  const base = { n, missing: counted.length - n, values };
  if (n === 0) return base;
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  const [low, high] = [sorted[(n - 1) >> 1] as number, sorted[n >> 1] as number];
  const cv = variation(sorted);
  return {
    ...base,
    median: finite((low + high) / 2),
    min: finite(sorted[0] as number),
    max: finite(sorted[n - 1] as number),
    ...(cv === undefined ? {} : { cv }),
  };
}

function variation(values: readonly number[]): number | undefined {
  const n = values.length;
  if (n < 2 || values.some((value) => !Number.isFinite(value))) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (mean === 0) return undefined;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (n - 1)) / Math.abs(mean);
}
