import { every } from '../../core/clock.ts';
import { rateAt } from '../../generators/expected/rate.ts';
import { timedMs } from '../../scenario/timeline.ts';
import { stockView } from '../../topology/dataset.ts';
import type { Tick } from './progress.ts';
import type { Session } from './trial-context.ts';
import { isPast } from './trial-state.ts';

const EVERY_MS = 500;
/** What a phase without a length usually takes, for the estimate of the time left, ms. */
const USUAL_MS = { query: 25_000, compact: 30_000, closing: 15_000 } as const;

/** Reports the state of affairs twice a second until it is stopped. */
export function ticking(session: Session): { stop(): void } {
  const { options, load, probes, state, scenario } = session;
  const startedMs = options.clock.nowMs();
  const stock = stockView(session.deployment.datasets)?.name ?? null;
  const stop = every(options.clock, EVERY_MS, () => {
    const { t0Ms } = state;
    const nowMs = options.clock.nowMs();
    const tick: Tick = {
      phase: t0Ms === null ? null : state.phase,
      elapsedMs: nowMs - startedMs,
      remainingMs: remainingMs(session, nowMs),
      load: t0Ms === null ? null : load.progress,
      targetPerSecond: t0Ms === null ? null : rateAt(scenario, Math.max(0, nowMs - t0Ms)),
      tables: probes.census.progress(),
      stock,
      lastQuery: lastQuery(session),
    };
    options.onEvent({ kind: 'tick', tick });
  });
  return { stop };
}

function lastQuery({ probes }: Session): Tick['lastQuery'] {
  const last = probes.queries.last();
  return last && { name: last.name, ms: last.latencyMs, outcome: last.outcome };
}

/** By the plan: what is left of the timed phases, and the usual length of those that have none. */
function remainingMs({ scenario, state }: Session, nowMs: number): number {
  const { t0Ms, phase, name } = state;
  const timedLeftMs = Math.max(0, timedMs(scenario) - (t0Ms === null ? 0 : nowMs - t0Ms));
  const at = scenario.phases.findIndex((one) => one.name === phase);
  const left = isPast(name, 'replaying') ? [] : scenario.phases.slice(Math.max(0, at));
  const usualMs = left.reduce(
    (total, { kind }) => total + (kind === 'load' ? 0 : USUAL_MS[kind]),
    0,
  );
  return timedLeftMs + usualMs + USUAL_MS.closing;
}
