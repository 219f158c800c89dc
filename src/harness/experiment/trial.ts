import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { withClassArchives } from '../../record/environment.ts';
import { COMPACTION } from '../../record/facts.ts';
import { createRunFolder, RUN_FILES } from '../../record/folder.ts';
import { openJournal } from '../../record/journal.ts';
import type { RunRecord } from '../../record/record.ts';
import { writeRecord } from '../../record/write.ts';
import { timedMs } from '../../scenario/timeline.ts';
import { watchClock } from '../clock-watch.ts';
import { openFacts } from '../facts.ts';
import { Faults } from '../faults.ts';
import { HEAD_START_MS, type Load, startLoad } from '../load/load.ts';
import { compactionOf } from '../pipelines/compact.ts';
import { type Deployment, deploy } from '../pipelines/deploy.ts';
import { pipelineFor, placed } from '../pipelines/load.ts';
import type { ProbeContext } from '../probes/probe.ts';
import { type RunningProbes, startAll, stopAll } from '../probes/probes.ts';
import { placesOf, refuseUnwritable, requireDiskSpace } from '../room.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import { middleOf } from '../sharding/clock-offset.ts';
import { handOver } from '../sharding/hand-over.ts';
import { lead } from '../sharding/meeting.ts';
import { makeShare } from '../sharding/share.ts';
import { placeOf, takePlace } from '../shared-stack.ts';
import { Claim } from '../stack/claim.ts';
import { defaultRegistryDir, otherOwners, sweepLeftovers, sweptLines } from '../stack/registry.ts';
import type { Stack } from '../stack/stack.ts';
import { buildRecord } from './build-record.ts';
import { choose, dataDirOf, meetingOf } from './chosen-stack.ts';
import { type Estimate, estimateLines, estimateOf } from './estimate.ts';
import { firstRecord } from './first-record.ts';
import { lookupKeys } from './lookup-keys.ts';
import { observe } from './observed.ts';
import { brokenOff, endedAs, writeLast } from './outcome.ts';
import { startOwnStack } from './own-stack.ts';
import { drainNow, markStop, replay } from './phases.ts';
import { ticking } from './ticking.ts';
import type { RunContext, RunOptions, Session } from './trial-context.ts';

/**
 * One run, from nothing to its record. It never throws what went wrong with the run: that is in the
 * record, as its outcome. It throws what kept it from having a record at all (exit 2).
 */
export async function run(given: RunOptions): Promise<{ record: RunRecord; dir: string }> {
  const { parsed } = given;
  let options = given;
  const pipeline = pipelineFor(parsed, options.baseDir);
  compactionOf(pipeline, parsed.scenario);
  // First of all: what a killed run has left takes room, and cores.
  const leftovers = sweptLines(await sweepLeftovers(options.clock));
  for (const text of leftovers) options.onEvent({ kind: 'warning', text });
  refuseUnwritable([options.resultsDir, temporaryDir(), defaultRegistryDir()]);
  const estimate = estimateOf(parsed.scenario, pipeline.manifest);
  const chosen = await choose(options);
  const dataDir = await dataDirOf(chosen);
  requireDiskSpace(estimate, placesOf(options.resultsDir, dataDir), options.reproduce);
  const folder = createRunFolder(options.resultsDir, parsed.scenario.name, options.clock.nowMs());
  const place = placeOf(chosen, pipeline, folder, options.shard);
  await using meeting = await meetingOf(options, chosen, place).catch((error: unknown) => {
    // There will be no record of what has never begun.
    rmSync(folder.dir, { recursive: true });
    throw error;
  });
  // From here on all shards go by one clock.
  if (meeting !== null) options = { ...options, clock: meeting.clock };
  const { clock } = options;
  const startedMs = clock.nowMs();
  const over = new AbortController();
  using journal = openJournal(folder.dir, clock, (error) => over.abort(error));
  let record = firstRecord(options, { pipeline, place, chosen, folder, startedMs });
  writeRecord(folder.dir, record);
  // Servers, jobs, probes and the load all end by it: that many listeners are no leak.
  setMaxListeners(0, over.signal);
  const onInterrupt = () => over.abort(options.signal.reason);
  options.signal.addEventListener('abort', onInterrupt, { once: true });
  if (options.signal.aborted) onInterrupt();
  const context: RunContext = {
    options,
    scenario: parsed.scenario,
    pipeline: placed(pipeline, place),
    chosen,
    meeting,
    folder,
    journal,
    progress: {
      phase: 'start',
      t0Ms: null,
      phases: [],
      incidents: [],
      drains: { opening: null, before: null, final: null },
      markerRounds: 0,
      compaction: null,
      compactorPid: null,
      cutMs: null,
      endedMs: null,
      concluded: null,
    },
    faults: new Faults(parsed.scenario, clock),
    signal: over.signal,
    fail: (cause) => over.abort(cause),
  };
  journal.note('run-begin', {
    id: folder.id,
    scenario: parsed.scenario.name,
    seed: parsed.scenario.seed,
    otherRuns: otherOwners(),
    leftovers,
  });
  options.onEvent({
    kind: 'plan',
    folder: folder.dir,
    timedMs: timedMs(parsed.scenario),
    line: planLines(context, estimate, dataDir),
  });
  try {
    record = { ...record, ...(await runRole(context, record)) };
  } catch (error) {
    const cause = over.signal.aborted ? over.signal.reason : error;
    record = { ...record, ...brokenOff(context.progress, { error, cause }, options.signal) };
    // What went wrong after a run was cut short is not why it was, and is not to be lost either.
    if (record.outcome === 'crashed' || error !== cause) {
      journal.note('crash', { stack: (error as Error).stack });
    }
    if (meeting !== null && meeting.shard.share.index > 0)
      await meeting.leave(record.headline.text);
  } finally {
    options.signal.removeEventListener('abort', onInterrupt);
  }
  record = { ...record, tookMs: clock.nowMs() - startedMs };
  writeLast(folder.dir, record);
  journal.note('run-end', { outcome: record.outcome, verdict: record.verdict });
  return { record, dir: folder.dir };
}

/** The leader of a load, and whoever makes all of it, has the world to look at; the others have their share. */
function runRole(u: RunContext, first: RunRecord): Promise<Partial<RunRecord>> {
  const { meeting, chosen, options } = u;
  if (meeting === null || meeting.shard.share.index === 0 || chosen.kind === 'own') {
    return runOnStack(u, first);
  }
  return makeShare(u, { meeting, stack: chosen.on.stack, hash: options.parsed.hash });
}

/** Brings the world up in the order of need, replays, and takes it down again whatever happens. */
async function runOnStack(u: RunContext, first: RunRecord): Promise<Partial<RunRecord>> {
  const { options, scenario, pipeline, folder, signal } = u;
  const { clock } = options;
  const workDir = await mkdtemp(join(temporaryDir(), 'doorbuster-'));
  const claim = await Claim.open(workDir, { run: resolve(folder.dir) });
  try {
    await using facts = await openFacts({ spillDir: join(workDir, 'spill') });
    const shared = u.chosen.kind === 'shared' ? u.chosen.on : undefined;
    const stack = shared?.stack ?? (await startOwnStack(u, workDir));
    let completed = false;
    await using _started = {
      async [Symbol.asyncDispose]() {
        // A stack that was given is its giver's to stop.
        if (shared !== undefined) return;
        step(u, 'stopping the servers');
        await stack.stop({ keepClasses: completed });
      },
    };
    await using _place =
      shared &&
      (await takePlace(shared, {
        ...{ clock, journal: u.journal, onEvent: options.onEvent },
        ...{ place: pipeline.place, keep: options.keep === true },
      }));
    // Before the place is cleared, where it has its topic.
    await using _met = u.meeting;
    forward(stack.broken, u);
    step(u, `deploying ${pipeline.manifest.name}`);
    await using deployment = await deploy(pipeline, { stack, scenario, clock, signal });
    const watching = new AbortController();
    deployment
      .watch(AbortSignal.any([signal, watching.signal]), () => u.faults.excused())
      .catch(u.fail);

    const factsDir = join(workDir, 'facts');
    await mkdir(factsDir);
    const { meeting } = u;
    await using own = await startLoad({
      scenario,
      endpoints: stack.endpoints,
      place: pipeline.place,
      ...(meeting === null
        ? {}
        : { share: meeting.shard.share, clockOffsetMs: middleOf(meeting.offset) }),
      dir: factsDir,
      runId: folder.id.slice(-4),
      clock,
      signal,
      onWarning: (text) => u.journal.note('kafka-client', { text }),
    });
    const { hash } = options.parsed;
    const onStep = (text: string) => step(u, text);
    await using load = meeting === null ? own : await lead(own, meeting, { hash, signal, onStep });
    forward(load.broken, u);
    const { datasets } = deployment;
    const probes = await startProbes(u, { facts, stack, load, datasets });
    const wallClock = watchClock(clock, u.fail);
    const session: Session = {
      ...u,
      facts,
      stack,
      deployment,
      load,
      probes,
      workDir,
      clockApartMs: wallClock.apartMs,
    };
    try {
      const cause = await outcomeOf(session, watching);
      wallClock.stop();
      // Before t0 there is nothing to measure.
      if (cause !== undefined && session.progress.t0Ms === null) throw cause.reason;
      const observed = await observe(session, {
        completed: cause === undefined,
        tablesDir: meeting === null ? join(workDir, 'truth') : join(folder.dir, RUN_FILES.tables),
      });
      const note = (kind: string, fields: Readonly<Record<string, unknown>>) =>
        u.journal.note(kind, fields);
      if (meeting !== null && cause === undefined) {
        const { t0Ms } = observed;
        return await handOver(
          { facts, dir: folder.dir, meeting, note },
          { t0Ms, observed, machine: observed },
        );
      }
      const concluded = await buildRecord(
        {
          ...{ facts, scenario, observed, dir: folder.dir },
          manifest: pipeline.manifest,
          note,
        },
        first,
      );
      const archives = shared === undefined ? stack.classArchives() : {};
      const measured = {
        ...concluded,
        environment: withClassArchives(first.environment, archives),
      };
      completed = cause === undefined;
      u.progress.concluded = endedAs(measured, cause, options.signal);
      return u.progress.concluded;
    } finally {
      await stopAll(probes);
    }
  } finally {
    await claim.remove();
  }
}

/** Replays to the end; gives what cut it short, if anything did. */
async function outcomeOf(
  session: Session,
  watching: AbortController,
): Promise<{ readonly reason: unknown } | undefined> {
  const ticks = ticking(session);
  try {
    await replayed(session);
    return undefined;
  } catch (error) {
    return { reason: session.signal.aborted ? session.signal.reason : error };
  } finally {
    watching.abort();
    ticks.stop();
  }
}

/** From the word to begin to t0, where it has to reach other machines first, ms. */
const SHARDED_HEAD_START_MS = 5_000;

/** From opening stock to the last commit: everything that is measured happens here. */
async function replayed(session: Session): Promise<void> {
  const { load, probes, deployment, progress, options, scenario } = session;
  const { clock } = options;
  if (scenario.traffic.inventory?.preload === 'assortment') {
    step(session, 'loading the opening stock');
    await load.preload();
  }
  step(session, 'draining the opening stock');
  progress.drains.opening = await drainNow(session);
  if (!progress.drains.opening.drained) {
    session.journal.note('not-drained', { round: 'opening', ...progress.drains.opening });
  }
  const headStartMs = session.meeting === null ? HEAD_START_MS : SHARDED_HEAD_START_MS;
  progress.t0Ms = clock.nowMs() + headStartMs;
  await load.begin(progress.t0Ms);
  await clock.sleep(Math.max(0, progress.t0Ms - clock.nowMs()), session.signal);
  await session.faults.during(session, () => replay(session));

  progress.phase = 'drain';
  step(session, 'stopping the load and draining');
  await Promise.all([probes.canary.stopSending(), probes.queries.stop()]);
  progress.cutMs = await load.stopAt(clock.nowMs() - progress.t0Ms + 100);
  session.journal.note('cut', { cutMs: progress.cutMs });
  progress.drains.final = await drainNow(session);
  await markStop(session);
  step(session, 'stopping the jobs with a savepoint');
  await deployment.drain(session.signal);
  await probes.census.caughtUp();
  await probes.canary.stop();
  // What the oracles use is no part of the run, and what is exported is all that is measured.
  await probes.resources.stop();
  await probes.layout.mark('end');
}

async function startProbes(
  u: RunContext,
  world: {
    readonly facts: Session['facts'];
    readonly stack: Stack;
    readonly load: Load;
    readonly datasets: Deployment['datasets'];
  },
): Promise<RunningProbes> {
  const { scenario, pipeline, progress, journal, options, signal } = u;
  const running: Partial<RunningProbes> = {};
  const context: ProbeContext = {
    endpoints: world.stack.endpoints,
    place: pipeline.place,
    extensions: options.artifacts.duckdbExtensions,
    facts: world.facts,
    clock: options.clock,
    signal,
    scenario,
    datasets: world.datasets,
    queries: pipeline.queries,
    phase: () => progress.phase,
    t0Ms: () => progress.t0Ms,
    processes: () => [
      ...world.stack.processes(),
      ...(progress.compactorPid === null
        ? []
        : [{ server: COMPACTION, pid: progress.compactorPid }]),
    ],
    queryEngine: () => (running.queries as RunningProbes['queries']).engine(),
    sendCanary: (dueMs) => world.load.canary(dueMs),
    lookupKey: lookupKeys(scenario),
    excused: () => u.faults.excused(),
    incident(incident) {
      progress.incidents.push(incident);
      journal.note('incident', { ...incident });
    },
    fail: u.fail,
  };
  return startAll(context, running);
}

function forward(broken: AbortSignal, { fail }: RunContext): void {
  if (broken.aborted) fail(broken.reason);
  broken.addEventListener('abort', () => fail(broken.reason), { once: true });
}

function step({ options, journal }: RunContext, text: string): void {
  journal.note('step', { text });
  options.onEvent({ kind: 'step', text });
}

function planLines(
  { scenario, pipeline, options }: RunContext,
  estimate: Estimate,
  dataDir: string | null,
): string {
  return [
    `${scenario.name}: ${scenario.retail.stores} stores on ${pipeline.manifest.name}`,
    ...estimateLines(estimate, {
      data: dataDir,
      work: temporaryDir(),
      results: options.resultsDir,
    }),
  ].join('\n');
}
