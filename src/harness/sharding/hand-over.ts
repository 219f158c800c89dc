import { join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { RUN_FILES } from '../../record/folder.ts';
import type { Journal } from '../../record/journal.ts';
import type { PartEnd } from '../../record/record.ts';
import { writeAtomically } from '../../record/write.ts';
import { middleOf, widthOf } from '../clock-offset.ts';
import type { Facts } from '../facts.ts';
import type { Observed } from '../outcome/observed.ts';
import { handOverText } from './hand-over-file.ts';
import type { ShardCoordinator } from './shard-coordinator.ts';

/**
 * Writes the part of one shard for a later merge: its facts, and the observations of the leader. A part is neither
 * measured nor judged.
 */
export async function handOver(
  {
    facts,
    dir,
    coordinator,
    note,
  }: {
    readonly facts: Pick<Facts, 'exportParquet' | 'rows'>;
    readonly dir: string;
    readonly coordinator: ShardCoordinator;
    readonly note: Journal['note'];
  },
  {
    t0Ms,
    observed,
    machine,
  }: {
    readonly t0Ms: number | null;
    readonly observed: Observed | null;
    /** The machine's cores, and the gap of its clocks. */
    readonly machine: { readonly cores: number; readonly clockApartMs: number };
  },
): Promise<PartEnd> {
  const driftMs = await coordinator.driftMs();
  const { paths, failed } = await facts.exportParquet(dir);
  note('facts', { files: paths.length, failed: [...failed] });
  const [first] = failed;
  // A part without one of its tables cannot be merged.
  if (first !== undefined) throw stackBroke(`cannot write ${first.table}.parquet: ${first.reason}`);
  if (observed !== null) {
    writeAtomically(join(dir, RUN_FILES.handOver), handOverText(observed));
  }
  const { share, load } = coordinator.shard;
  const number = share.index + 1;
  return {
    outcome: 'part',
    exitCode: EXIT.pass,
    t0Ms,
    shard: {
      load,
      number,
      of: share.of,
      clock: {
        ...{
          offsetMs: middleOf(coordinator.offset),
          widthMs: widthOf(coordinator.offset),
          driftMs,
        },
        apartMs: machine.clockApartMs,
      },
      cores: machine.cores,
    },
    headline: {
      text: `shard ${number} of ${share.of} of the load ${load}: doorbuster merge merges them`,
      warnings: [...(observed?.missing ?? [])],
    },
  };
}
