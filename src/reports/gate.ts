import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { decide, type GateFinding, LOOKS, type Look } from '../core/gate-decision.ts';
import type { GatePlan, GateSides, RecordedSide } from '../record/gate-plan.ts';
import type { RecordedTrial } from '../record/series.ts';
import { plural } from './format.ts';
import { type Measure, measuresOf } from './measures.ts';
import { isCounted, type ListedTrial, listedTrial, type Spread, spreadOf } from './repetition.ts';

export type GateVerdict = 'PASS' | 'FAIL' | 'UNDECIDED' | 'INVALID';

/** A metric of a gate. Medians are over the pairs that count; shares are of the base: 0.1 is 10 % worse. */
export interface GateMetric extends Pick<Measure, 'id' | 'title' | 'unit' | 'better'> {
  readonly effect: number;
  readonly noise: number | null;
  readonly base: Spread;
  readonly head: Spread;
  /** `no data`: a pair lacks the number. null: no look was reached. */
  readonly found: GateFinding['found'] | 'no data' | null;
  /** null is +∞; absent without a decision. */
  readonly estimate?: number | null;
  readonly upper?: number | null;
  readonly coverage?: number;
  readonly p?: number;
  readonly pairsNeeded?: number | null;
}

/** Whether the head is worse than the base. */
export interface Gate extends GatePlan {
  readonly version: 1;
  readonly scenario: string;
  /** PASS: the head is not worse by the effect in any metric. UNDECIDED: too few pairs, or values that scatter. */
  readonly verdict: GateVerdict;
  readonly exitCode: ExitCode;
  /** Whether more pairs cannot change the verdict. */
  readonly final: boolean;
  /** Pairs that count. */
  readonly pairs: number;
  /** The look that the findings are of; null: there were too few pairs for the first one. */
  readonly look: Look | null;
  /** Rows that the head lost, duplicated or falsified, one sentence each: one is enough to fail. */
  readonly truth: readonly string[];
  readonly metrics: readonly GateMetric[];
  /** Reasons not to trust the result. */
  readonly warnings: readonly string[];
  readonly base: ListedSide;
  readonly head: ListedSide;
}

interface ListedSide {
  readonly label: string;
  readonly pipeline: string;
  readonly trials: readonly ListedTrial[];
}

/** Two trials with the same traffic. */
interface Pair {
  readonly base: RecordedTrial;
  readonly head: RecordedTrial;
}

/** Judges the head by the pairs so far. Two records of one set of trials give the same result, whenever it is asked for. */
export function gateOf(plan: GatePlan, sides: GateSides): Gate {
  const complete = pairsOf(sides);
  const counted = countedOf(sides);
  const truth = counted.flatMap(({ head }) => untruths(head));
  const measured = metricsOf(plan, counted);
  const { look, metrics } = judged(measured);
  const found = metrics.map((metric) => metric.found);
  const last = LOOKS.at(-1)?.pairs ?? 0;
  const verdict = verdictOf({ truth, found, notJudged: notJudged(counted).length > 0, sides });
  const ended = [...sides.base.trials, ...sides.head.trials].find(
    ({ record }) => record.outcome !== 'completed',
  );
  return {
    version: 1,
    ...plan,
    scenario: sides.base.trials[0]?.record.scenario.name ?? '',
    verdict,
    exitCode:
      ended === undefined || verdict === 'FAIL'
        ? EXIT_OF[verdict]
        : (ended.record.exitCode as ExitCode),
    final:
      verdict === 'FAIL' ||
      verdict === 'PASS' ||
      found.includes('no data') ||
      counted.length >= last,
    pairs: counted.length,
    ...{ look, truth, metrics },
    warnings: [
      ...otherLane(plan, sides),
      ...dropped(complete),
      ...notJudged(counted),
      ...counted.flatMap(({ base }) =>
        untruths(base).map((text) => `${sides.base.label}: ${text}`),
      ),
    ],
    base: listed(sides.base),
    head: listed(sides.head),
  };
}

/** UNDECIDED is "no data" for a CI: too little is never a pass. */
export const EXIT_OF: Readonly<Record<GateVerdict, ExitCode>> = {
  PASS: EXIT.pass,
  FAIL: EXIT.checkFailed,
  UNDECIDED: EXIT.noData,
  INVALID: EXIT.invalid,
};

function verdictOf({
  truth,
  found,
  notJudged: unknown,
  sides,
}: {
  readonly truth: readonly string[];
  readonly found: readonly GateMetric['found'][];
  readonly notJudged: boolean;
  readonly sides: GateSides;
}): GateVerdict {
  if (truth.length > 0 || found.includes('worse')) return 'FAIL';
  if (!unknown && found.length > 0 && found.every((one) => one === 'same')) return 'PASS';
  // Whatever ran: not one trial of a side is to be trusted.
  const invalid = [sides.base, sides.head].some(
    ({ trials }) => trials.length > 0 && trials.every(({ record }) => record.verdict === 'INVALID'),
  );
  return invalid ? 'INVALID' : 'UNDECIDED';
}

function listed({ label, trials }: RecordedSide): ListedSide {
  return {
    label,
    pipeline: trials[0]?.record.pipeline.name ?? '',
    trials: trials.map(listedTrial),
  };
}

const countedOf = (sides: GateSides) =>
  pairsOf(sides).filter(({ base, head }) => isCounted(base) && isCounted(head));

function pairsOf({ base, head }: GateSides): readonly Pair[] {
  return base.trials.flatMap((one) => {
    const other = head.trials.find(({ number }) => number === one.number);
    return other === undefined ? [] : [{ base: one, head: other }];
  });
}

/** The measured noise, and what it is worth. */
function otherLane({ noiseLane }: GatePlan, { base }: GateSides): readonly string[] {
  const lane = base.trials[0]?.record.environment.lane;
  if (noiseLane === null || lane === undefined || lane === noiseLane) return [];
  return [
    `the noise was measured in another lane (${noiseLane}): measure it here with doorbuster aa`,
  ];
}

function dropped(pairs: readonly Pair[]): readonly string[] {
  return pairs.flatMap(({ base, head }) => {
    const why = Object.entries({ base, head }).flatMap(([name, trial]) => {
      const { reason, outcome } = listedTrial(trial);
      return isCounted(trial) ? [] : [`${name}: ${reason ?? outcome}`];
    });
    return why.length === 0 ? [] : [`pair ${base.number} does not count; ${why.join('; ')}`];
  });
}

const UNTRUE = ['lost', 'duplicated', 'wrong'] as const;

export function untruths({ record }: RecordedTrial): readonly string[] {
  const { truth, regressions } = record;
  const counts = UNTRUE.flatMap((kind) => {
    const n = truth?.[kind] ?? 0;
    return n > 0 ? [`${plural(n, kind === 'wrong' ? 'unit' : 'row')} ${kind}`] : [];
  });
  const back = regressions?.count ?? 0;
  const all = back > 0 ? [...counts, plural(back, 'regression')] : counts;
  return all.map((text) => `${text} in ${record.id}`);
}

/** Trials of which it is unknown whether they lost rows. */
function notJudged(pairs: readonly Pair[]): readonly string[] {
  return pairs.flatMap(({ base, head }) =>
    [base, head].flatMap(({ record }) => {
      const { truth } = record;
      const missing = truth?.notJudged?.map(({ what, reason }) => `${what} (${reason})`) ?? [];
      const unknown = truth ? missing : ['its truth'];
      return unknown.map((what) => `${record.id}: ${what} was not judged`);
    }),
  );
}

/** The pairs that count, and of every metric its logarithms; null: a pair lacks the number. */
export function pairedRatios(plan: GatePlan, sides: GateSides) {
  const counted = countedOf(sides);
  return { pairs: counted.length, metrics: metricsOf(plan, counted) };
}

type Measured = Omit<GateMetric, keyof GateFinding | 'found'> & {
  /** One per pair; null: a pair lacks the number. */
  readonly ratios: readonly number[] | null;
};

function metricsOf({ wanted }: GatePlan, pairs: readonly Pair[]): readonly Measured[] {
  const records = pairs.flatMap(({ base, head }) => [base.record, head.record]);
  const measures = new Map(measuresOf(records).map((one) => [one.id, one]));
  return wanted.map(({ id, effect, noise }) => {
    const measure = measures.get(id);
    const { title = id, unit = 'count', better = 'lower', of = () => undefined } = measure ?? {};
    const ratios = pairs.map(({ base, head }) =>
      logRatio(of(base.record), of(head.record), better),
    );
    return {
      ...{ id, title, unit, better, effect, noise },
      base: spreadOf(
        pairs.map(({ base }) => base),
        of,
      ),
      head: spreadOf(
        pairs.map(({ head }) => head),
        of,
      ),
      ratios: ratios.every((one) => one !== undefined) ? (ratios as readonly number[]) : null,
    };
  });
}

/** Logarithm of how many times worse the head is; a number that is null is +∞. undefined: a side has no such number. */
export function logRatio(
  base: number | null | undefined,
  head: number | null | undefined,
  better: Measure['better'],
): number | undefined {
  if (base === undefined || head === undefined) return undefined;
  const [good, bad] = better === 'lower' ? [base, head] : [head, base];
  const [under, over] = [good ?? Number.POSITIVE_INFINITY, bad ?? Number.POSITIVE_INFINITY];
  if (under < 0 || over < 0) return undefined;
  return under === over ? 0 : Math.log(over / under);
}

/** Decides at every look that was reached, until one finds something or decides every metric. */
function judged(metrics: readonly Measured[]): {
  readonly look: Look | null;
  readonly metrics: readonly GateMetric[];
} {
  const known = metrics.filter(({ ratios }) => ratios !== null);
  const pairs = known[0]?.ratios?.length ?? 0;
  let reached: Look | null = null;
  let decided: readonly GateFinding[] = [];
  for (const look of LOOKS) {
    if (look.pairs > pairs) break;
    reached = look;
    decided = decide(
      known.map(({ ratios, effect, noise }) => ({
        ...{ effect, noise },
        logRatios: (ratios ?? []).slice(0, look.pairs),
      })),
      look.alpha,
    );
    const all = decided.map(({ found }) => found);
    if (all.includes('worse') || all.every((one) => one === 'same')) break;
  }
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    look: reached,
    metrics: metrics.map((measured): GateMetric => {
      const { ratios, ...metric } = measured;
      if (ratios === null) return { ...metric, found: 'no data' };
      const one = decided[known.indexOf(measured)];
      if (one === undefined) return { ...metric, found: null };
      return { ...metric, ...one, estimate: finite(one.estimate), upper: finite(one.upper) };
    }),
  };
}
