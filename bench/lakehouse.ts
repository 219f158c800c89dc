import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_USAGE } from '../src/harness/engines/engine.ts';
import { ENGINES } from '../src/harness/engines/engines.ts';
import { lookupKeys } from '../src/harness/experiment/lookup-keys.ts';
import { serversUsed } from '../src/harness/experiment/servers-used.ts';
import type { Facts } from '../src/harness/facts.ts';
import { openFacts } from '../src/harness/facts.ts';
import type { Load } from '../src/harness/load/load.ts';
import type { RunPipeline } from '../src/harness/pipelines/load.ts';
import type { ProbeContext } from '../src/harness/probes/probe.ts';
import { RUNTIMES } from '../src/harness/stack/runtimes.ts';
import type { ServerName, Stack } from '../src/harness/stack/stack.ts';
import { openVisibility } from '../src/harness/visibility/sources.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { Dataset } from '../src/topology/dataset.ts';
import { taskSlotsOf } from '../src/topology/manifest.ts';
import type { BenchContext } from './bench.ts';

/** A whole stack for a scenario and its pipeline, as a run starts it. The caller stops it. */
export function startStack(
  { artifacts, clock, signal, dir }: BenchContext,
  pipeline: RunPipeline,
  scenario: Scenario,
  name: string,
): Promise<Stack> {
  const runDir = join(dir, name);
  mkdirSync(runDir);
  return RUNTIMES.processes.start({
    runDir,
    workDir: join(runDir, 'work'),
    artifacts,
    clock,
    signal,
    servers: serversUsed(pipeline, scenario),
    flink: {
      taskSlots: taskSlotsOf(pipeline.manifest, scenario.pipeline.parallelism),
      checkpointEveryMs: scenario.pipeline.commitEveryMs,
    },
    jit: scenario.stack.jit,
    onProgress: () => undefined,
  });
}

/** Some servers, started as a stack starts them, without the rest of it. The caller stops them. */
export function startServers(
  { artifacts, clock, signal, dir }: BenchContext,
  servers: readonly ServerName[],
): Promise<Stack> {
  return RUNTIMES.processes.start({
    ...{ runDir: dir, workDir: join(dir, 'work'), artifacts, clock, signal, servers, jit: 'full' },
    flink: { taskSlots: 1, checkpointEveryMs: 1_000 },
    onProgress: () => undefined,
  });
}

/** What the probes of a run are given. An incident ends the bench: its numbers would mean nothing. */
export async function probeContext(
  { artifacts, clock, signal }: BenchContext,
  world: {
    readonly stack: Stack;
    readonly load: Load;
    readonly pipeline: RunPipeline;
    readonly scenario: Scenario;
    readonly datasets: readonly Dataset[];
    readonly t0Ms: () => number | null;
  },
): Promise<ProbeContext & { readonly facts: Facts; readonly incidents: string[] }> {
  const { stack, load, pipeline, scenario } = world;
  const incidents: string[] = [];
  const facts = await openFacts();
  const { namespace } = pipeline.place;
  const read = { stack, namespace, extensions: artifacts.duckdbExtensions, logDir: tmpdir() };
  return {
    store: stack.endpoints.s3,
    place: pipeline.place,
    openReader: (limits) => ENGINES.duckdb.open(read, { ...limits, clock }),
    visibility: await openVisibility(
      { ...read, place: pipeline.place, facts, clock, t0Ms: world.t0Ms },
      world.datasets,
    ),
    facts,
    clock,
    signal,
    scenario,
    datasets: world.datasets,
    queries: pipeline.queries,
    phase: () => 'bench',
    t0Ms: world.t0Ms,
    processes: () => stack.processes(),
    queryEngine: () => NO_USAGE,
    sendCanary: (dueMs) => load.canary(dueMs),
    lookupKey: lookupKeys(scenario),
    underDeclaredFault: () => false,
    incident: ({ fact }) => void incidents.push(fact),
    fail: (cause) => void incidents.push(String(cause)),
    incidents,
  };
}
