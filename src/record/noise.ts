import { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../core/text-file.ts';
import { described } from './read.ts';

/** How much a metric differs between two equal runs. */
const noiseMetric = z.object({
  id: z.string(),
  title: z.string(),
  /** 95th percentile of the change that six pairs without any cause show, as a share; null: unbounded or no data. */
  floor: z.number().nonnegative().nullable(),
  /** Changes that gates of so many pairs find four times out of five, as shares; null as above. */
  detectable: z.array(z.object({ pairs: z.int().positive(), effect: z.number().nullable() })),
});

const noiseSchema = z.object({
  version: z.literal(1),
  /** The machine, servers and versions that it was measured with. */
  lane: z.string(),
  scenario: z.string(),
  pairs: z.int().positive(),
  metrics: z.array(noiseMetric),
});

/** The noise of a lane, as `doorbuster aa` measured it. */
export type Noise = Readonly<z.infer<typeof noiseSchema>>;

/** Reads the file of `doorbuster aa`. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readNoise(file: string): Noise {
  const again = 'measure it again: doorbuster aa SCENARIO';
  const text = readTextFile(file, { limitBytes: WRITTEN_BY_HAND, hint: again });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput(`${file} is not JSON: ${(error as Error).message}`, again);
  }
  const result = noiseSchema.safeParse(value);
  if (result.success) return result.data;
  throw badInput(`${file} is not what doorbuster aa writes: ${described(result.error)}`, again);
}
