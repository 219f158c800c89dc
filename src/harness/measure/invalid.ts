import { samplesFor } from '../../core/stats.ts';
import type { CanaryRecord, Invalid } from '../../record/record.ts';
import type { Check } from '../../scenario/scenario.ts';
import type { MeasureContext } from './context.ts';
import type { MachineShares, PhaseHealth } from './health.ts';
import { SLIP_RESOLUTION_MS } from './limits.ts';
import type { Resolution } from './resolution.ts';
import { RESOLUTION_LIMIT, tooCoarse } from './resolution-rule.ts';

/** Input of the rules. */
export interface Evidence {
  readonly phases: readonly PhaseHealth[];
  readonly canaries: CanaryRecord;
  readonly resolutions: readonly Resolution[];
  readonly context: Pick<MeasureContext, 'clockApartMs' | 'appended' | 'incidents'> & {
    readonly scenario: { readonly checks: readonly Check[] };
  };
}

/** One condition under which the harness, not the pipeline, may have determined the numbers. */
interface InvalidRule {
  readonly rule: string;
  readonly limit: string;
  /** One fact for each time the rule was broken. */
  readonly broken: (evidence: Evidence) => readonly string[];
}

const LATE_SHARE_MAX = 0.02;
const SLIP_SHARE_OF_TARGET = 0.01;
const LOOP_DELAY_MAX_MS = 50;
/** Shorter stalls of the main thread are within the interval of 150 ms that the census states. */
const MAIN_LOOP_DELAY_MAX_MS = 100;
const UNREAD_COMMITS_MAX = 2;
const HARNESS_SHARE_MAX = 0.2;
/** Above this share a machine counts as saturated. */
export const SATURATED_SHARE = 0.9;
const STEAL_MAX = 0.05;
/** Other programs take 2 % of an otherwise idle machine; 15 % of two cores is a third of one. */
const FOREIGN_SHARE_MAX = 0.15;
const FOREIGN_DIFFERENCE_MAX = 0.1;
const CLOCK_GAP_MAX_MS = 20;
/** Minimum shares of answered canary polls and of compared canaries: with fewer, the canaries are no check of the census. */
const ANSWERED_SHARE_MIN = 0.5;
const COMPARED_SHARE_MIN = 0.5;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const ms = (value: number) => `${value.toFixed(1)} ms`;

/** A rule for each measured phase; `fact` returns undefined where the rule is kept. */
function perPhase(fact: (phase: PhaseHealth, evidence: Evidence) => string | undefined) {
  return (evidence: Evidence) =>
    evidence.phases.flatMap((phase) => {
      const found = fact(phase, evidence);
      return found === undefined ? [] : [`${found} in ${phase.phase}`];
    });
}

/** A rule for each machine in each measured phase: the leader's, and that of every other shard. */
function perMachine(fact: (machine: MachineShares) => string | undefined) {
  return ({ phases }: Evidence) =>
    phases.flatMap((phase) =>
      [{ ...phase, number: undefined }, ...phase.shards].flatMap((machine) => {
        const found = fact(machine);
        if (found === undefined) return [];
        const where =
          machine.number === undefined ? '' : ` on the machine of shard ${machine.number}`;
        return [`${found} in ${phase.phase}${where}`];
      }),
    );
}

/** The freshness that the checks require in a phase, ms: the strictest limit on staleness. */
function requiredFreshnessMs(phase: string, checks: readonly Check[]): number {
  const limits = checks
    .filter(({ metric, ratio }) => metric === 'staleness' && ratio === null)
    .filter(({ during }) => during === null || during === phase)
    .map(({ limit }) => limit);
  return limits.length === 0 ? 0 : Math.min(...limits);
}

/** Pairs of phases that a check compares; payback compares the query rounds around the last compaction. */
function comparedPhases(
  checks: readonly Check[],
  phases: readonly PhaseHealth[],
): readonly (readonly [PhaseHealth, PhaseHealth])[] {
  const pairs = checks.flatMap(({ metric, ratio }): readonly (readonly [string, string])[] => {
    if (ratio !== null) return [[ratio.numerator, ratio.denominator]];
    if (metric !== 'payback') return [];
    const at = phases.findLastIndex(({ kind }) => kind === 'compact');
    const earlier = phases
      .slice(0, Math.max(0, at))
      .findLastIndex(({ kind }) => kind === 'compact');
    const rounds = [phases.slice(earlier + 1, Math.max(0, at)), phases.slice(at + 1)];
    const before = rounds[0]?.findLast(({ kind }) => kind === 'query');
    const after = rounds[1]?.find(({ kind }) => kind === 'query');
    return at >= 0 && before && after ? [[before.phase, after.phase]] : [];
  });
  const unique = new Map(pairs.map((pair) => [pair.join('\n'), pair]));
  return [...unique.values()].flatMap(([a, b]) => {
    const one = phases.find(({ phase }) => phase === a);
    const other = phases.find(({ phase }) => phase === b);
    return one && other ? [[one, other] as const] : [];
  });
}

/** The table of docs/verdicts.md. A broken rule makes a run INVALID: none of its numbers can be trusted. */
export const INVALID_RULES: readonly InvalidRule[] = [
  // First, because other programs may be the reason why later rules are broken.
  {
    rule: 'other programs',
    limit: '15 % of the machine over a phase',
    broken: perPhase(({ foreignShare }) =>
      (foreignShare ?? 0) > FOREIGN_SHARE_MAX
        ? `other programs took ${percent(foreignShare ?? 0)}`
        : undefined,
    ),
  },
  {
    rule: 'other programs in compared phases',
    limit: '10 points between two phases that a check compares',
    broken: ({ phases, context }) =>
      comparedPhases(context.scenario.checks, phases).flatMap(([a, b]) => {
        const [one, other] = [a.foreignShare, b.foreignShare];
        if (one === undefined || other === undefined) return [];
        if (Math.abs(one - other) <= FOREIGN_DIFFERENCE_MAX) return [];
        return [
          `other programs took ${percent(one)} in ${a.phase} and ${percent(other)} in ${b.phase}`,
        ];
      }),
  },
  {
    rule: 'late hand-over',
    limit: `2 % of a phase's messages later than due + 250 ms`,
    broken: perPhase(({ lateShare }) =>
      lateShare !== undefined && lateShare > LATE_SHARE_MAX
        ? `${percent(lateShare)} were late`
        : undefined,
    ),
  },
  {
    rule: 'schedule slip',
    limit: `p99 of 50 ms, or of 1 % of the freshness that a check requires`,
    // Of fewer than 100 messages the p99 is their maximum, and the text says so.
    broken: perPhase(({ phase, n, slipP99Ms }, { context }) => {
      const limit = Math.max(
        SLIP_RESOLUTION_MS,
        SLIP_SHARE_OF_TARGET * requiredFreshnessMs(phase, context.scenario.checks),
      );
      return slipP99Ms !== undefined && slipP99Ms > limit
        ? `${n < samplesFor('p99') ? 'max' : 'p99'} ${ms(slipP99Ms)} against ${ms(limit)}`
        : undefined;
    }),
  },
  {
    rule: 'event loop',
    limit: 'p99 delay of 50 ms in a producing thread',
    broken: perPhase(({ loopP99Ms }) =>
      loopP99Ms !== undefined && loopP99Ms > LOOP_DELAY_MAX_MS ? `p99 ${ms(loopP99Ms)}` : undefined,
    ),
  },
  {
    rule: 'main event loop',
    limit: 'p99 delay of 100 ms in the main thread',
    broken: perPhase(({ mainLoopP99Ms }) =>
      mainLoopP99Ms !== undefined && mainLoopP99Ms > MAIN_LOOP_DELAY_MAX_MS
        ? `p99 ${ms(mainLoopP99Ms)}`
        : undefined,
    ),
  },
  {
    rule: 'census behind',
    limit: `2 commits at a phase's end`,
    broken: perPhase(({ censusBehind }) =>
      censusBehind !== undefined && censusBehind > UNREAD_COMMITS_MAX
        ? `${censusBehind} commits were unread`
        : undefined,
    ),
  },
  {
    rule: 'resolution',
    limit: RESOLUTION_LIMIT,
    broken: ({ resolutions, context }) => tooCoarse(context.scenario.checks, resolutions),
  },
  {
    rule: 'harness too heavy',
    limit: '20 % of the machine while the machine is above 90 % busy',
    broken: perMachine(({ harnessShare, machineBusy }) =>
      (harnessShare ?? 0) > HARNESS_SHARE_MAX && (machineBusy ?? 0) > SATURATED_SHARE
        ? `${percent(harnessShare ?? 0)} of a machine ${percent(machineBusy ?? 0)} busy`
        : undefined,
    ),
  },
  {
    rule: 'steal',
    limit: `5 % of the machine's time over a phase`,
    broken: perMachine(({ steal }) =>
      (steal ?? 0) > STEAL_MAX ? `${percent(steal ?? 0)} went to other machines` : undefined,
    ),
  },
  {
    rule: 'clocks apart',
    limit: '20 ms between the wall clock and the monotonic one',
    broken: ({ context: { clockApartMs } }) =>
      clockApartMs > CLOCK_GAP_MAX_MS ? [`they were ${ms(clockApartMs)} apart`] : [],
  },
  {
    rule: 'acknowledged is appended',
    limit: `as many records in each partition's log as were acknowledged`,
    broken: ({ context: { appended } }) =>
      (appended ?? []).flatMap((part) => {
        const { stream, part: number, acknowledged, unanswered, appended: found } = part;
        if (found >= acknowledged && found <= acknowledged + unanswered) return [];
        return [`${stream}-${number} holds ${found}, and ${acknowledged} were acknowledged`];
      }),
  },
  {
    rule: 'canary and census disjoint',
    limit: 'every canary within the interval in which the census saw it',
    broken: ({ canaries: { disjoint, compared } }) =>
      disjoint > 0 ? [`${disjoint} of ${Math.max(compared, disjoint)} contradict each other`] : [],
  },
  {
    rule: 'canary polls',
    limit: 'an answer to half of the polls for canaries',
    broken: ({ canaries: { polls, failedPolls } }) =>
      (failedPolls ?? 0) > ANSWERED_SHARE_MIN * (polls ?? 0)
        ? [`${failedPolls} of ${polls} had no answer`]
        : [],
  },
  {
    rule: 'canaries compared',
    limit: 'half of the canaries that the broker acknowledged, and one',
    broken: ({ canaries: { sent, unsent, compared } }) =>
      compared < COMPARED_SHARE_MIN * (sent - (unsent ?? 0)) || (sent > 0 && compared === 0)
        ? [`the reader answered about ${compared} of ${sent}`]
        : [],
  },
];

/** Every broken rule, and the incidents that the probes reported. */
export function judgeValidity(evidence: Evidence): Invalid[] {
  const judged = INVALID_RULES.flatMap(({ rule, limit, broken }) => {
    const facts = broken(evidence);
    return facts.length === 0 ? [] : [{ rule, fact: facts.join('; '), limit }];
  });
  const reported = evidence.context.incidents.map(({ rule, fact, limit }) => ({
    rule,
    fact,
    limit,
  }));
  return [...judged, ...reported];
}
