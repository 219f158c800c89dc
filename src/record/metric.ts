import { z } from 'zod';
import { METRICS, type MetricName, STATS } from '../core/metrics.ts';

/**
 * A measured number that may be +∞: JSON has no infinity, so null stands for it. Reports print it as
 * "≥ elapsed" (an event never seen) or "does not pay back". "No data" is never null: it is an absent
 * field, an empty list or n = 0.
 */
export const measured = z.number().nullable();

const names = Object.keys(METRICS) as [MetricName, ...MetricName[]];
const stats = Object.fromEntries(STATS.map((stat) => [stat, measured.optional()])) as {
  [S in (typeof STATS)[number]]: z.ZodOptional<typeof measured>;
};

/** p50..min in the metric's unit; a statistic that n does not support is absent. null = +∞. */
export const statsSchema = z.strictObject(stats);

/**
 * The samples behind a distribution, so that two records can be compared without averaging
 * percentiles: raw values below 1,000 samples, else a mergeable histogram.
 */
export const samplesSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('raw'), values: z.array(measured) }),
  z.strictObject({
    kind: z.literal('hdr'),
    /** hdr-histogram-js `encodeIntoCompressedBase64`; recorded value = sample × scale, rounded. */
    base64: z.string(),
    scale: z.number().positive(),
    /** Samples the histogram could not hold because they were below 0; they are in n and in min. */
    negatives: z.int().nonnegative(),
    /** Samples at +∞; they are in n and in no bucket. */
    censored: z.int().nonnegative(),
  }),
]);

/** A 95 % interval of what was estimated; high null = +∞. Absent of exact numbers, and in records before intervals. */
export const intervalSchema = z.strictObject({ low: z.number(), high: measured });

const common = {
  name: z.enum(names),
  /** The argument in parentheses: dataset, stream, query, table, fault, server, hop or level. */
  of: z.string().nullable(),
  /** The phase that owns the samples; null for a metric of the whole run. */
  phase: z.string().nullable(),
  unit: z.string(),
  better: z.enum(['lower', 'higher']),
  /** Samples, censored ones included. For a scalar, what it was counted over. */
  n: z.int().nonnegative(),
  /** Half the distance between two neighbouring values that the instrument can distinguish, in the unit. */
  resolution: z.number().nonnegative().optional(),
  /** Its maximum; `resolution` is then the median over the samples. Absent in older records. */
  resolutionMax: z.number().nonnegative().optional(),
  /** Reason not to trust this number, as a sentence. */
  distrust: z.string().optional(),
};

export const metricSchema = z.discriminatedUnion('shape', [
  z.strictObject({
    ...common,
    shape: z.literal('distribution'),
    /** Samples that are +∞ because the run ended first. */
    censored: z.int().nonnegative(),
    /** Samples below 0: counted, never clipped. */
    negatives: z.int().nonnegative().optional(),
    stats: statsSchema,
    samples: samplesSchema.optional(),
  }),
  z.strictObject({
    ...common,
    shape: z.literal('scalar'),
    value: measured,
    interval: intervalSchema.optional(),
  }),
]);

/** The name of a dataset. Visibility is recorded per dataset, under the key `stream` of version 1. */
export const datasetName = z
  .string()
  .max(128)
  .regex(/^[a-z_][a-z0-9_]*$/, 'must be the name of a dataset');
