import type { MachineWork } from '../harness/setup/needs.ts';
import type { Shard } from '../harness/sharding/shard-coordinator.ts';
import { persistedStack } from '../harness/stack/persisted-stack.ts';
import { runtimeFor } from '../harness/stack/runtimes.ts';
import type { RuntimeKind } from '../harness/stack/stack.ts';
import type { ParsedScenario } from '../scenario/parse.ts';
import { runsSpark } from '../scenario/scenario.ts';

/** Where the servers run; with external servers, the runtime of doorbuster's own programs. */
export async function runtimeOf(
  on: string | undefined,
  { scenario }: ParsedScenario,
): Promise<RuntimeKind> {
  if (on !== undefined) return persistedStack(on).runtime;
  const { runtime } = scenario.stack;
  return runtime === 'external' ? 'processes' : runtimeFor(runtime);
}

/** The work of a run on this machine. */
export function workOf(
  { scenario }: ParsedScenario,
  runtime: RuntimeKind,
  shard?: Shard,
): MachineWork {
  return {
    servers: scenario.stack.runtime === 'external' ? 'elsewhere' : runtime,
    observes: shard === undefined || shard.share.index === 0,
    spark: runsSpark(scenario),
  };
}
