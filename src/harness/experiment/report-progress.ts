import { every } from '../../core/clock.ts';
import { rateAt } from '../../generators/expected/rate.ts';
import { timedMs } from '../../scenario/timeline.ts';
import { stockView } from '../../topology/dataset.ts';
import type { ProgressTick } from './progress.ts';
import type { Session } from './trial-context.ts';
import { isPast } from './trial-state.ts';

const REPORT_EVERY_MS = 500;
/** Usual duration of phases without a fixed length, to estimate the time left, ms. */
const USUAL_DURATION_MS = { query: 25_000, compact: 30_000, closing: 15_000 } as const;

/** Reports progress twice a second until it is stopped. */
export function reportProgress(session: Session): { stop(): void } {
  const { options, load, probes, state, scenario } = session;
  const startedMs = options.clock.nowMs();
  const stock = stockView(session.deployment.datasets)?.name ?? null;
  const stop = every(options.clock, REPORT_EVERY_MS, () => {
    const { t0Ms } = state;
    const nowMs = options.clock.nowMs();
    const tick: ProgressTick = {
      phase: t0Ms === null ? null : state.phase,
      elapsedMs: nowMs - startedMs,
      remainingMs: remainingMs(session, nowMs),
      incidents: session.incidents.length,
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

function lastQuery({ probes }: Session): ProgressTick['lastQuery'] {
  const last = probes.queries.last();
  return last && { name: last.name, ms: last.latencyMs, outcome: last.outcome };
}

/** Estimated time left: the rest of the timed phases, and the usual duration of the others. */
function remainingMs({ scenario, state }: Session, nowMs: number): number {
  const { t0Ms, phase, name } = state;
  const timedLeftMs = Math.max(0, timedMs(scenario) - (t0Ms === null ? 0 : nowMs - t0Ms));
  const at = scenario.phases.findIndex((one) => one.name === phase);
  const left = isPast(name, 'replaying') ? [] : scenario.phases.slice(Math.max(0, at));
  const usualMs = left.reduce(
    (total, { kind }) => total + (kind === 'load' ? 0 : USUAL_DURATION_MS[kind]),
    0,
  );
  return timedLeftMs + usualMs + USUAL_DURATION_MS.closing;
}
