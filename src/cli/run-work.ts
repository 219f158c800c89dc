import {
  programsUsed,
  refuseWithoutImage,
  serversUsed,
} from '../harness/experiment/servers-used.ts';
import { pipelineFor } from '../harness/pipelines/load.ts';
import type { ScenarioOnDisk } from '../harness/recording/open.ts';
import type { MachineWork } from '../harness/setup/needs.ts';
import type { Shard } from '../harness/sharding/shard-coordinator.ts';
import { toolsOf } from '../harness/stack/components/components.ts';
import { persistedStack } from '../harness/stack/persisted-stack.ts';
import { runtimeFor } from '../harness/stack/runtimes.ts';
import type { RuntimeKind } from '../harness/stack/stack.ts';
import type { ParsedScenario } from '../scenario/parse.ts';

/** Where the servers run; with external servers, the runtime of doorbuster's own programs. */
export async function runtimeOf(
  on: string | undefined,
  { scenario }: ParsedScenario,
): Promise<RuntimeKind> {
  if (on !== undefined) return persistedStack(on).runtime;
  const { runtime } = scenario.stack;
  return runtime === 'external' ? 'processes' : runtimeFor(runtime);
}

/**
 * The work of a run on this machine, of a scenario or of several on one stack. Throws DoorbusterError (exit 2) if one of
 * them cannot run there.
 */
export function workOf(
  designs: readonly [ScenarioOnDisk, ...ScenarioOnDisk[]],
  runtime: RuntimeKind,
  shard?: Shard,
): MachineWork {
  const loaded = designs.map((parsed) => {
    const pipeline = pipelineFor(parsed, process.cwd());
    refuseWithoutImage(parsed, pipeline, runtime);
    return { pipeline, scenario: parsed.scenario };
  });
  const programs = loaded.flatMap(({ pipeline, scenario }) => programsUsed(pipeline, scenario));
  const starts = loaded.flatMap(({ pipeline, scenario }) => serversUsed(pipeline, scenario));
  return {
    servers: designs[0].scenario.stack.runtime === 'external' ? 'elsewhere' : runtime,
    observes: shard === undefined || shard.share.index === 0,
    programs: [...new Set(programs)],
    starts,
    tools: toolsOf([...new Set(starts)]),
  };
}
