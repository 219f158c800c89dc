import { badInput } from '../../core/errors.ts';
import type { RunNamespace } from '../run-namespace.ts';
import { joinShards, type ShardCoordinator } from '../sharding/shard-coordinator.ts';
import type { ChosenStack } from '../shared-stack.ts';
import { RUNTIMES } from '../stack/runtimes.ts';
import type { TrialOptions } from './trial-context.ts';

/** The folder of the servers' data; null if they are on other machines. */
export async function dataDirOf(chosen: ChosenStack): Promise<string | null> {
  const runtime = chosen.kind === 'own' ? chosen.runtime : chosen.on.stack.runtime;
  return runtime === 'external' || runtime === 'in-process' ? null : RUNTIMES[runtime].dataDir();
}

/** Coordinator of the shards of its load; null if the run produces all of the load. */
export async function coordinatorOf(
  { shard, clock, signal }: Pick<TrialOptions, 'shard' | 'clock' | 'signal'>,
  chosen: ChosenStack,
  place: RunNamespace,
): Promise<ShardCoordinator | null> {
  if (shard === undefined) return null;
  if (chosen.kind === 'shared')
    return joinShards(shard, { stack: chosen.on.stack, place, clock, signal });
  throw badInput(
    'all shards of a distributed run use one stack, and this run would start its own',
    'doorbuster run … --on NAME, or stack: { runtime: external } in the scenario',
  );
}
