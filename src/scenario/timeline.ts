import type { Phase, Scenario } from './scenario.ts';

type LoadPhase = Extract<Phase, { kind: 'load' }>;

/** A timed phase with its start and end as offsets from t0: [startMs, endMs). */
export interface TimedPhase {
  readonly phase: LoadPhase;
  readonly startMs: number;
  readonly endMs: number;
}

/** The timed phases in their order. After the last one the load continues at 1x, without end. */
export function timeline(scenario: Pick<Scenario, 'phases'>): readonly TimedPhase[] {
  let startMs = 0;
  return scenario.phases.flatMap((phase) => {
    if (phase.kind !== 'load') return [];
    const timed = { phase, startMs, endMs: startMs + phase.forMs };
    startMs = timed.endMs;
    return [timed];
  });
}

/** The timed phases that are measured. */
export function measuredPhases(scenario: Pick<Scenario, 'phases'>): readonly TimedPhase[] {
  return timeline(scenario).filter(({ phase }) => phase.measured);
}

/** End of the timed phases, as an offset from t0. */
export function timedMs(scenario: Pick<Scenario, 'phases'>): number {
  return timeline(scenario).at(-1)?.endMs ?? 0;
}
