import { z } from 'zod';
import { WRITTEN_BY_HAND } from '../core/text-file.ts';
import { readJsonFile } from './group-file.ts';

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
  return readJsonFile(file, {
    schema: noiseSchema,
    what: 'what doorbuster aa writes',
    again: 'measure it again: doorbuster aa SCENARIO',
    limitBytes: WRITTEN_BY_HAND,
  });
}
