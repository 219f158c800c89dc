import type { Drain, RecordedPhase } from '../../record/record.ts';
import type { Phase } from '../../scenario/scenario.ts';
import { enginesUsed } from '../../topology/manifest.ts';
import { markBefore } from '../measure/compaction-record.ts';
import type { PhaseCompaction } from '../pipelines/compactions/compaction.ts';
import type { Live } from '../visibility/visibility.ts';
import { runCompaction } from './compacting.ts';
import type { Session } from './trial-context.ts';

/** Result of a phase. Epoch ms. */
export interface PhaseResult {
  /** null: the phase was cut short after it had measured something. */
  readonly realized: RecordedPhase | null;
  /** Result of a `compact` phase. */
  readonly compaction: PhaseCompaction | null;
}

/** What a runner returns about its phase. */
interface RunnerResult {
  /** Epoch ms, or the reason why it was cut short. */
  readonly end: { readonly atMs: number } | { readonly reason: unknown };
  readonly drain?: Drain;
  readonly compaction?: Omit<PhaseCompaction, 'phase'>;
}

/**
 * Runs the phases of the scenario and yields the result of each as it ends. Timed phases have the times of the
 * tape; `query` and `compact` have no fixed length, and the load continues at 1x meanwhile.
 */
export async function* runPhases(session: Session, t0Ms: number): AsyncGenerator<PhaseResult> {
  const { scenario, state, journal, options } = session;
  let startMs = t0Ms;
  for (const phase of scenario.phases) {
    state.enterPhase(phase.name);
    options.onEvent({ kind: 'phase-begin', phase: phase.name });
    journal.note('phase-begin', { phase: phase.name });
    const { end, drain = null, ...ran } = await runPhase(session, phase, startMs);
    const compaction = ran.compaction ? { ...ran.compaction, phase: phase.name } : null;
    if ('reason' in end) {
      if (compaction !== null) yield { realized: null, compaction };
      throw end.reason;
    }
    const endMs = end.atMs;
    yield { realized: realizedPhase(phase, { startMs, endMs, drain }), compaction };
    startMs = endMs;
  }
}

/** Records a phase that has ended, and reports its result. */
export async function recordPhase(session: Session, realized: RecordedPhase): Promise<void> {
  const { facts, journal, options } = session;
  const { name, kind, measured, startMs, endMs } = realized;
  await facts.append('phases', [{ name, kind, measured, start_ms: startMs, end_ms: endMs }]);
  const line = await phaseLine(session, name);
  journal.note('phase-end', { phase: name, startMs, endMs, line });
  options.onEvent({ kind: 'phase-end', phase: name, line });
}

/**
 * Records the load phase that is under way as if it ended now, so that what it has measured is in the record. null: no
 * load phase is under way.
 */
export async function cutPhase(
  { scenario, state, facts, journal, options }: Session,
  startMs: number,
): Promise<PhaseResult | null> {
  const phase = scenario.phases.find(({ name }) => name === state.phase);
  if (phase?.kind !== 'load') return null;
  const endMs = Math.min(options.clock.nowMs(), startMs + phase.forMs);
  const { name, kind, measured } = phase;
  await facts.append('phases', [{ name, kind, measured, start_ms: startMs, end_ms: endMs }]);
  const line = 'cut short: changes that were not visible by then count as never visible';
  journal.note('phase-end', { phase: name, startMs, endMs, line });
  return { realized: realizedPhase(phase, { startMs, endMs, drain: null }), compaction: null };
}

function realizedPhase(
  phase: Phase,
  took: Pick<RecordedPhase, 'startMs' | 'endMs' | 'drain'>,
): RecordedPhase {
  const { name, kind } = phase;
  return kind === 'load'
    ? { name, kind, measured: phase.measured, load: phase.load, shape: phase.shape, ...took }
    : { name, kind, measured: true, load: 1, shape: 'flat', ...took };
}

type PhaseRunner<K extends Phase['kind']> = (
  session: Session,
  phase: Extract<Phase, { kind: K }>,
  startMs: number,
) => Promise<RunnerResult>;

function runPhase(session: Session, phase: Phase, startMs: number): Promise<RunnerResult> {
  return PHASE_RUNNERS[phase.kind](session, phase as never, startMs);
}

/** The runner of each kind of phase. */
const PHASE_RUNNERS: { readonly [K in Phase['kind']]: PhaseRunner<K> } = {
  async load({ options, signal, probes }, phase, startMs) {
    const endMs = startMs + phase.forMs;
    await options.clock.sleep(Math.max(0, endMs - options.clock.nowMs()), signal);
    await probes.layout.mark(phase.name);
    return { end: { atMs: endMs } };
  },

  async query({ probes, options, ...session }, phase) {
    const drain = await session.drain();
    const tables = drain.tables.map(({ table, rows }) => `${table} ${rows ?? '?'} rows`);
    options.onEvent({
      kind: 'step',
      text: `${drain.drained ? 'drained' : 'not drained'} after ${(drain.tookMs / 1000).toFixed(1)} s: ${tables.join(', ')}`,
    });
    await probes.layout.mark(phase.name);
    await probes.queries.round(phase.name, 'hot');
    await probes.queries.round(phase.name, 'cold');
    return { drain, end: { atMs: options.clock.nowMs() } };
  },

  async compact(session, phase) {
    const { probes, options, scenario } = session;
    const { clock } = options;
    await probes.layout.mark(markBefore(phase.name));
    // One log per compaction.
    const log = isFirst(scenario, phase) ? {} : { log: `spark-compaction-${phase.name}.log` };
    const actions = phase.actions === undefined ? {} : { actions: phase.actions };
    const scope = phase.scope === undefined ? {} : { scope: phase.scope };
    const compaction = {
      ...(await runCompaction(session, { ...log, ...actions, ...scope })),
      ...actions,
    };
    // The compaction has committed: a failed mark does not undo it.
    const end = await probes.layout.mark(phase.name).then(
      () => ({ atMs: clock.nowMs() }),
      (reason: unknown) => ({ reason }),
    );
    return { compaction, end };
  },
};

function isFirst({ phases }: Session['scenario'], phase: Phase): boolean {
  return phases.find(({ kind }) => kind === phase.kind)?.name === phase.name;
}

/** The result of a phase in one line, from the facts and the census so far. */
async function phaseLine(
  { facts, probes, load, pipeline, scenario }: Session,
  phase: string,
): Promise<string> {
  const [queries] = await facts.rows<{ n: number; p50: number | null; bad: number }>(
    `SELECT count(*)::INTEGER AS n, median(end_ms - intended_ms) AS p50,
      count(*) FILTER (outcome <> 'ok')::INTEGER AS bad
     FROM queries WHERE phase = $phase AND mode <> 'cold' AND engine = $engine`,
    { phase, engine: enginesUsed(pipeline.manifest, scenario)[0] },
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
