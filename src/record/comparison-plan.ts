import { join } from 'node:path';
import { z } from 'zod';
import { RUN_FILES } from './folder.ts';
import { folderName, folderWith, readGroupFile } from './group-file.ts';
import { readRecord } from './read.ts';
import type { RecordedTrial } from './series.ts';

/** The fields of `compare.json` that do not follow from the records of the trials. */
const comparisonSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  /** Trials of each design. */
  repeat: z.int().positive(),
  reproduce: z.string(),
  designs: z
    .array(
      z.object({
        label: z.string(),
        trials: z.array(
          z.object({ number: z.int().positive(), seed: z.number(), run: folderName }),
        ),
      }),
    )
    .min(2),
});

/** The requested comparison. */
export interface ComparisonPlan {
  readonly id: string;
  readonly repeat: number;
  readonly reproduce: string;
}

/** The trials of one design. */
export interface RecordedDesign {
  readonly label: string;
  readonly trials: readonly RecordedTrial[];
}

/** The folder of a comparison by its path or that of its compare.json; null: it is none. */
export function comparisonDir(path: string): string | null {
  return folderWith(RUN_FILES.compare, path);
}

/** Reads and checks `compare.json`. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readComparisonFile(dir: string): Readonly<z.infer<typeof comparisonSchema>> {
  return readGroupFile(dir, RUN_FILES.compare, {
    schema: comparisonSchema,
    what: 'a comparison',
    again: 'compare again: doorbuster compare …',
  });
}

/**
 * Reads the trials of a comparison from their own records. Throws DoorbusterError (exit 2) for a file or a record that
 * cannot be read.
 */
export function readComparison(dir: string): {
  readonly plan: ComparisonPlan;
  readonly designs: readonly RecordedDesign[];
} {
  const { id, repeat, reproduce, designs } = readComparisonFile(dir);
  return {
    plan: { id, repeat, reproduce },
    designs: designs.map(({ label, trials }) => ({
      label,
      trials: trials.map(({ number, seed, run }) => ({
        ...{ number, seed },
        record: readRecord(join(dir, run)),
      })),
    })),
  };
}
