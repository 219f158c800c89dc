import { z } from 'zod';
import { HOPS } from '../core/metrics.ts';
import { STREAMS } from '../scenario/scenario.ts';
import { measured, metricSchema, samplesSchema, statsSchema } from './metric.ts';

/**
 * The record of one run: what every report reads, and all they may read. Written by the harness,
 * version 1. Three rules hold everywhere:
 *
 * - Times are ms since t0 (`t0Ms` is the only epoch stamp, with `startedAt`). They are negative before t0.
 * - A measured number that is null is +∞; "no data" is an absent field, an empty list or n = 0.
 * - A section that the run did not get to is null.
 */
export const RECORD_VERSION = 1;

const count = z.int().nonnegative();
const stream = z.enum(STREAMS);
const verdict = z.enum(['PASS', 'FAIL', 'INVALID', 'NO_DATA']);

const scenario = z.strictObject({
  name: z.string(),
  about: z.string(),
  /** As it was given on the command line. */
  file: z.string(),
  /** SHA-256 of the resolved scenario, overrides and seed included: equal hashes replay equal tapes. */
  hash: z.string(),
  text: z.string(),
  /** What `--set` and `--seed` changed. */
  overrides: z.array(z.strictObject({ path: z.string(), value: z.string() })),
});

const environment = z.strictObject({
  /** doorbuster's own version and commit; a commit ends in `+` when the checkout was changed. */
  doorbuster: z.string(),
  commit: z.string().nullable(),
  cpu: z.string(),
  cores: z.int().positive(),
  memoryBytes: z.int().positive(),
  node: z.string(),
  os: z.string(),
  /** How the servers were started: processes, … */
  runtime: z.string(),
  /** Server or library → version. */
  versions: z.record(z.string(), z.string()),
  /** Hash of what makes two records comparable: see environment.ts. */
  lane: z.string(),
});

const pipeline = z.strictObject({
  name: z.string(),
  tier: z.int().nullable(),
  /** What the design is and is not, e.g. "direct feed, no Postgres". */
  headline: z.string(),
  format: z.union([z.literal(2), z.literal(3)]),
  commitEveryMs: z.number().positive(),
  parallelism: z.int().positive(),
  compaction: z.enum(['none', 'flink', 'spark']),
  /** Keys that the inventory table holds at the end; null while unknown. */
  tableKeys: count.nullable(),
});

/** A drain: markers went to every partition, and every sink had to show them. */
const drain = z.strictObject({
  drained: z.boolean(),
  tookMs: z.number(),
  withinMs: z.number(),
  /** What the mark found: the state that a query round then reads. */
  tables: z.array(
    z.strictObject({
      table: z.string(),
      rows: count.nullable(),
      snapshotId: z.string().nullable(),
    }),
  ),
});

const phase = z.strictObject({
  name: z.string(),
  kind: z.enum(['load', 'query', 'compact']),
  measured: z.boolean(),
  /** Multiple of the stated traffic. */
  load: z.number(),
  shape: z.string(),
  startMs: z.number(),
  endMs: z.number(),
  drain: drain.nullable(),
});

/** One column per statistic, one row per second, for charts. n = 0: nothing due, the statistics are null. */
const stalenessSeries = z.strictObject({
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

const waterfall = z.strictObject({
  stream,
  phase: z.string(),
  /** Rows with every hop stamped: the same rows in every mean, so that the means add up. */
  n: count,
  meanMs: z.number(),
  hops: z.array(z.strictObject({ hop: z.enum(HOPS), meanMs: z.number(), negatives: count })),
});

const liveFiles = {
  dataFiles: count,
  equalityDeleteFiles: count,
  /** Position-delete files and deletion vectors. */
  positionDeleteFiles: count,
};

const layout = z.strictObject({
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

export const QUERY_MODES = ['trickle', 'hot', 'cold'] as const;
export const QUERY_OUTCOMES = ['ok', 'timeout', 'failed', 'crashed', 'skipped'] as const;

const queries = z.strictObject({
  everyMs: z.number(),
  timeoutMs: z.number(),
  /** One per query, phase and mode. Latency from the intended start; below n = 20 only max, p50 and min. */
  results: z.array(
    z.strictObject({
      query: z.string(),
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
      /** First error met, if any. */
      error: z.string().optional(),
    }),
  ),
  /** Every tick of the trickle, for the chart; parallel columns. A failed tick's latency is its wait. */
  trickle: z.array(
    z.strictObject({
      query: z.string(),
      tMs: z.array(z.number()),
      latencyMs: z.array(z.number()),
      outcome: z.array(z.enum(QUERY_OUTCOMES)),
    }),
  ),
  /** Times the query engine died and was started again. */
  crashes: count,
});

const totals = z.strictObject({ ...liveFiles, bytes: count });

const compaction = z.strictObject({
  by: z.enum(['flink', 'spark']),
  tables: z.array(z.string()),
  outcome: z.enum(['committed', 'failed']),
  error: z.string().optional(),
  /** Continuous compaction has no start and no end: then the whole run. */
  startMs: z.number(),
  endMs: z.number(),
  wallMs: z.number(),
  /** Before the engine did any work, apart from wallMs. */
  startupMs: z.number(),
  coreSeconds: z.number(),
  startupCoreSeconds: z.number(),
  before: totals,
  after: totals,
  /** Staleness of events due, and latency of queries intended, while it ran. */
  staleness: z.array(z.strictObject({ stream, n: count, censored: count, stats: statsSchema })),
  queries: z.array(z.strictObject({ query: z.string(), n: count, stats: statsSchema })),
  /** Core-seconds of one round of every query, hot. */
  roundBefore: z.number().optional(),
  roundAfter: z.number().optional(),
  payback: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('pays back'), rounds: z.number().positive() }),
    z.strictObject({ kind: z.literal('does not pay back') }),
    z.strictObject({ kind: z.literal('no data'), reason: z.string() }),
  ]),
  /** How long until latency is back where it was at the measured growth; null: no growth was seen. */
  gainLastsMs: z.number().nullable().optional(),
});

const truth = z.strictObject({
  /** Rows not there when the drain deadline passed: "lost" is then worded "not seen within". */
  notSeenWithinMs: z.number().nullable(),
  lost: count,
  duplicated: count,
  /** Sum of absolute on-hand errors, units. */
  wrong: z.number().nonnegative(),
  /** Against CONTRACT, table by table (dead_letter included). */
  tables: z.array(
    z.strictObject({
      table: z.string(),
      expected: count,
      found: count,
      lost: count,
      duplicated: count,
      wrong: z.number().nonnegative(),
    }),
  ),
  /** Up to 20, so that a failure can be looked up. */
  examples: z.array(
    z.strictObject({
      kind: z.enum(['lost', 'duplicated', 'wrong']),
      table: z.string(),
      key: z.string(),
      expected: z.string(),
      found: z.string(),
    }),
  ),
  /** Against BOOK, per fault kind: what the design, not a bug, made of broken clients. */
  distance: z.array(
    z.strictObject({
      fault: z.string(),
      injected: count,
      /** Rows too many (leaked) and too few (real events dropped). */
      leaked: count,
      dropped: count,
      units: z.number(),
    }),
  ),
  /** Sum of absolute differences of on-hand, tables against BOOK. */
  bookUnits: z.number().nonnegative(),
  keysCompared: count,
});

const canaries = z.strictObject({
  sent: count,
  seen: count,
  never: count,
  failed: count,
  /** Canaries that both instruments saw, and how many pairs of intervals do not touch. */
  compared: count,
  disjoint: count,
  /** Widths of the intervals: what the two instruments can tell apart, ms. */
  canaryWidth: statsSchema,
  censusWidth: statsSchema,
});

const produced = { scheduled: count, handedOver: count, acknowledged: count, appended: count };

const producing = z.strictObject({
  total: z.strictObject({ ...produced, bytes: count }),
  byPhase: z.array(z.strictObject({ phase: z.string(), stream, ...produced })),
  /** Events per second over all streams, for the chart. */
  series: z.strictObject({
    startMs: z.number(),
    everyMs: z.number().positive(),
    scheduled: z.array(z.number()),
    acknowledged: z.array(z.number()),
  }),
});

/** The harness's own health: whether it, rather than the pipeline, shaped the numbers. */
const self = z.strictObject({
  /** Per phase: hand-over minus due, ms, and the share handed over later than 250 ms. */
  slip: z.array(
    z.strictObject({ phase: z.string(), n: count, stats: statsSchema, lateShare: z.number() }),
  ),
  eventLoop: z.array(z.strictObject({ thread: z.string(), p99Ms: z.number(), maxMs: z.number() })),
  /** Commits the census was behind at each phase's end. */
  censusBehind: z.array(z.strictObject({ phase: z.string(), commits: count })),
  /** Shares of all cores, 0..1, over the measured phases. */
  harnessShare: z.number(),
  machineBusy: z.number(),
  stealMax: z.number(),
  /** Widest gap between the wall clock and the monotonic one, ms. */
  clockApartMs: z.number(),
  series: z.strictObject({
    startMs: z.number(),
    everyMs: z.number().positive(),
    /** Shares of all cores, 0..1. */
    harness: z.array(z.number()),
    machine: z.array(z.number()),
    /** Hand-over slip p99 of that second, ms; null: nothing was due. */
    slipP99: z.array(z.number().nullable()),
  }),
});

const cost = z.strictObject({
  servers: z.array(
    z.strictObject({ server: z.string(), coreSeconds: z.number(), rssMaxBytes: count }),
  ),
  /** All of the machine, other people's work included: the sum above must not exceed it. */
  machineCoreSeconds: z.number(),
  s3: z.strictObject({ requests: count, bytesIn: count, bytesOut: count }).nullable(),
  /** Bytes written to the bucket per byte of accepted unique Kafka values, and of first-written data files. */
  writeAmplification: z
    .strictObject({
      kafkaBytes: count,
      dataFileBytes: count,
      overKafka: z.number(),
      overData: z.number(),
    })
    .nullable(),
});

const check = z.strictObject({
  text: z.string(),
  line: count,
  verdict,
  /** Absent when nothing was found to judge. */
  measured: measured.optional(),
  /** Unit of `measured` and `limit`; `ratio` for `after / before`. */
  unit: z.string(),
  limit: z.number(),
  n: count,
  /** Why, in a sentence, when the verdict is not PASS. */
  reason: z.string().nullable(),
});

export const recordSchema = z.strictObject({
  version: z.literal(RECORD_VERSION),
  /** The run's folder name. */
  id: z.string(),
  scenario,
  seed: z.int(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  /** Epoch ms of the tape's origin; null until the load starts. */
  t0Ms: z.number().nullable(),
  /** From startedAt to the end of everything, ms; null until then. */
  tookMs: z.number().nullable(),
  environment,
  pipeline,
  outcome: z.enum(['completed', 'interrupted', 'stack-broke', 'crashed']),
  /** null until the run was judged. */
  verdict: verdict.nullable(),
  exitCode: z.int(),
  headline: z.strictObject({ text: z.string(), warnings: z.array(z.string()) }),
  /** The command line that replays this run. */
  reproduce: z.string(),
  phases: z.array(phase),
  /** The drain at the end of the run. */
  drain: drain.nullable(),
  metrics: z.array(metricSchema),
  staleness: z.array(stalenessSeries),
  waterfall: z.array(waterfall),
  layout: layout.nullable(),
  queries: queries.nullable(),
  compaction: compaction.nullable(),
  truth: truth.nullable(),
  canaries: canaries.nullable(),
  producing: producing.nullable(),
  self: self.nullable(),
  cost: cost.nullable(),
  /** One per rule of the INVALID table that was broken. */
  invalid: z.array(z.strictObject({ rule: z.string(), fact: z.string(), limit: z.string() })),
  checks: z.array(check),
  failures: z.array(
    z.strictObject({
      tMs: z.number().nullable(),
      server: z.string(),
      message: z.string(),
      /** The innermost cause. */
      cause: z.string().nullable(),
    }),
  ),
});

/** Readonly all the way down: a record is written once and never edited. */
type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

export type RunRecord = Frozen<z.infer<typeof recordSchema>>;
type Part<K extends keyof RunRecord> = NonNullable<RunRecord[K]>;
type Item<K extends keyof RunRecord> = Part<K> extends readonly (infer E)[] ? E : never;

export type RecordedPhase = Item<'phases'>;
export type Drain = Part<'drain'>;
export type Metric = Item<'metrics'>;
export type Distribution = Extract<Metric, { shape: 'distribution' }>;
export type Scalar = Extract<Metric, { shape: 'scalar' }>;
export type Stats = Distribution['stats'];
export type Samples = NonNullable<Distribution['samples']>;
export type StalenessSeries = Item<'staleness'>;
export type Waterfall = Item<'waterfall'>;
export type Layout = Part<'layout'>;
export type LayoutCommit = Layout['commits'][number];
export type Queries = Part<'queries'>;
export type QueryResult = Queries['results'][number];
export type CompactionRecord = Part<'compaction'>;
export type TruthRecord = Part<'truth'>;
export type CanaryRecord = Part<'canaries'>;
export type Producing = Part<'producing'>;
export type Self = Part<'self'>;
export type Cost = Part<'cost'>;
export type Invalid = Item<'invalid'>;
export type CheckResult = Item<'checks'>;
export type ServerFailure = Item<'failures'>;
export type Environment = Part<'environment'>;
