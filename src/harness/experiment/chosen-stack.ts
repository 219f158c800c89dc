import { badInput } from '../../core/errors.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import type { Place } from '../pipelines/place.ts';
import { type Meeting, meet } from '../sharding/meeting.ts';
import type { ChosenStack } from '../shared-stack.ts';
import { externalStack } from '../shared-stack.ts';
import { RUNTIMES } from '../stack/runtimes.ts';
import type { RunOptions } from './trial-context.ts';

/** Throws DoorbusterError (exit 2) for a stack that is not to be had, before there is a record. */
export async function choose({ on, parsed, ...options }: RunOptions): Promise<ChosenStack> {
  if (on !== undefined) return { kind: 'shared', on };
  const { scenario } = parsed;
  if (scenario.stack.runtime !== 'external') return { kind: 'own', runtime: options.runtime };
  const use = scenario.stack.external as ExternalUse;
  return { kind: 'shared', on: await externalStack(use, options) };
}

/** The folder that its servers fill; null where they are not of this machine. */
export async function dataDirOf(chosen: ChosenStack): Promise<string | null> {
  const runtime = chosen.kind === 'own' ? chosen.runtime : chosen.on.stack.runtime;
  return runtime === 'external' ? null : RUNTIMES[runtime].dataDir();
}

/** Where the shards of its load meet; null of a run that makes all of it. */
export async function meetingOf(
  { shard, clock, signal }: RunOptions,
  chosen: ChosenStack,
  place: Place,
): Promise<Meeting | null> {
  if (shard === undefined) return null;
  if (chosen.kind === 'shared')
    return meet(shard, { stack: chosen.on.stack, place, clock, signal });
  throw badInput(
    'the shards of a load meet on one stack, and this run would start its own',
    'doorbuster run … --on NAME, or stack: { runtime: external } in the scenario',
  );
}
