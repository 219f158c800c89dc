import { join } from 'node:path';
import { z } from 'zod';
import { VERDICTS } from '../core/exit-codes.ts';
import { RUN_FILES } from './folder.ts';
import { folderName, folderWith, readGroupFile } from './group-file.ts';
import { readRecord } from './read.ts';
import type { RunRecord } from './record.ts';

/** The fields of `repeat.json` that do not follow from the records of the trials. */
const seriesSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  scenario: z.string(),
  trials: z.int().positive(),
  seeds: z.enum(['increment', 'same']),
  reproduce: z.string(),
  verdict: z.enum(VERDICTS).nullable(),
  counted: z.int().nonnegative(),
  runs: z.array(z.object({ number: z.int().nonnegative(), seed: z.number(), run: folderName })),
});
type SeriesFile = Readonly<z.infer<typeof seriesSchema>>;

/** The requested repetition. */
export type RepetitionPlan = Pick<SeriesFile, 'id' | 'trials' | 'seeds' | 'reproduce'>;

/** A recorded trial of a series. */
export interface RecordedTrial {
  /** Counted from 1; 0 is a warm-up, which does not count. */
  readonly number: number;
  readonly seed: number;
  readonly record: RunRecord;
}

/** The folder of a series by its path or that of its repeat.json; null: it is no series. */
export function seriesDir(path: string): string | null {
  return folderWith(RUN_FILES.repeat, path);
}

/** Reads and checks `repeat.json`. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readSeriesFile(dir: string): SeriesFile {
  return readGroupFile(dir, RUN_FILES.repeat, {
    schema: seriesSchema,
    what: 'the report of a series',
    again: 'repeat the scenario: doorbuster run … --repeat N',
  });
}

/**
 * Reads the trials of a series from their own records. Throws DoorbusterError (exit 2) for a record that is missing or
 * cannot be read, because the numbers of the series would be wrong without it.
 */
export function readSeries(dir: string): {
  readonly plan: RepetitionPlan;
  readonly trials: readonly RecordedTrial[];
} {
  const { id, trials, seeds, reproduce, runs } = readSeriesFile(dir);
  return {
    plan: { id, trials, seeds, reproduce },
    trials: runs.map(({ number, seed, run }) => ({
      ...{ number, seed },
      record: readRecord(join(dir, run)),
    })),
  };
}
