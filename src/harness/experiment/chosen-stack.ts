import { badInput } from '../../core/errors.ts';
import type { Place } from '../place.ts';
import { meet, type ShardCoordinator } from '../sharding/shard-coordinator.ts';
import type { ChosenStack } from '../shared-stack.ts';
import { RUNTIMES } from '../stack/runtimes.ts';
import type { TrialOptions } from './trial-context.ts';

/** The folder that its servers fill; null where they are not of this machine. */
export async function dataDirOf(chosen: ChosenStack): Promise<string | null> {
  const runtime = chosen.kind === 'own' ? chosen.runtime : chosen.on.stack.runtime;
  return runtime === 'external' || runtime === 'in-process' ? null : RUNTIMES[runtime].dataDir();
}

/** Where the shards of its load meet; null of a run that makes all of it. */
export async function meetingOf(
  { shard, clock, signal }: Pick<TrialOptions, 'shard' | 'clock' | 'signal'>,
  chosen: ChosenStack,
  place: Place,
): Promise<ShardCoordinator | null> {
  if (shard === undefined) return null;
  if (chosen.kind === 'shared')
    return meet(shard, { stack: chosen.on.stack, place, clock, signal });
  throw badInput(
    'all shards of a distributed run use one stack, and this run would start its own',
    'doorbuster run … --on NAME, or stack: { runtime: external } in the scenario',
  );
}
