import { badInput } from '../core/errors.ts';
import type { Shard } from '../harness/sharding/shard-coordinator.ts';

/** Pattern of a load's id, which is a part of the names of topics and of the namespace. */
const LOAD = /^[a-z0-9][a-z0-9_]{0,31}$/;

/** Parses `--shard 2/8 --load NAME`; undefined without them. */
export function shardOf(
  { shard, load }: { readonly shard?: string; readonly load?: string },
  stores: number,
): Shard | undefined {
  if (shard === undefined) {
    if (load === undefined) return undefined;
    throw badInput('--load is the id of a distributed run: it needs --shard', '--shard 1/4');
  }
  const [, number, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(shard) ?? [];
  if (number === undefined || of === undefined || +number < 1 || +number > +of) {
    throw badInput(`--shard ${shard} is not NUMBER/TOTAL`, '--shard 2/8');
  }
  if (+of > stores) {
    throw badInput(
      `--shard ${shard}: a store belongs to one shard, and the scenario has ${stores} stores`,
      `--shard 1/${stores}`,
    );
  }
  if (load === undefined) {
    throw badInput(
      '--shard needs --load, the id by which the shards find each other',
      '--load friday',
    );
  }
  if (!LOAD.test(load)) {
    throw badInput(
      `--load ${load} is not lower-case letters, digits and _, 32 at most`,
      '--load friday',
    );
  }
  return { share: { index: +number - 1, of: +of }, load };
}
