import { mkdir, mkdtemp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { opening } from '../../core/opening.ts';
import { whenAborted } from '../../core/when-aborted.ts';
import { burstProducts } from '../../generators/burst-products.ts';
import { withClassArchives } from '../../record/environment.ts';
import { COMPACTION } from '../../record/facts.ts';
import { RUN_FILES } from '../../record/folder.ts';
import type { MeasuredEnd, RunEnd, UnmeasuredRecord } from '../../record/record.ts';
import { enginesUsed } from '../../topology/manifest.ts';
import { middleOf } from '../clock-offset.ts';
import { watchClock } from '../clock-watch.ts';
import { ENGINES, observingEngine } from '../engines/engines.ts';
import { type Facts, openFacts } from '../facts.ts';
import { type Load, startLoad } from '../load/load.ts';
import { addressOf } from '../load/targets/targets.ts';
import { buildRecord } from '../outcome/build-record.ts';
import { endOfMeasured } from '../outcome/outcome.ts';
import { type Deployment, deploy } from '../pipelines/deployment.ts';
import { queriesUsed } from '../pipelines/load.ts';
import type { Incident, ProbeContext } from '../probes/probe.ts';
import { type RunningProbes, startAll, stopAll } from '../probes/probes.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import { handOver } from '../sharding/hand-over.ts';
import { lead } from '../sharding/shard-coordinator.ts';
import { acquireNamespace, type OwnRuntime, type SharedStack } from '../shared-stack.ts';
import { ResourceLease } from '../stack/resource-lease.ts';
import type { Stack } from '../stack/stack.ts';
import { openVisibility, type Visibility } from '../visibility/sources.ts';
import { runCourse } from './course.ts';
import { drainer } from './drain.ts';
import { lookupKeys } from './lookup-keys.ts';
import { observe } from './observe.ts';
import { startOwnStack } from './own-stack.ts';
import type { RunContext, Session } from './trial-context.ts';

/** How a trial is recorded: its first record, and a callback with what was judged. */
interface Recording {
  readonly first: UnmeasuredRecord;
  readonly onJudged: (part: MeasuredEnd) => void;
}

/** Resources that a trial opens on its stack, in order. */
interface OpenResources {
  readonly workDir: string;
  readonly facts: Facts;
  readonly stack: Stack;
}

/** Opens what a trial needs, runs it, and closes everything in reverse order whatever happens. */
export async function runOnStack(
  context: RunContext,
  first: UnmeasuredRecord,
  onJudged: Recording['onJudged'],
): Promise<RunEnd> {
  const workDir = await mkdtemp(join(temporaryDir(), 'doorbuster-'));
  const lease = await ResourceLease.open(workDir, { run: resolve(context.folder.dir) });
  try {
    await using facts = await openFacts({ spillDir: join(workDir, 'spill') });
    const { chosen } = context;
    return chosen.kind === 'own'
      ? await onOwnStack(context, { ...chosen, workDir, facts }, { first, onJudged })
      : await onSharedStack(context, { ...chosen, workDir, facts }, { first, onJudged });
  } finally {
    await lease.remove();
  }
}

/** Runs on a stack that is started for this trial and stopped after it. */
async function onOwnStack(
  context: RunContext,
  { runtime, ...opened }: Omit<OpenResources, 'stack'> & { readonly runtime: OwnRuntime },
  { first, onJudged }: Recording,
): Promise<RunEnd> {
  const { options, scenario, pipeline, folder, journal, signal, state } = context;
  const { artifacts, clock } = options;
  const stack = await startOwnStack({
    ...{ runtime, artifacts, clock, signal, workDir: opened.workDir },
    designs: [{ scenario, pipeline }],
    runDir: folder.dir,
    onBuilding: (image) => state.step(`building the image of ${image}`),
    onProgress(line) {
      journal.note('server', line);
      options.onEvent({ kind: 'server', ...line });
    },
  });
  let completed = false;
  await using _started = {
    async [Symbol.asyncDispose]() {
      state.enter('stopping the servers', 'stopping the servers');
      await stack.stop({ keepClasses: completed });
    },
  };
  return await deployed(
    context,
    { ...opened, stack },
    {
      first,
      onJudged(part) {
        completed = part.outcome === 'completed';
        onJudged(part);
      },
    },
  );
}

/** Runs on a stack that other runs may use as well; its owner stops it. */
async function onSharedStack(
  context: RunContext,
  { on, ...opened }: Omit<OpenResources, 'stack'> & { readonly on: SharedStack },
  recording: Recording,
): Promise<RunEnd> {
  const { options, pipeline, journal } = context;
  const { clock, onEvent, keep = false } = options;
  await using _place = await acquireNamespace(on, {
    ...{ place: pipeline.place, keep, clock, journal, onEvent },
  });
  // Disposed before the namespace is removed, which holds its topic.
  await using _met = context.coordinator;
  return await deployed(context, { ...opened, stack: on.stack }, recording);
}

/** Deploys the pipeline, connects the load, starts the probes, and runs the course. */
async function deployed(
  context: RunContext,
  opened: OpenResources,
  recording: Recording,
): Promise<RunEnd> {
  const { options, scenario, pipeline, state, signal } = context;
  const { facts, stack } = opened;
  const { clock } = options;
  using _brokenStack = whenAborted(stack.broken, () => context.fail(stack.broken.reason));
  state.enter('deploying', `deploying ${pipeline.manifest.name}`);
  // The producers need no topic before the first message: they connect while the stages are deployed.
  await using connecting = opening(connectLoad(context, opened));
  await using deployment = await deploy(pipeline, {
    ...{ stack, scenario, clock, signal },
    hotProducts: () => burstProducts(scenario),
    extensions: options.artifacts.duckdbExtensions,
    workDir: opened.workDir,
    logDir: join(context.folder.dir, 'logs'),
  });
  const watching = new AbortController();
  deployment
    .watch(AbortSignal.any([signal, watching.signal]), () => context.faults.underDeclaredFault())
    .catch(context.fail);
  await using own = await connecting.opened;
  await using load = await leading(own, context);
  using _brokenLoad = whenAborted(load.broken, () => context.fail(load.broken.reason));
  const incidents: Incident[] = [];
  const t0Ms = () => state.t0Ms;
  const read = { stack, extensions: options.artifacts.duckdbExtensions };
  await using visibility = await openVisibility(
    { ...read, place: pipeline.place, facts, clock, t0Ms },
    deployment.datasets,
  );
  const probes = await startProbes(context, {
    facts,
    stack,
    load,
    deployment,
    visibility,
    incidents,
  });
  try {
    const wallClock = watchClock(clock, context.fail);
    const session: Session = {
      ...{ ...context, ...opened, deployment, load, visibility, probes, incidents },
      clockApartMs: wallClock.apartMs,
      drain: drainer({
        ...{ load, census: probes.census, facts, clock, signal },
        manifest: pipeline.manifest,
        withinMs: scenario.drainWithinMs,
      }),
    };
    const course = await runCourse(session, watching);
    wallClock.stop();
    const { t0Ms, cutShort } = course;
    // Before t0 there is nothing to measure.
    if (t0Ms === null) throw cutShort?.reason;
    return await judged(session, { ...course, t0Ms }, recording);
  } finally {
    await stopAll(probes);
  }
}

/** Builds the record from the observations; a shard hands over its facts instead. */
async function judged(
  session: Session,
  course: Parameters<typeof observe>[1],
  { first, onJudged }: Recording,
): Promise<RunEnd> {
  const { scenario, pipeline, folder, facts, stack, chosen, coordinator } = session;
  const { cutShort } = course;
  const inFolder = coordinator !== null;
  const observed = await observe(
    session,
    course,
    inFolder ? join(folder.dir, RUN_FILES.tables) : join(session.workDir, 'truth'),
  );
  const { note } = session.journal;
  if (coordinator !== null && cutShort === undefined) {
    const { t0Ms } = observed;
    const part = { facts, dir: folder.dir, coordinator, note };
    return handOver(part, { t0Ms, observed, machine: observed });
  }
  const { manifest } = pipeline;
  const record = await buildRecord(
    { facts, scenario, observed, dir: folder.dir, manifest, note },
    first,
  );
  const archives = chosen.kind === 'own' ? stack.classArchives() : {};
  const measured = { ...record, environment: withClassArchives(first.environment, archives) };
  const end = endOfMeasured(measured, cutShort, session.options.signal);
  onJudged(end);
  return end;
}

async function connectLoad(context: RunContext, { workDir, stack }: OpenResources): Promise<Load> {
  const { options, scenario, pipeline, folder, coordinator, signal, journal } = context;
  const dir = join(workDir, 'facts');
  await mkdir(dir);
  return startLoad({
    ...{ scenario, dir, signal },
    target: addressOf(pipeline.manifest, stack),
    place: pipeline.place,
    ...(coordinator === null
      ? {}
      : { share: coordinator.shard.share, clockOffsetMs: middleOf(coordinator.offset) }),
    runId: folder.id.slice(-4),
    clock: options.clock,
    onWarning: (text) => journal.note('kafka-client', { text }),
  });
}

/** The load of all shards, if this one leads them. */
function leading(
  own: Load,
  { coordinator, options, signal, state }: RunContext,
): Promise<Load> | Load {
  if (coordinator === null) return own;
  const { hash } = options.parsed;
  return lead(own, coordinator, { hash, signal, onStep: (text) => state.step(text) });
}

async function startProbes(
  { scenario, pipeline, state, journal, folder, options, signal, faults, fail }: RunContext,
  opened: {
    readonly facts: Facts;
    readonly stack: Stack;
    readonly load: Load;
    readonly deployment: Deployment;
    readonly visibility: Visibility;
    /** Receives events that make the numbers untrustworthy. */
    readonly incidents: Incident[];
  },
): Promise<RunningProbes> {
  const running: Partial<RunningProbes> = {};
  const { facts, stack, deployment, visibility } = opened;
  const { datasets } = deployment;
  const { place, manifest } = pipeline;
  const { clock, artifacts } = options;
  const read = {
    ...{ stack, extensions: artifacts.duckdbExtensions, namespace: place.namespace },
    warehouse: deployment.engine,
    logDir: join(folder.dir, 'logs'),
  };
  const engines = enginesUsed(manifest, scenario);
  const context: ProbeContext = {
    ...{ scenario, signal, fail, facts, clock, place, datasets, visibility },
    store: stack.inProcess === null ? stack.endpoints.s3 : null,
    openReader(limits, kind) {
      const engine = kind === undefined ? observingEngine(manifest.engines) : ENGINES[kind];
      return engine.open(read, { ...limits, clock });
    },
    queries: queriesUsed(pipeline, engines),
    phase: () => state.phase,
    t0Ms: () => state.t0Ms,
    processes: () => [
      ...stack.processes(),
      ...deployment.processes(),
      ...(state.compactorPid === null ? [] : [{ server: COMPACTION, pid: state.compactorPid }]),
    ],
    queryEngine: () => (running.queries as RunningProbes['queries']).engine(),
    sendCanary: (dueMs) => opened.load.canary(dueMs),
    lookupKey: lookupKeys(scenario),
    underDeclaredFault: () => faults.underDeclaredFault(),
    incident(incident) {
      opened.incidents.push(incident);
      journal.note('incident', { ...incident });
    },
  };
  return startAll(context, running);
}
