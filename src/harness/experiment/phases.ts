import type { Phase } from '../../scenario/scenario.ts';
import { compact } from '../pipelines/compact.ts';
import type { Live } from '../probes/commit-reader.ts';
import { drain } from './drain.ts';
import type { Session } from './trial-context.ts';

/**
 * Goes through the phases of the scenario. Timed phases lie where the tape says; `query` and `compact`
 * take as long as they take, with load 1x going on beneath them.
 */
export async function replay(session: Session): Promise<void> {
  const { scenario, progress, journal, options } = session;
  let startMs = progress.t0Ms as number;
  for (const phase of scenario.phases) {
    progress.phase = phase.name;
    options.onEvent({ kind: 'phase-begin', phase: phase.name });
    journal.note('phase-begin', { phase: phase.name });
    const before = progress.drains.before;
    const endMs = await PHASE_RUNNERS[phase.kind](session, phase as never, startMs);
    const drained = progress.drains.before === before ? null : progress.drains.before;
    progress.phases.push({
      name: phase.name,
      kind: phase.kind,
      measured: phase.kind !== 'load' || phase.measured,
      load: phase.kind === 'load' ? phase.load : 1,
      shape: phase.kind === 'load' ? phase.shape : 'flat',
      startMs,
      endMs,
      drain: drained,
    });
    await session.facts.append('phases', [
      {
        name: phase.name,
        kind: phase.kind,
        measured: phase.kind !== 'load' || phase.measured,
        start_ms: startMs,
        end_ms: endMs,
      },
    ]);
    const line = await phaseLine(session, phase.name);
    journal.note('phase-end', { phase: phase.name, startMs, endMs, line });
    options.onEvent({ kind: 'phase-end', phase: phase.name, line });
    startMs = endMs;
  }
}

type Realize<K extends Phase['kind']> = (
  session: Session,
  phase: Extract<Phase, { kind: K }>,
  startMs: number,
) => Promise<number>;

/** What each kind of phase does; gives the epoch ms at which it ended. */
const PHASE_RUNNERS: { readonly [K in Phase['kind']]: Realize<K> } = {
  async load({ options, signal, probes }, phase, startMs) {
    const endMs = startMs + phase.forMs;
    await options.clock.sleep(Math.max(0, endMs - options.clock.nowMs()), signal);
    await probes.layout.mark(phase.name);
    return endMs;
  },

  async query(session, phase) {
    const { probes, options } = session;
    const drained = await drainNow(session);
    session.progress.drains.before = drained;
    const tables = drained.tables.map(({ table, rows }) => `${table} ${rows ?? '?'} rows`);
    options.onEvent({
      kind: 'step',
      text: `${drained.drained ? 'drained' : 'not drained'} after ${(drained.tookMs / 1000).toFixed(1)} s: ${tables.join(', ')}`,
    });
    await probes.layout.mark(phase.name);
    await probes.queries.round(phase.name, 'hot');
    await probes.queries.round(phase.name, 'cold');
    return options.clock.nowMs();
  },

  async compact(session, phase) {
    const { probes, options } = session;
    await probes.layout.mark(`${phase.name}:start`);
    session.progress.compaction = await compact(session.pipeline, {
      stack: session.stack,
      scenario: session.scenario,
      clock: options.clock,
      signal: session.signal,
      logDir: `${session.folder.dir}/logs`,
      onStarted: (pid) => {
        session.progress.compactorPid = pid;
      },
    });
    await probes.layout.mark(phase.name);
    return options.clock.nowMs();
  },
};

/** One drain, with a round number of its own. */
export function drainNow(session: Session): ReturnType<typeof drain> {
  const { load, probes, facts, pipeline, options, signal, scenario, progress } = session;
  return drain(
    {
      load,
      census: probes.census,
      facts,
      manifest: pipeline.manifest,
      clock: options.clock,
      signal,
      withinMs: scenario.drainWithinMs,
    },
    progress.markerRounds++,
  );
}

/**
 * Writes down when the jobs are stopped. The savepoint that stops them commits what they had not committed
 * yet: no reader would have seen those rows then, so they are censored at this moment.
 */
export async function markStop(session: Session): Promise<void> {
  const { facts, probes, progress, journal, options } = session;
  // A commit of before is to be found before, and not taken for one of the savepoint's.
  await probes.census.polled();
  const atMs = options.clock.nowMs();
  progress.endedMs = atMs;
  await facts.append('milestones', [{ name: 'stop', at_ms: atMs }]);
  journal.note('stop', { atMs });
}

/** What a phase came to, in one line, from what the facts and the census know so far. */
async function phaseLine({ facts, probes, load }: Session, phase: string): Promise<string> {
  const [queries] = await facts.rows<{ n: number; p50: number | null; bad: number }>(
    `SELECT count(*)::INTEGER AS n, median(end_ms - intended_ms) AS p50,
      count(*) FILTER (outcome <> 'ok')::INTEGER AS bad
     FROM queries WHERE phase = $phase AND mode <> 'cold'`,
    { phase },
  );
  const tables = Object.values(probes.census.progress());
  const files = tables.reduce((sum, { last }) => sum + liveFiles(last?.files), 0);
  const { acknowledged, slipP99Ms } = load.progress;
  return [
    `${acknowledged} events acknowledged`,
    slipP99Ms === null ? null : `slip p99 ${slipP99Ms.toFixed(0)} ms`,
    `${files} live files`,
    queries && queries.n > 0 && queries.p50 !== null
      ? `queries p50 ${queries.p50.toFixed(0)} ms (n ${queries.n}, ${queries.bad} not ok)`
      : null,
  ]
    .filter((part) => part !== null)
    .join(', ');
}

function liveFiles(live: Live | undefined): number {
  return live ? live.data + live.equalityDeletes + live.positionDeletes + live.dvs : 0;
}
