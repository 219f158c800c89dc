import { percent } from './format.ts';
import type { Gate, GateMetric } from './gate.ts';
import { gateHeadline } from './gate-text.ts';
import { type Case, junitOf } from './junit.ts';
import { shareOf } from './verdict-page.ts';

/** JUnit XML of a gate: its truth, and one test case per metric. What is undecided is an error, and never passed. */
export function gateJunit(
  gate: Gate,
  its: { readonly startedAt: string; readonly tookMs: number },
): string {
  const { truth, metrics, scenario, id, verdict, pairs, base, head, warnings, reproduce } = gate;
  return junitOf({
    name: `gate ${scenario}`,
    ...its,
    properties: [
      ['gate', id],
      ['verdict', verdict],
      ['base', base.label],
      ['head', head.label],
      ['pairs', String(pairs)],
      ...warnings.map((text) => ['warning', text] as const),
    ],
    cases: [
      {
        ...{ name: 'no row is lost, duplicated or wrong', group: 'truth' },
        ...(truth.length > 0
          ? { kind: 'failure', message: truth.join('; ') }
          : pairs === 0
            ? { kind: 'error', message: 'no pair counts' }
            : { kind: 'passed', message: '' }),
      },
      ...metrics.map(caseOf),
    ],
    output: [gateHeadline(gate), reproduce],
  });
}

const KINDS = { worse: 'failure', same: 'passed', undecided: 'error', 'no data': 'error' } as const;

function caseOf({ title, found, effect, estimate, upper, p, pairsNeeded }: GateMetric): Case {
  const change = `change ${shareOf(estimate)}, at most ${shareOf(upper)}, p ${p?.toFixed(3) ?? 'none'}`;
  const needed = pairsNeeded == null ? '' : `; needs about ${pairsNeeded} pairs`;
  return {
    name: `${title} is not worse by ${percent(effect)}`,
    group: 'metrics',
    kind: found === null ? 'error' : KINDS[found],
    message: found === 'no data' ? 'no data' : found === null ? 'too few pairs' : change + needed,
  };
}
