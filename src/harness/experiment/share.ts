import { mkdir, mkdtemp } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { PartEnd } from '../../record/record.ts';
import { middleOf } from '../clock-offset.ts';
import { watchClock } from '../clock-watch.ts';
import { type Facts, openFacts } from '../facts.ts';
import { ingestFacts } from '../load/ingest-facts.ts';
import { startLoad } from '../load/load.ts';
import { addressOf } from '../load/targets/targets.ts';
import type { ProbeContext } from '../probes/probe.ts';
import { watchMachine } from '../probes/resources.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import { handOver } from '../sharding/hand-over.ts';
import { awaitDeployed, follow, type ShardCoordinator } from '../sharding/shard-coordinator.ts';
import { ResourceLease } from '../stack/resource-lease.ts';
import type { Stack } from '../stack/stack.ts';
import type { RunContext } from './trial-context.ts';

/**
 * Runs a shard that does not lead: it produces its share of the load as the leader requests, and hands over its facts.
 * It observes no tables: the leader observes the rows of all shards.
 */
export async function produceShare(
  { options, scenario, pipeline, folder, journal, signal, fail }: RunContext,
  {
    coordinator,
    stack,
    hash,
  }: { readonly coordinator: ShardCoordinator; readonly stack: Stack; readonly hash: string },
): Promise<PartEnd> {
  const { clock, onEvent } = options;
  const { note } = journal;
  const workDir = await mkdtemp(join(temporaryDir(), 'doorbuster-'));
  const lease = await ResourceLease.open(workDir, { run: resolve(folder.dir) });
  try {
    await using facts = await openFacts({ spillDir: join(workDir, 'spill') });
    onEvent({ kind: 'step', text: 'waiting for the leading shard to deploy' });
    const { threads } = await awaitDeployed(coordinator, { hash, signal });
    const dir = join(workDir, 'facts');
    await mkdir(dir);
    await using load = await startLoad({
      ...{ scenario, dir, clock, signal, workers: threads },
      target: addressOf(pipeline.manifest, stack),
      place: pipeline.place,
      share: coordinator.shard.share,
      clockOffsetMs: middleOf(coordinator.offset),
      runId: folder.id.slice(-4),
      onWarning: (text) => note('kafka-client', { text }),
    });
    load.broken.addEventListener('abort', () => fail(load.broken.reason), { once: true });
    await using machine = await withMachineSamples(facts, { clock, signal, fail });
    onEvent({ kind: 'step', text: 'sending its share of the load' });
    const t0Ms = await follow(load, coordinator, { hash, signal });
    const result = await load.finish();
    await facts.raiseMemoryLimit();
    for (const text of await ingestFacts(facts, result)) note('facts-missing', { text });
    return await handOver(
      { facts, dir: folder.dir, coordinator, note },
      { t0Ms, observed: null, machine: await machine.seen() },
    );
  } finally {
    await lease.remove();
  }
}

/** Samples the machine and its clock during the load: a merged load is judged by every machine. */
async function withMachineSamples(
  facts: Facts,
  { clock, signal, fail }: Pick<ProbeContext, 'clock' | 'signal' | 'fail'>,
) {
  const probe = await watchMachine({ clock, facts, signal, fail });
  const wallClock = watchClock(clock, fail);
  const stop = async () => {
    wallClock.stop();
    await probe.stop();
  };
  return {
    async seen() {
      await stop();
      return { cores: availableParallelism(), clockApartMs: wallClock.apartMs() };
    },
    [Symbol.asyncDispose]: stop,
  };
}
