import { mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { burstProducts } from '../src/generators/burst-products.ts';
import { flinkRest } from '../src/harness/clients/flink-rest.ts';
import { type Catalog, openCatalog } from '../src/harness/clients/iceberg.ts';
import { packageRoot } from '../src/harness/entry.ts';
import type { Facts } from '../src/harness/facts.ts';
import { HEAD_START_MS, type Load, startLoad } from '../src/harness/load/load.ts';
import { type Deployment, deploy } from '../src/harness/pipelines/deployment.ts';
import { inNamespace, loadPipeline } from '../src/harness/pipelines/load.ts';
import type { ProbeContext } from '../src/harness/probes/probe.ts';
import { PROBES, type ProbeKind, type RunningProbes } from '../src/harness/probes/probes.ts';
import { ownNamespace } from '../src/harness/run-namespace.ts';
import type { Stack } from '../src/harness/stack/stack.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { BenchContext } from './bench.ts';
import { cpuOf, ownCpuS, threadsS } from './cpu.ts';
import { probeContext, startStack } from './lakehouse.ts';

/** Before anything is counted, so that jobs are warm and the first commits are over. */
export const WARM_MS = 10_000;
const MEASURED_MS = 40_000;

/** A load on a stack of its own, a run's own parts in its own order, without phases, oracles and record. */
export interface Replay {
  readonly stack: Stack;
  readonly load: Load;
  readonly deployment: Deployment;
  readonly probes: ProbeContext & { readonly facts: Facts };
  /** Threads that the load has started. */
  readonly producers: ReadonlySet<number>;
  /** Probes that were started. */
  readonly running: Partial<RunningProbes>;
  /** Starts a probe, which is stopped at the end. */
  start(kind: ProbeKind): Promise<void>;
  /** Begins the load; resolves after the time to warm up. */
  begin(): Promise<void>;
}

/** Opens a replay, and closes it when the work is done. */
export async function withReplay<T>(
  context: BenchContext,
  { name, scenario }: { readonly name: string; readonly scenario: Scenario },
  work: (replay: Replay) => Promise<T>,
): Promise<T> {
  const { artifacts, clock, signal, dir } = context;
  const loaded = loadPipeline(scenario.pipeline.use, packageRoot);
  const pipeline = inNamespace(loaded, ownNamespace(loaded.manifest));
  await using stack = await startStack(context, pipeline, scenario, name);
  await using deployment = await deploy(pipeline, {
    ...{ stack, scenario, clock, signal },
    hotProducts: () => burstProducts(scenario),
    extensions: artifacts.duckdbExtensions,
    ...{ workDir: dir, logDir: dir },
  });
  const factsDir = join(dir, `${name}-facts`);
  mkdirSync(factsDir);
  const threads = threadsS();
  await using load = await startLoad({
    scenario,
    target: { kind: 'kafka', access: stack.endpoints.kafka },
    place: pipeline.place,
    dir: factsDir,
    runId: name,
    clock,
    signal,
  });
  const producers = new Set([...threadsS().keys()].filter((id) => !threads.has(id)));
  let t0Ms: number | null = null;
  const { datasets } = deployment;
  const world = { stack, load, pipeline, scenario, datasets, t0Ms: () => t0Ms };
  const probes = await probeContext(context, world);
  const running: Partial<RunningProbes> = {};
  const done = await work({
    ...{ stack, load, deployment, probes, producers, running },
    async start(kind) {
      Object.assign(running, { [kind]: await PROBES[kind].start(probes) });
    },
    async begin() {
      t0Ms = clock.nowMs() + HEAD_START_MS;
      await load.begin(t0Ms);
      await clock.sleep(HEAD_START_MS + WARM_MS, signal);
    },
  });
  for (const probe of Object.values(running)) await probe.stop();
  await load.abort();
  await probes.visibility[Symbol.asyncDispose]();
  await probes.facts.close();
  if (probes.incidents.length > 0) throw new Error(probes.incidents.join('; '));
  return done;
}

/** What one replay of quick.yaml's traffic cost everyone, with only some of the probes at work. */
export interface Replayed {
  readonly wallS: number;
  /** CPU seconds of each server while it was measured. */
  readonly serverCpuS: ReadonlyMap<string, number>;
  /** Of this process, load included. */
  readonly harnessCpuS: number;
  readonly events: number;
  /** Commits to all tables and rows in them that the census read; null without a census. */
  readonly census: { readonly commits: number; readonly rows: number } | null;
  /** Number of new snapshots in the catalog. */
  readonly snapshots: number;
  /** Mean end-to-end duration of a checkpoint, ms, and how many there were. */
  readonly checkpointMs: number;
  readonly checkpoints: number;
  /** Share of the machine that was busy is not known; how many cores there are is. */
  readonly cores: number;
}

/** Replays the traffic of quick.yaml with these probes and no others. */
export function replay(
  context: BenchContext,
  name: string,
  kinds: readonly ProbeKind[],
): Promise<Replayed> {
  const file = 'scenarios/quick.yaml';
  const text = readFileSync(join(packageRoot, file), 'utf8');
  const set = ['retail.stores=40', 'retail.assortment=40'];
  const { scenario } = parseScenario(text, { file, set });
  return withReplay(context, { name, scenario }, async (opened) => {
    for (const kind of kinds) await opened.start(kind);
    await opened.begin();
    return measured(context, opened);
  });
}

async function measured({ clock, signal }: BenchContext, opened: Replay): Promise<Replayed> {
  const { stack, load, deployment, probes, running } = opened;
  const look = async () => ({
    atMs: clock.monotonicMs(),
    servers: cpuOf(stack.processes()),
    ownS: ownCpuS(),
    events: load.progress.acknowledged,
    census: running.census ? counted(running.census.progress()) : null,
    snapshots: await snapshotsOf(
      openCatalog(stack.endpoints.catalog, probes.place.namespace),
      deployment.datasets.map(({ name }) => name),
    ),
  });
  const before = await look();
  await clock.sleep(MEASURED_MS, signal);
  const after = await look();
  const rest = flinkRest(stack.endpoints.flink.rest, clock);
  const took = await Promise.all(deployment.jobs.map(({ jobId }) => rest.checkpoints(jobId)));
  const checkpoints = took.reduce((sum, { completed }) => sum + completed, 0);
  return {
    wallS: (after.atMs - before.atMs) / 1_000,
    serverCpuS: new Map(
      [...after.servers].map(([server, s]) => [server, s - (before.servers.get(server) ?? 0)]),
    ),
    harnessCpuS: after.ownS - before.ownS,
    events: after.events - before.events,
    census: after.census &&
      before.census && {
        commits: after.census.commits - before.census.commits,
        rows: after.census.rows - before.census.rows,
      },
    snapshots: after.snapshots - before.snapshots,
    checkpointMs:
      took.reduce((sum, { completed, meanMs }) => sum + completed * (meanMs ?? 0), 0) / checkpoints,
    checkpoints,
    cores: availableParallelism(),
  };
}

function counted(progress: ReturnType<RunningProbes['census']['progress']>) {
  const tables = Object.values(progress);
  return {
    commits: tables.reduce((sum, { commits }) => sum + commits, 0),
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
  };
}

async function snapshotsOf(catalog: Catalog, tables: readonly string[]): Promise<number> {
  const answers = await Promise.all(tables.map((table) => catalog.load(table)));
  return answers.reduce((sum, answer) => sum + (answer?.table().snapshots.length ?? 0), 0);
}
