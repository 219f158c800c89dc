import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { VERDICTS } from '../core/exit-codes.ts';
import { readTextFile } from '../core/text-file.ts';
import { RUN_FILES } from './folder.ts';
import { described, readRecord } from './read.ts';
import type { RunRecord } from './record.ts';

/** Largest accepted file, bytes: far more than a thousand trials write. */
const MAX_FILE_BYTES = 256 * 2 ** 20;

/** Name of a folder next to the file; it cannot be a path to elsewhere. */
const folderName = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, 'must be the name of a folder');

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
  if (!existsSync(path)) return null;
  if (!statSync(path).isDirectory()) {
    return basename(path) === RUN_FILES.repeat ? dirname(path) : null;
  }
  return existsSync(join(path, RUN_FILES.repeat)) ? path : null;
}

/** Reads and checks `repeat.json`. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readSeriesFile(dir: string): SeriesFile {
  const file = join(dir, RUN_FILES.repeat);
  const again = 'repeat the scenario: doorbuster run … --repeat N';
  const text = readTextFile(file, { limitBytes: MAX_FILE_BYTES, hint: again });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput(`${file} is not JSON: ${(error as Error).message}`, again);
  }
  const result = seriesSchema.safeParse(value);
  if (result.success) return result.data;
  throw badInput(`${file} is not the report of a series: ${described(result.error)}`, again);
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
