import { STREAMS } from '../../scenario/scenario.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { datasetsOf, streamsOf } from '../../topology/manifest.ts';
import type { StageProcess } from '../batches/child-process.ts';
import { addressOf, targetOf } from '../load/targets/targets.ts';
import { topicOf } from '../run-namespace.ts';
import type { RunPipeline } from './load.ts';
import type { DeployedStage, DeployOptions } from './runners/runner.ts';
import { runnerOf } from './runners/runners.ts';

/** A deployed pipeline. Its owner disposes it, which ends what still runs. */
export interface Deployment extends Required<Omit<DeployedStage, 'watch' | 'engine'>> {
  /** The datasets that the running stages fill. */
  readonly datasets: readonly Dataset[];
  /** The engine of a stage; null: the stages have none. */
  readonly engine: StageProcess | null;
  /** See `DeployedStage.watch`; by default without declared faults. */
  watch(signal: AbortSignal, underDeclaredFault?: () => boolean): Promise<void>;
}

/**
 * Creates the topics of the scenario's streams, then deploys the stages of the pipeline in their order. If one fails,
 * those before it are ended.
 */
export async function deploy(pipeline: RunPipeline, options: DeployOptions): Promise<Deployment> {
  const { stack, scenario, clock, signal } = options;
  const { manifest, place } = pipeline;
  const carried = streamsOf(manifest);
  const streams = STREAMS.filter(
    (stream) => carried.includes(stream) && scenario.traffic[stream] !== null,
  );
  const stages = manifest.stages.map((stage) => ({
    runner: runnerOf(stage),
    of: { pipeline, stage, streams },
  }));
  for (const { runner, of } of stages) await runner.requireCapacity?.(of, options);
  const address = addressOf(manifest, stack);
  const { partitions } = scenario.stack;
  await targetOf(address).createTopics(
    address,
    streams.map((stream) => ({ name: topicOf(place, stream), partitions })),
    { clock, signal },
  );
  const deployed: DeployedStage[] = [];
  const dispose = async () => {
    for (const stage of deployed.toReversed()) await stage[Symbol.asyncDispose]();
  };
  try {
    for (const { runner, of } of stages) deployed.push(await runner.deploy(of, options));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    jobs: deployed.flatMap(({ jobs }) => jobs),
    datasets: datasetsOf(manifest, scenario.traffic),
    async watch(until, underDeclaredFault = () => false) {
      await Promise.all(deployed.map((stage) => stage.watch(until, underDeclaredFault)));
    },
    async drain(until) {
      for (const stage of deployed) await stage.drain(until);
    },
    engine: deployed.find(({ engine }) => engine !== undefined)?.engine ?? null,
    processes: () => deployed.flatMap((stage) => stage.processes?.() ?? []),
    views: () => deployed.flatMap((stage) => stage.views?.() ?? []),
    explain: async () => (await Promise.all(deployed.map((stage) => stage.explain()))).flat(),
    [Symbol.asyncDispose]: dispose,
  };
}
