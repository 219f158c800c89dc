import { formatDuration } from '../core/units.ts';
import { atKey, atValue, type Problem } from './problems.ts';
import { drawFaults, windowsOf } from './random-faults.ts';
import type { Sections } from './rules.ts';
import { FAULT_ACTS } from './scenario.ts';
import type { Draft } from './schema.ts';
import { actProblem, phaseProblem } from './server-fault-rules.ts';

type Law = NonNullable<Draft['random_faults']>;

const at = (...keys: readonly string[]) => ['random_faults', ...keys];

/** Drawn server faults that cannot be, or of which there would be none. */
export function judgeRandomFaults({
  random_faults: law,
  faults,
  phases,
  seed,
}: Sections): Problem[] {
  if (!law) return [];
  const problems: Problem[] = [...judgeServers(law), ...judgeLengths(law)];
  if (faults && faults.length > 0) {
    const fact = 'the faults are listed already: list them, or have them drawn';
    problems.push(atKey(at(), fact));
  }
  if (!phases) return problems;
  if (law.during !== undefined) {
    const fact = phaseProblem(law.during, phases);
    if (fact !== null) problems.push(atValue(at('during'), fact));
  }
  if (problems.length > 0 || seed === undefined) return problems;
  return judgeNumber({ random_faults: law, phases, seed });
}

/** The servers that go away in a run, listed or drawn; undefined while one of their sections has errors. */
export function faultyServers(sections: Sections): readonly string[] | undefined {
  const { seed, phases, faults, random_faults: law } = sections;
  if (!faults || !('random_faults' in sections)) return undefined;
  const listed = faults.map(({ server }) => server);
  if (law === undefined) return [...new Set(listed)];
  if (!phases || seed === undefined || judgeRandomFaults(sections).length > 0) return undefined;
  const all = Object.values(law.servers).filter((acts) => acts !== undefined).length;
  const drawn = new Set<string>();
  for (const { server } of drawFaults({ seed, phases, random_faults: law })) {
    drawn.add(server);
    // They take turns: the first round has all of them, if there is time for it.
    if (drawn.size === all) break;
  }
  return [...drawn];
}

function judgeServers({ servers, for: forMs, overlap }: Law): Problem[] {
  const named = Object.entries(servers).flatMap(([server, acts]) =>
    acts === undefined ? [] : [{ server, acts }],
  );
  if (named.length === 0) {
    return [atValue(at('servers'), 'no server is named: write kafka: [pause], for example')];
  }
  const problems = named.flatMap(({ server, acts }) =>
    FAULT_ACTS.filter((act) => acts.includes(act)).flatMap((act) => {
      const fact = actProblem(act, server);
      return fact === null ? [] : [atValue(at('servers', server), fact)];
    }),
  );
  if (overlap && named.length === 1) {
    const fact = 'one server cannot be unavailable twice at a time: leave it out';
    problems.push(atValue(at('overlap'), fact));
  }
  if (forMs === 0 && named.some(({ acts }) => acts.includes('pause'))) {
    problems.push(atValue(at('for'), 'a pause of 0s has no effect'));
  }
  return problems;
}

function judgeLengths({ every, for: forMs, for_max: longestMs, recovery, overlap }: Law) {
  if (longestMs !== undefined && longestMs < forMs) {
    const fact = `is less than for, the shortest one: ${formatDuration(forMs)}`;
    return [atValue(at('for_max'), fact)];
  }
  const meanMs = (forMs + (longestMs ?? forMs)) / 2;
  if (overlap || meanMs + recovery <= every) return [];
  const needs = formatDuration(meanMs + recovery);
  const fact = `is too often: an outage of ${formatDuration(meanMs)} on average and ${formatDuration(recovery)} of recovery take ${needs}; write every: ${needs} or more, a shorter recovery, or overlap: true`;
  return [atValue(at('every'), fact)];
}

/** Faults of one run: more would be no outages, but a stack that is never up. */
const MOST = 1_000;

function judgeNumber(draft: Pick<Draft, 'seed' | 'phases'> & { random_faults: Law }): Problem[] {
  const { every, for: forMs, for_max: longestMs = forMs, recovery } = draft.random_faults;
  const { windows } = windowsOf(draft);
  const lengthMs = windows.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  if (lengthMs / every > MOST) {
    const fact = `would be ${Math.round(lengthMs / every)} faults in ${formatDuration(lengthMs)}: ${MOST} are the most`;
    return [atValue(at('every'), fact)];
  }
  // With this much time every seed draws a fault, unless the phases have gaps.
  const neededMs = 2 * every + longestMs + recovery;
  if (lengthMs >= neededMs && !drawFaults(draft).next().done) return [];
  const fact = `is too seldom for ${formatDuration(lengthMs)} of measured phases, some seeds would draw no fault: they need ${formatDuration(neededMs)}, twice this, an outage and its recovery`;
  return [atValue(at('every'), fact)];
}
