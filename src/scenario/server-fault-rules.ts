import { formatDuration } from '../core/units.ts';
import { atKey, atValue, type Problem, suggest } from './problems.ts';
import type { Sections } from './rules.ts';
import type { FaultAct } from './scenario.ts';
import { type Draft, draftTimedMs } from './schema.ts';

type FaultDraft = Draft['faults'][number];
type PhasesDraft = Draft['phases'];

/** Server faults that cannot happen, or would have no measurable effect. */
export function judgeServerFaults(sections: Sections): Problem[] {
  const { faults, random_faults: drawn, phases, staleness_target: target } = sections;
  if (!faults) return [];
  if (faults.length === 0 && drawn === undefined) {
    // A section with an error in it is missing.
    if (target === undefined || !('random_faults' in sections)) return [];
    const fact = 'without faults there is nothing to recover from: leave it out';
    return [atKey(['staleness_target'], fact)];
  }
  const section = faults.length > 0 ? 'faults' : 'random_faults';
  const problems: Problem[] = [];
  // If it is absent it has its default; with an error in it the key is missing.
  if (target === undefined && 'staleness_target' in sections) {
    const fact = 'recovery needs a target: add staleness_target, for example 10s';
    problems.push(atKey([section], fact));
  }
  if (sections.stack?.runtime === 'external') {
    const fact = `these need managed servers, and runtime: external has none: leave ${section} out, or use another runtime`;
    problems.push(atKey([section], fact));
  }
  faults.forEach((fault, i) => {
    problems.push(...judgeAct(fault, i));
    if (phases) problems.push(...judgeMoment(fault, i, phases));
  });
  if (phases && problems.length === 0) problems.push(...judgeOverlaps(faults, phases));
  return problems;
}

function judgeAct({ do: act, server, for: forMs }: FaultDraft, i: number): Problem[] {
  if (act === 'pause' && forMs === 0) {
    return [atValue(['faults', i, 'for'], 'a pause of 0s has no effect')];
  }
  const fact = actProblem(act, server);
  return fact === null ? [] : [atValue(['faults', i, 'server'], fact)];
}

/** Why this cannot happen to this server; null: it can. */
export function actProblem(act: FaultAct, server: string): string | null {
  if (act === 'pause' || server !== 'flink-jobmanager') return null;
  return `cannot come back from a ${act}: without high availability it forgets its jobs as it ends; pause it, or ${act} flink-taskmanager, which runs them`;
}

/** Why no fault can begin in the phase of this name; null: it can. */
export function phaseProblem(name: string, phases: PhasesDraft): string | null {
  const phase = phases.find((one) => one.name === name);
  if (!phase) {
    const names = phases.flatMap((one) => ('for' in one ? [one.name] : []));
    return `no phase "${name}": ${suggest(name, names)}`;
  }
  if (!('for' in phase)) return `"${name}" has no fixed length: faults need a timed phase`;
  return phase.measured ? null : `"${name}" is not measured: the fault would be in no metric`;
}

function judgeMoment(fault: FaultDraft, i: number, phases: PhasesDraft): Problem[] {
  const problem = (key: string, fact: string) => [atValue(['faults', i, key], fact)];
  const wrong = phaseProblem(fault.during, phases);
  if (wrong !== null) return problem('during', wrong);
  const phase = phases.find(({ name }) => name === fault.during);
  const forMs = phase && 'for' in phase ? phase.for : 0;
  if (fault.at >= forMs) {
    return problem('at', `"${fault.during}" is over by then: it takes ${formatDuration(forMs)}`);
  }
  const timedMs = draftTimedMs(phases);
  if (startOf(fault, phases) + fault.for < timedMs) return [];
  const fact = `the timed phases (${formatDuration(timedMs)}) end before it is back: its recovery would not be measured`;
  return problem('for', fact);
}

/** Outages of one server must not overlap. */
function judgeOverlaps(faults: readonly FaultDraft[], phases: PhasesDraft): Problem[] {
  const inOrder = faults
    .map((fault, i) => ({ fault, i, startMs: startOf(fault, phases) }))
    .sort((a, b) => a.startMs - b.startMs);
  return inOrder.flatMap(({ fault, i, startMs }, n) => {
    const before = inOrder
      .slice(0, n)
      .find((one) => one.fault.server === fault.server && one.startMs + one.fault.for >= startMs);
    if (!before) return [];
    const untilMs = before.startMs + before.fault.for;
    const fact = `${fault.server} is still unavailable then: it is back ${formatDuration(untilMs)} after t0, and this begins after ${formatDuration(startMs)}`;
    return [atValue(['faults', i, 'at'], fact)];
  });
}

/** Start of a fault, ms from t0. */
function startOf({ during, at }: FaultDraft, phases: PhasesDraft): number {
  const before = phases.slice(
    0,
    phases.findIndex(({ name }) => name === during),
  );
  return draftTimedMs(before) + at;
}
