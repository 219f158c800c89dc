import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { compareSamples } from '../core/two-samples.ts';
import { judgeGroups, MOST_SPLITS, splitsOf } from '../core/unpaired.ts';
import type { GatePlan, GateSides, RecordedSide } from '../record/gate-plan.ts';
import { EXIT_OF, type GateVerdict, untruths } from './gate.ts';
import { type Measure, measuresOf } from './measures.ts';
import { isCounted, listedTrial, type Spread, spreadOf } from './repetition.ts';
import { type Cell, cell } from './section.ts';
import type { TerminalOptions } from './terminal.ts';
import { decidedTable, type VerdictPage, verdictMarkdown, verdictText } from './verdict-page.ts';

/** The largest p-value that is a finding. */
const ALPHA = 0.05;
/** Fewest trials of a side: with three and three the smallest p-value is 1/20. */
export const LEAST_TRIALS = 3;

/** A metric of the head against recorded trials. Shares are of the base: 0.1 is 10 % worse; null is +∞. */
interface AgainstMetric extends Pick<Measure, 'id' | 'title' | 'unit' | 'better'> {
  readonly effect: number;
  readonly base: Spread;
  readonly head: Spread;
  readonly found: 'worse' | 'same' | 'undecided' | 'no data';
  /** Absent where a value is 0, which has no ratio. */
  readonly estimate?: number | null;
  readonly upper?: number | null;
  readonly p?: number;
}

/** Whether the head is worse than what was recorded earlier. */
export interface Against {
  readonly version: 1;
  readonly id: string;
  readonly reproduce: string;
  readonly scenario: string;
  readonly verdict: GateVerdict;
  /** Whether the verdict is the exit code; otherwise it is advice. */
  readonly strict: boolean;
  readonly exitCode: ExitCode;
  readonly base: {
    readonly label: string;
    readonly counted: number;
    readonly commits: readonly string[];
  };
  readonly head: { readonly label: string; readonly counted: number };
  /** Whether every split of the trials was tried. */
  readonly exact: boolean;
  readonly truth: readonly string[];
  readonly metrics: readonly AgainstMetric[];
  readonly warnings: readonly string[];
}

/** Judges trials of the head against recorded ones: two independent samples, of different hours. */
export function againstOf(
  plan: Pick<GatePlan, 'id' | 'reproduce' | 'wanted'>,
  { base, head }: GateSides,
  strict: boolean,
): Against {
  const [before, after] = [base.trials.filter(isCounted), head.trials.filter(isCounted)];
  const sides = { base: { ...base, trials: before }, head: { ...head, trials: after } };
  const metrics = metricsOf(plan.wanted, sides);
  const truth = after.flatMap(untruths);
  const notJudged = after.filter(({ record }) => !record.truth || record.truth.notJudged?.length);
  const verdict = verdictOf({
    metrics,
    truth,
    counted: after.length,
    unknown: notJudged.length > 0,
  });
  const ended = head.trials.find(({ record }) => record.outcome !== 'completed');
  const trials = before.length + after.length;
  return {
    ...{ version: 1, id: plan.id, reproduce: plan.reproduce, verdict, strict },
    scenario: base.trials[0]?.record.scenario.name ?? '',
    exitCode:
      ended !== undefined
        ? (ended.record.exitCode as ExitCode)
        : strict
          ? EXIT_OF[verdict]
          : EXIT.pass,
    base: {
      ...{ label: base.label, counted: before.length },
      commits: [...new Set(before.flatMap(({ record }) => record.environment.commit ?? []))],
    },
    head: { label: head.label, counted: after.length },
    exact: splitsOf(trials, after.length) <= MOST_SPLITS,
    ...{ truth, metrics },
    warnings: [
      'the base was recorded at another time: what else changed on this machine since is in the numbers',
      ...[...base.trials, ...head.trials].flatMap((trial) =>
        isCounted(trial)
          ? []
          : [`${trial.record.id} does not count: ${listedTrial(trial).reason ?? 'not completed'}`],
      ),
      ...notJudged.map(({ record }) => `${record.id}: not all of its truth was judged`),
    ],
  };
}

function verdictOf({
  metrics,
  truth,
  counted,
  unknown,
}: {
  readonly metrics: readonly AgainstMetric[];
  readonly truth: readonly string[];
  readonly counted: number;
  readonly unknown: boolean;
}): GateVerdict {
  if (truth.length > 0 || metrics.some(({ found }) => found === 'worse')) return 'FAIL';
  if (counted === 0) return 'INVALID';
  return !unknown && metrics.every(({ found }) => found === 'same') ? 'PASS' : 'UNDECIDED';
}

function metricsOf(
  wanted: GatePlan['wanted'],
  { base, head }: GateSides,
): readonly AgainstMetric[] {
  const records = [...base.trials, ...head.trials].map(({ record }) => record);
  const measures = new Map(measuresOf(records).map((one) => [one.id, one]));
  const all = wanted.map(({ id, effect, noise }) => {
    const measure = measures.get(id);
    const { title = id, unit = 'count', better = 'lower', of = () => undefined } = measure ?? {};
    const values = ({ trials }: RecordedSide) =>
      trials.map(({ record }) => of(record)).map((one) => (one === null ? Infinity : one));
    const [before, after] = [values(base), values(head)];
    const known = (list: typeof before): list is number[] =>
      list.length >= LEAST_TRIALS && list.every((one) => one !== undefined && one >= 0);
    return {
      metric: {
        ...{ id, title, unit, better, effect },
        ...{ base: spreadOf(base.trials, of), head: spreadOf(head.trials, of) },
      },
      least: Math.max(effect / 2, noise ?? 0),
      values: known(before) && known(after) ? { before, after } : null,
    };
  });
  const judgeable = all.filter(({ values }) => values !== null);
  const worse = (better: Measure['better']) => (value: number) =>
    better === 'lower' ? Math.log(value) : -Math.log(value);
  const p =
    judgeable.length === 0
      ? []
      : judgeGroups(
          judgeable.map(({ metric, values }) => ({
            base: (values?.before ?? []).map(worse(metric.better)),
            head: (values?.after ?? []).map(worse(metric.better)),
          })),
        );
  return all.map((one): AgainstMetric => {
    const { metric, least, values } = one;
    if (values === null) return { ...metric, found: 'no data' };
    return { ...metric, ...foundIn(metric, values, least, p[judgeable.indexOf(one)] as number) };
  });
}

function foundIn(
  { better, effect }: Pick<AgainstMetric, 'better' | 'effect'>,
  { before, after }: { readonly before: readonly number[]; readonly after: readonly number[] },
  least: number,
  p: number,
): Pick<AgainstMetric, 'found' | 'estimate' | 'upper' | 'p'> {
  const [over, under] = better === 'lower' ? [after, before] : [before, after];
  const { kind, estimate, high } = compareSamples(over, under);
  if (kind === 'difference') {
    // A value of 0 has no ratio: only the direction is known.
    const found = p <= ALPHA && estimate > 0 ? 'worse' : high <= 0 ? 'same' : 'undecided';
    return { found, p };
  }
  const finite = (ratio: number) => (Number.isFinite(ratio) ? ratio - 1 : null);
  const found =
    p <= ALPHA && estimate - 1 > least ? 'worse' : high - 1 < effect ? 'same' : 'undecided';
  return { found, p, estimate: finite(estimate), upper: finite(high) };
}

/** For a terminal. */
export function renderAgainst(against: Against, options: TerminalOptions): string {
  return verdictText(pageOf(against), options);
}

/** For a pull request. */
export function againstMarkdown(against: Against): string {
  return verdictMarkdown(pageOf(against));
}

function pageOf(against: Against): VerdictPage {
  return {
    ...against,
    headline: headlineOf(against),
    table: decidedTable(against.metrics, ({ found }) => FOUND[found]),
    legend: legendOf(against),
  };
}

function headlineOf({ verdict, strict, base, head, metrics, truth }: Against): string {
  const worse = metrics.filter(({ found }) => found === 'worse').map(({ title }) => title);
  const text = {
    PASS: `${head.label} is not worse than ${base.label}`,
    FAIL:
      truth.length > 0
        ? `${head.label} lost, duplicated or falsified rows`
        : `${head.label} is worse than ${base.label}: ${worse.join(' · ')}`,
    UNDECIDED: 'undecided: too few trials, or values that scatter',
    INVALID: 'no trial of the head counts',
  }[verdict];
  return strict ? text : `${text}. This is advice, and not the exit code: --strict makes it one`;
}

const FOUND: Readonly<Record<AgainstMetric['found'], Cell>> = {
  worse: cell('worse', 'bad'),
  same: cell('not worse', 'good'),
  undecided: cell('undecided', 'warn'),
  'no data': cell('no data', 'warn'),
};

function legendOf({ base, head, exact }: Against): string {
  const splits = exact ? 'all ways' : '20,000 ways that were drawn';
  return (
    `Medians of ${base.counted} recorded and ${head.counted} new trials, as two independent samples; a positive change is worse. ` +
    `p: of ${splits} to split the trials into two such groups, the share in which any metric looks as bad (permutation test, step-down maximum); ` +
    `worse is p of at most ${ALPHA} and a change above half of the effect. "at most": the upper end of the interval of Mann and Whitney's test. ` +
    'A difference between two hours of this machine cannot be distinguished from one of the pipelines: only a gate of both sides does that.'
  );
}
