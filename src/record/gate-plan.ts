import { join } from 'node:path';
import { z } from 'zod';
import { RUN_FILES } from './folder.ts';
import { folderName, folderWith, readGroupFile } from './group-file.ts';
import { readRecord } from './read.ts';
import type { RecordedTrial } from './series.ts';

/** A metric that a gate decides by. */
const gatedMetric = z.object({
  /** Of the numbers of a comparison. */
  id: z.string(),
  /** The change to be found, as a share: 0.1 is 10 % worse. */
  effect: z.number().positive(),
  /** Largest change that this machine shows without any cause, as a share; null: not measured. */
  noise: z.number().nonnegative().nullable(),
});

const side = z.object({
  label: z.string(),
  trials: z.array(z.object({ number: z.int().positive(), seed: z.number(), run: folderName })),
});

/** The fields of `gate.json` that do not follow from the records of the trials. */
const gateSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  reproduce: z.string(),
  wanted: z.array(gatedMetric).min(1),
  /** The lane of which `noise` is; null: it was not measured. */
  noiseLane: z.string().nullable(),
  verdict: z.enum(['PASS', 'FAIL', 'UNDECIDED', 'INVALID']),
  base: side,
  head: side,
});

/** The requested gate. */
export type GatePlan = Pick<
  Readonly<z.infer<typeof gateSchema>>,
  'id' | 'reproduce' | 'wanted' | 'noiseLane'
>;

/** One side of a gate, and its trials: those of a pair have the same number and seed. */
export interface RecordedSide {
  readonly label: string;
  readonly trials: readonly RecordedTrial[];
}

/** What a gate compares: the head may be worse than the base. */
export interface GateSides {
  readonly base: RecordedSide;
  readonly head: RecordedSide;
}

/** The folder of a gate by its path or that of its gate.json; null: it is none. */
export function gateDir(path: string): string | null {
  return folderWith(RUN_FILES.gate, path);
}

/** Reads and checks `gate.json`. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readGateFile(dir: string): Readonly<z.infer<typeof gateSchema>> {
  return readGroupFile(dir, RUN_FILES.gate, {
    schema: gateSchema,
    what: 'the result of a gate',
    again: 'run the gate again: doorbuster gate …',
  });
}

/**
 * Reads the trials of a gate from their own records. Throws DoorbusterError (exit 2) for a file or a record that cannot
 * be read.
 */
export function readGate(dir: string): { readonly plan: GatePlan; readonly sides: GateSides } {
  const { id, reproduce, wanted, noiseLane, base, head } = readGateFile(dir);
  const recorded = ({ label, trials }: z.infer<typeof side>): RecordedSide => ({
    label,
    trials: trials.map(({ number, seed, run }) => ({
      ...{ number, seed },
      record: readRecord(join(dir, run)),
    })),
  });
  return {
    plan: { id, reproduce, wanted, noiseLane },
    sides: { base: recorded(base), head: recorded(head) },
  };
}
