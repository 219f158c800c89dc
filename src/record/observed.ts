import { z } from 'zod';
import { HOPS } from '../core/metrics.ts';
import { MAINTENANCE_ACTIONS, ON_DEMAND } from '../scenario/scenario.ts';
import { datasetName, intervalSchema, measured, samplesSchema, statsSchema } from './metric.ts';

/** The parts of a record with observations of the pipeline. Times are ms since t0. */
const count = z.int().nonnegative();
/** The dataset in which changes became visible. */
const stream = datasetName;

/** One column per statistic, one row per second, for charts. n = 0: nothing due, the statistics are null. */
export const stalenessSeries = z.strictObject({
  stream,
  startMs: z.number(),
  everyMs: z.number().positive(),
  /** Events due in that second, and how many of them were never visible. */
  n: z.array(count),
  never: z.array(count),
  p50: z.array(measured),
  p99: z.array(measured),
  max: z.array(measured),
  /** Oldest change not yet visible at the end of that second, ms old; 0 if none. */
  age: z.array(z.number()),
  /** Now minus the newest visible change, at the end of that second. */
  newest: z.array(measured).optional(),
});

/** Age store by store. Each store has a time-weighted median and p99 of its own. */
export const storeAge = z.strictObject({
  stream,
  /** null: over all measured phases. */
  phase: z.string().nullable(),
  /** Stores with a change in this run. */
  stores: count,
  /** Over the stores, of their medians; of their p99 it is the metric `store_age`. */
  p50: statsSchema,
  /** The few stores with the highest p99, worst first. */
  worst: z.array(
    z.strictObject({ store: z.int(), p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() }),
  ),
});

export const waterfall = z.strictObject({
  stream,
  phase: z.string(),
  /** Rows with every hop stamped: the same rows in every mean, so that the means add up. */
  n: count,
  meanMs: z.number(),
  hops: z.array(z.strictObject({ hop: z.enum(HOPS), meanMs: z.number(), negatives: count })),
});

/** Outcomes of the changes due in a phase. The first four give a staleness sample each. */
export const changes = z.strictObject({
  stream,
  phase: z.string(),
  /** A reader could find the change itself. */
  shown: count,
  /** A newer version of the row was visible first, or with it. */
  superseded: count,
  /** A newer version had been appended before it, so that the pipeline had to drop it. */
  guarded: count,
  never: count,
  /** Rows of injected duplicates and damage: in no sample. */
  copies: count,
  /** Originals whose event id another event had used before. */
  mistaken: count,
  /** Originals that were damaged before they were sent. */
  damaged: count,
});

const liveFiles = {
  dataFiles: count,
  equalityDeleteFiles: count,
  /** Position-delete files and deletion vectors. */
  positionDeleteFiles: count,
};

export const layout = z.strictObject({
  /** One per snapshot, in order of tMs (when the catalog first served it). */
  commits: z.array(
    z.strictObject({
      table: z.string(),
      tMs: z.number(),
      snapshotId: z.string(),
      operation: z.string(),
      addedFiles: count,
      addedRows: count,
      addedBytes: count,
      ...liveFiles,
      liveBytes: count,
      liveRows: count,
      manifests: count,
      manifestBytes: count,
      snapshots: count,
    }),
  ),
  /** Live files at the marks of the run: phase ends, before and after compaction. */
  marks: z.array(
    z.strictObject({
      mark: z.string(),
      tMs: z.number(),
      table: z.string(),
      ...liveFiles,
      bytes: count,
      /** Median size of a live data file; absent without one. */
      dataFileP50Bytes: count.optional(),
    }),
  ),
  /** The bucket's own listing at the end; orphans are objects that no live metadata names. */
  bucket: z
    .strictObject({ objects: count, bytes: count, orphans: count, orphanBytes: count })
    .nullable(),
});

/** What makes maintenance due. */
const TRIGGERS = [
  'time',
  'data files',
  'delete files',
  'amoro major',
  'amoro minor',
  'autocomp',
] as const;

const QUERY_MODES = ['trickle', 'hot', 'cold'] as const;
const QUERY_OUTCOMES = ['ok', 'timeout', 'failed', 'crashed', 'skipped'] as const;

export const queries = z.strictObject({
  everyMs: z.number(),
  timeoutMs: z.number(),
  /** One per query, phase and mode. Latency from the intended start; below n = 20 only max, p50 and min. */
  results: z.array(
    z.strictObject({
      query: z.string(),
      /** What answered it, as pipeline.yaml names it. Absent in records of when there was DuckDB alone. */
      engine: z.string().optional(),
      /** The datasets it names. Absent where that is unknown, and in records of before it was kept. */
      reads: z.array(z.string()).optional(),
      phase: z.string(),
      mode: z.enum(QUERY_MODES),
      outcomes: z.strictObject({
        ok: count,
        timeout: count,
        failed: count,
        crashed: count,
        skipped: count,
      }),
      n: count,
      censored: count,
      stats: statsSchema,
      samples: samplesSchema.optional(),
      /** cold only: LOAD and ATTACH, apart from the latency. */
      attachP50Ms: z.number().optional(),
      /** The first error, if any. */
      error: z.string().optional(),
    }),
  ),
  /** Every background query, for the chart; parallel columns. Latency of a failed query is its wait; null for a skipped one, which was never started. */
  trickle: z.array(
    z.strictObject({
      query: z.string(),
      tMs: z.array(z.number()),
      latencyMs: z.array(measured),
      outcome: z.array(z.enum(QUERY_OUTCOMES)),
    }),
  ),
  /** Number of crashes of the query engine, which was then restarted. */
  crashes: count,
});

const totals = z.strictObject({ ...liveFiles, bytes: count });

/** Traffic of the object store, that of all its clients. */
const traffic = z.strictObject({ requests: count, bytesIn: count, bytesOut: count });

/** What is known of every compaction and every run of maintenance; absent in records of before it was. */
const work = {
  /** The actions that came to their end, one after the other. */
  steps: z
    .array(
      z.strictObject({
        action: z.enum(MAINTENANCE_ACTIONS),
        startMs: z.number(),
        endMs: z.number(),
        /** null: its process was not visible. */
        coreSeconds: z.number().nullable(),
        /** As in the whole run, of this action; absent before there was a commit. */
        before: totals.optional(),
        after: totals.optional(),
        s3: traffic.nullable().optional(),
      }),
    )
    .optional(),
  /** Bytes of the data files that rewrites read, as the engine reports them, and of the files that they added. */
  rewrittenBytes: count.optional(),
  writtenBytes: count.optional(),
  /** Traffic while it ran, the load's included, and in as long a time before it; null: it was not sampled. */
  s3: traffic.nullable().optional(),
  s3Before: traffic.nullable().optional(),
  /** What is not known of the time in which it ran, and why, as sentences. */
  lacking: z.array(z.string()).optional(),
};

export const compaction = z.strictObject({
  /** Its `compact` phase; null: not kept (version 1). */
  phase: z.string().nullable(),
  by: z.enum(['flink', ...ON_DEMAND]),
  tables: z.array(z.string()),
  outcome: z.enum(['committed', 'failed']),
  error: z.string().optional(),
  /** Continuous compaction has no start and no end: then the whole run. */
  startMs: z.number(),
  endMs: z.number(),
  wallMs: z.number(),
  /** Start-up time of the engine, which is not part of wallMs. */
  startupMs: z.number(),
  /** null: its process was not visible. */
  coreSeconds: z.number().nullable(),
  startupCoreSeconds: z.number().nullable(),
  /** What maintenance did, in this order. It and the counts after it are absent in a compact phase, which rewrites files alone. */
  actions: z.array(z.enum(MAINTENANCE_ACTIONS)).optional(),
  rewrittenManifests: count.optional(),
  /** Files of expired snapshots that were deleted. */
  expiredFiles: count.optional(),
  /** Files that no metadata named and that were removed, and their bytes; absent in records of before they were. */
  removedOrphans: count.optional(),
  removedOrphanBytes: count.optional(),
  ...work,
  /** Absent if the files were not listed at that time. */
  before: totals.optional(),
  after: totals.optional(),
  /** Staleness of events due, and latency of queries intended, while it ran. */
  staleness: z.array(z.strictObject({ stream, n: count, censored: count, stats: statsSchema })),
  queries: z.array(z.strictObject({ query: z.string(), n: count, stats: statsSchema })),
  /** Core-seconds of one round of every query, hot. */
  roundBefore: z.number().optional(),
  roundAfter: z.number().optional(),
  payback: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('pays back'),
      rounds: z.number().positive(),
      /** 95 %, over the samples of both rounds, of which each query has at least n. Absent in records before intervals. */
      interval: intervalSchema.optional(),
      n: count.optional(),
    }),
    z.strictObject({ kind: z.literal('does not pay back'), n: count.optional() }),
    z.strictObject({ kind: z.literal('no data'), reason: z.string() }),
  ]),
  /** Time until latency is back at its former level at the measured growth; null: no growth distinguishable from noise. */
  gainLastsMs: z.number().nullable().optional(),
  /** 95 %, from the interval of the slope; n background answers of each query. Absent in records before intervals. */
  gainLastsInterval: z.strictObject({ low: z.number(), high: z.number(), n: count }).optional(),
});

/** Maintenance while the load ran, by a trigger of the scenario. */
export const maintenance = z.strictObject({
  runs: z.array(
    z.strictObject({
      by: z.enum(ON_DEMAND),
      actions: z.array(z.enum(MAINTENANCE_ACTIONS)),
      trigger: z.enum(TRIGGERS),
      /** The phase in which it began. */
      phase: z.string(),
      outcome: z.enum(['committed', 'failed']),
      error: z.string().optional(),
      tables: z.array(z.string()),
      startMs: z.number(),
      endMs: z.number(),
      /** As in a compaction. */
      wallMs: z.number(),
      startupMs: z.number(),
      coreSeconds: z.number().nullable(),
      startupCoreSeconds: z.number().nullable(),
      ...work,
      rewrittenFiles: count,
      addedFiles: count,
      rewrittenBytes: count,
      /** null: the catalog did not say. */
      removedDeleteFiles: count.nullable(),
      rewrittenManifests: count,
      /** Files of expired snapshots that were deleted. */
      expiredFiles: count,
      removedOrphans: count.optional(),
      removedOrphanBytes: count.optional(),
      staleness: compaction.shape.staleness,
      queries: compaction.shape.queries,
      /** Live after the last commit until it began, and until it ended: those of the load are in them. */
      before: totals.optional(),
      after: totals.optional(),
      /** As in a compaction, of the background queries nearest to it; absent in records of before it was measured. */
      roundBefore: compaction.shape.roundBefore,
      roundAfter: compaction.shape.roundAfter,
      payback: compaction.shape.payback.optional(),
      gainLastsMs: compaction.shape.gainLastsMs,
      gainLastsInterval: compaction.shape.gainLastsInterval,
    }),
  ),
  /** Time in which it was due and did not begin, ms: because of the phase, or because queries ran. */
  waitedMs: z.strictObject({ phase: z.number(), queries: z.number() }),
});

/** A view in memory at the end of its stage, by its name there. */
export const view = z.strictObject({
  name: z.string(),
  /** Images that its process read, a rebuild included, and of them those that could not be decoded. */
  images: count,
  rejected: count,
  /** Rows that it wrote, because the view had an older version or none. */
  written: count,
  /** How often the view was lost and rebuilt. */
  rebuilds: count,
  /** Comparisons with the table of the stock, and those that could not read it. */
  comparisons: count,
  unread: count,
  /** Rows that a comparison wrote: those that the view lacked, and those that it had in an older version. */
  filled: count,
  repaired: count,
  /** Products that were hot. */
  products: count,
});
