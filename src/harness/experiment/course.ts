import type { Drain } from '../../record/record.ts';
import { STOCK } from '../../scenario/scenario.ts';
import { HEAD_START_MS } from '../load/load.ts';
import { type Maintained, maintainDuring, notMaintained } from '../maintenance/maintain.ts';
import { insertOpeningStock } from '../opening-stock/opening-stock.ts';
import { ChecksFailed } from '../outcome/outcome.ts';
import { compactionOf } from '../pipelines/compactions/compactions.ts';
import { liveFiles, runCompaction } from './compacting.ts';
import { cutPhase, type PhaseResult, recordPhase, runPhases } from './phases.ts';
import { reportProgress } from './report-progress.ts';
import type { Session } from './trial-context.ts';
import { watchChecks } from './watch-checks.ts';

/** What happened in a trial on its servers, up to its end or until it was cut short. Epoch ms. */
export interface Course {
  /** The tape's origin; null: the load was never started. */
  readonly t0Ms: number | null;
  /** Drain of the opening stock. */
  readonly opening: Drain | null;
  readonly phases: readonly PhaseResult[];
  /** null: the scenario has no trigger for it. */
  readonly maintained: Maintained | null;
  /** Nothing due at or after this offset from t0 was sent, ms; null while the load runs. */
  readonly cutMs: number | null;
  /** Drain at the end. */
  readonly final: Drain | null;
  /** Last poll of the tables: a change that was not visible by then counts as never visible. */
  readonly stoppedMs: number | null;
  /** Why the trial was cut short; absent if it reached its end. */
  readonly cutShort?: { readonly reason: unknown };
}

type PartialCourse = { -readonly [K in keyof Course]: Course[K] } & { phases: PhaseResult[] };

/** Time from begin() to t0 in a distributed load, ms: the request has to reach other machines first. */
const SHARDED_HEAD_START_MS = 5_000;

/**
 * Runs the trial from the opening stock to the last commit: everything that is measured happens here. Returns a
 * failure as a part of the result, with all that was measured by then. Aborts `watching` when the jobs may end.
 */
export async function runCourse(session: Session, watching: AbortController): Promise<Course> {
  const course: PartialCourse = {
    ...{ t0Ms: null, opening: null, phases: [], maintained: null },
    ...{ cutMs: null, final: null, stoppedMs: null },
  };
  const ticks = reportProgress(session);
  try {
    await open(session, course);
    await session.faults.during(session, () => maintained(session, course));
    await close(session, course);
    return course;
  } catch (error) {
    return {
      ...course,
      cutShort: { reason: session.signal.aborted ? session.signal.reason : error },
    };
  } finally {
    watching.abort();
    ticks.stop();
  }
}

/** From the opening stock to t0. */
async function open(session: Session, course: PartialCourse): Promise<void> {
  const { load, probes, state, options, scenario, journal } = session;
  const { clock } = options;
  const stock = scenario.traffic[STOCK];
  const opening = stock?.preload === 'assortment' ? stock.via : null;
  if (opening !== null) state.enter('preloading', 'loading the opening stock');
  if (opening === 'bulk') await insertStock(session);
  // Before, they would be the only traffic: a load that publishes a batch while the stock is being inserted makes that begin again.
  probes.canary.startSending();
  if (opening === 'stream') await load.preload();
  state.enter('draining the preload', 'draining the opening stock');
  course.opening = await session.drain();
  if (!course.opening.drained) journal.note('not-drained', { round: 'opening', ...course.opening });
  const headStartMs = session.coordinator === null ? HEAD_START_MS : SHARDED_HEAD_START_MS;
  course.t0Ms = clock.nowMs() + headStartMs;
  state.beginAt(course.t0Ms);
  await load.begin(course.t0Ms);
  await clock.sleep(Math.max(0, course.t0Ms - clock.nowMs()), session.signal);
}

/** The leader of a distributed load inserts the rows of all stores. */
async function insertStock(session: Session): Promise<void> {
  const { scenario, stack, pipeline, deployment, facts, workDir, options, signal, journal } =
    session;
  const { clock, artifacts } = options;
  const startedMs = clock.monotonicMs();
  const rows = await insertOpeningStock({
    ...{ scenario, stack, facts, workDir, clock, signal },
    ...{ extensions: artifacts.duckdbExtensions, place: pipeline.place },
    datasets: deployment.datasets,
  });
  journal.note('step', {
    text: `inserted ${rows} rows of opening stock in ${((clock.monotonicMs() - startedMs) / 1_000).toFixed(1)} s`,
  });
}

/** Replays the load, with maintenance while it runs if the scenario has a trigger for it. */
async function maintained(session: Session, course: PartialCourse): Promise<void> {
  const { scenario, options, signal, probes, pipeline, state } = session;
  const { compaction } = scenario.pipeline;
  const policy = 'maintain' in compaction ? compaction.maintain : undefined;
  if (policy === undefined) return replay(session, course);
  const compacted = compactionOf(pipeline, scenario).tables(pipeline);
  course.maintained = notMaintained();
  await maintainDuring(() => replay(session, course), course.maintained, {
    ...{ policy, signal, clock: options.clock },
    phase: () => state.phase,
    queriesRunning: () => probes.queries.running(),
    files: () => liveFiles(probes.census.progress(), compacted),
    run: (actions, n) =>
      runCompaction(session, {
        ...{ actions, log: `spark-maintenance-${n}.log` },
        ...(policy.scope === undefined ? {} : { scope: policy.scope }),
      }),
    onStep: (text) => state.step(text),
  });
}

async function replay(session: Session, course: PartialCourse): Promise<void> {
  const t0Ms = course.t0Ms as number;
  const { abortOnFail, reportSoFar } = session.options;
  await using _watch = abortOnFail || reportSoFar ? watchChecks(session) : undefined;
  try {
    for await (const result of runPhases(session, t0Ms)) {
      course.phases.push(result);
      if (result.realized !== null) await recordPhase(session, result.realized);
    }
  } catch (error) {
    if (session.signal.reason instanceof ChecksFailed) {
      const cut = await cutPhase(session, course.phases.at(-1)?.realized?.endMs ?? t0Ms);
      if (cut !== null) course.phases.push(cut);
    }
    throw error;
  }
}

/** From the end of the last phase to the last commit. */
async function close(session: Session, course: PartialCourse): Promise<void> {
  const { load, probes, deployment, state, options, journal } = session;
  state.enter('closing', 'stopping the load and draining');
  await Promise.all([probes.canary.stopSending(), probes.queries.stop()]);
  course.cutMs = await load.stopAt(options.clock.nowMs() - (course.t0Ms as number) + 100);
  journal.note('cut', { cutMs: course.cutMs });
  course.final = await session.drain();
  // Earlier commits must be found now, so that they are not taken for the savepoint's.
  await probes.census.polled();
  course.stoppedMs = options.clock.nowMs();
  await markStop(session, course.stoppedMs);
  state.enter('stopping the jobs', 'stopping the pipeline');
  await deployment.drain(session.signal);
  for (const view of deployment.views()) journal.note('view', view);
  await probes.census.caughtUp();
  await probes.canary.stop();
  // The oracles' use of the machine is not part of the run.
  await probes.resources.stop();
  await probes.layout.mark('end');
}

/**
 * Records when the jobs are stopped. The savepoint that stops them commits rows that no reader would have seen at
 * that time, so staleness of these rows is censored at this moment.
 */
async function markStop({ facts, journal }: Session, atMs: number): Promise<void> {
  await facts.append('milestones', [{ name: 'stop', at_ms: atMs }]);
  journal.note('stop', { atMs });
}
