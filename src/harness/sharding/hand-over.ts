import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { RUN_FILES } from '../../record/folder.ts';
import type { RunRecord } from '../../record/record.ts';
import { writeAtomically } from '../../record/write.ts';
import type { Facts } from '../facts.ts';
import type { Observed } from '../observed.ts';
import { middleOf, widthOf } from './clock-offset.ts';
import type { Meeting } from './meeting.ts';

/**
 * Leaves what one shard has for whoever joins it with the others': its facts, and of the leader's what it
 * observed. Nothing is measured or judged of a part.
 */
export async function handOver(
  {
    facts,
    dir,
    meeting,
    note,
  }: {
    readonly facts: Pick<Facts, 'exportParquet' | 'rows'>;
    readonly dir: string;
    readonly meeting: Meeting;
    readonly note: (kind: string, fields: Readonly<Record<string, unknown>>) => void;
  },
  { t0Ms, observed }: { readonly t0Ms: number | null; readonly observed: Observed | null },
): Promise<Partial<RunRecord>> {
  const driftMs = await meeting.driftMs();
  const exported = await facts.exportParquet(dir);
  note('facts', { files: exported.length });
  if (observed !== null) {
    writeAtomically(join(dir, RUN_FILES.handOver), JSON.stringify(observed));
  }
  const { share, load } = meeting.shard;
  const number = share.index + 1;
  return {
    outcome: 'completed',
    exitCode: EXIT.pass,
    t0Ms,
    shard: {
      load,
      number,
      of: share.of,
      clock: { offsetMs: middleOf(meeting.offset), widthMs: widthOf(meeting.offset), driftMs },
    },
    headline: {
      text: `shard ${number} of ${share.of} of the load ${load}: doorbuster merge joins them`,
      warnings: [...(observed?.missing ?? [])],
    },
  };
}

/** What the leader of a load observed, from its folder. */
export function readHandOver(dir: string): Observed {
  const path = join(dir, RUN_FILES.handOver);
  let observed: Observed;
  try {
    observed = JSON.parse(readFileSync(path, 'utf8')) as Observed;
  } catch (error) {
    throw badInput(`cannot read ${path}: ${(error as Error).message}`, 'doorbuster list');
  }
  const { tables } = observed;
  if (tables === null) return observed;
  // The copies lie beside it, wherever the folder was taken.
  const here = join(dir, RUN_FILES.tables);
  const moved = (source: string) => source.replaceAll(observed.tablesDir, here);
  return {
    ...observed,
    tables: {
      ...tables,
      deadLetter: moved(tables.deadLetter),
      streams: Object.fromEntries(
        Object.entries(tables.streams).map(([stream, source]) => [stream, moved(source)]),
      ),
    },
  };
}
