import { z } from 'zod';
import { fault } from './faults.ts';
import { canaries, cost, producing, regressions, self, truth } from './judged.ts';
import { datasetName, intervalSchema, measured, metricSchema } from './metric.ts';
import {
  changes,
  compaction,
  layout,
  queries,
  stalenessSeries,
  storeAge,
  waterfall,
} from './observed.ts';
import { promises } from './promises.ts';

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
const MOST_MS = 366 * 86_400_000;
const verdict = z.enum(['PASS', 'FAIL', 'INVALID', 'NO_DATA']);

/** The recorded receipts that were replayed in place of generated ones. */
const recording = z.strictObject({
  /** As the scenario has it. */
  file: z.string(),
  sha256: z.string(),
  receipts: count,
  lines: count,
  stores: count,
  products: count,
  /** Lines whose quantity was a measure, replayed as one unit. */
  measures: count,
  /** Lines brought back with a positive amount, replayed as a negative one; absent in records before it was told. */
  turned: count.optional(),
  /** Time of its first and last receipt in the shops. */
  from: z.string(),
  to: z.string(),
  /** Receipts that were replayed, null until the end: more than there are means that it began again. */
  replayed: count.nullable(),
});

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
  /** null: the receipts were generated. */
  recording: recording.nullable().default(null),
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
  /**
   * Whether the JVMs took their classes from archives that an earlier run had left: all, some or none of them.
   * Absent where archives are not in use (containers, a stack that was up already), and in records before 0.2.
   */
  classArchives: z.enum(['kept', 'partly', 'none']).optional(),
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
  /** The dataset that shows the stock, which headlines are about; null: there is none. Absent: it is `inventory`. */
  stock: datasetName.nullable().optional(),
  /** Keys that it holds at the end; null while unknown. */
  tableKeys: count.nullable(),
});

/** A drain: markers went to every partition, and every sink had to show them. */
export const drain = z.strictObject({
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

const stack = z.strictObject({
  name: z.string(),
  topicPrefix: z.string(),
  namespace: z.string(),
  /** What the run made there was left for whoever wants to look at it. */
  kept: z.boolean(),
});

/** The part of one machine in a load that several made together. */
const shard = z.strictObject({
  /** What all of them call it. */
  load: z.string(),
  /** From 1; the first one leads. */
  number: z.int().positive(),
  of: z.int().positive(),
  clock: z.strictObject({
    /** The broker's clock minus the machine's own, ms; every stamp of the shard is the broker's time. */
    offsetMs: z.number(),
    /** The offset lies within half of this of what was taken for it. */
    widthMs: z.number(),
    /** By how much it had moved in the end. */
    driftMs: z.number(),
    /** Widest gap between the machine's wall clock and its monotonic one, ms; absent in records before 0.2. */
    apartMs: z.number().optional(),
  }),
  /** Of its machine; absent in records before 0.2, of which only the leader's machine was judged. */
  cores: z.int().positive().optional(),
});

/** Farthest from t0 that a run can be, ms: a year. What is beyond it is damage, and a chart up to there would never end. */
const moment = z.number().min(-MOST_MS).max(MOST_MS);

export const phase = z.strictObject({
  name: z.string(),
  kind: z.enum(['load', 'query', 'compact']),
  measured: z.boolean(),
  /** Multiple of the stated traffic. */
  load: z.number(),
  shape: z.string(),
  startMs: moment,
  endMs: moment,
  drain: drain.nullable(),
});

const check = z.strictObject({
  text: z.string(),
  line: count,
  verdict,
  /** Absent when nothing was found to judge. */
  measured: measured.optional(),
  /** By which it was judged, where `measured` is an estimate. */
  interval: intervalSchema.optional(),
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
  /**
   * The last look at the tables, ms since t0: what was not visible by then never was. Absent in a run that measured
   * nothing, and in records before it was kept.
   */
  endedMs: z.number().optional(),
  /** From startedAt to the end of everything, ms; null until then. */
  tookMs: moment.nullable(),
  environment,
  /** Where the run was, on a stack that outlives it; left out when it had one of its own. */
  stack: stack.optional(),
  /** Of a part of a load, that is to be joined with the others; nothing is measured of it. */
  shard: shard.optional(),
  /** Of a load that was joined from parts. */
  shards: z.array(shard).optional(),
  pipeline,
  outcome: z.enum(['completed', 'interrupted', 'stack-broke', 'crashed']),
  /** null until the run was judged. */
  verdict: verdict.nullable(),
  exitCode: z.int(),
  headline: z.strictObject({ text: z.string(), warnings: z.array(z.string()) }),
  /** The command line that replays this run. */
  reproduce: z.string(),
  phases: z.array(phase),
  /** Faults of servers, in the order in which they began. Absent in records of before there were any. */
  faults: z.array(fault).optional(),
  /** The drain at the end of the run. */
  drain: drain.nullable(),
  metrics: z.array(metricSchema),
  staleness: z.array(stalenessSeries),
  /** Absent in a run that measured nothing. */
  storeAge: z.array(storeAge).optional(),
  waterfall: z.array(waterfall),
  /** Absent in a run that measured nothing. */
  changes: z.array(changes).optional(),
  layout: layout.nullable(),
  queries: queries.nullable(),
  /** The last one of `compactions`. */
  compaction: compaction.nullable(),
  /** One per `compact` phase, in their order. Absent in records of before each phase had a result of its own. */
  compactions: z.array(compaction).optional(),
  truth: truth.nullable(),
  /** null: no table promises that a newer version stays. Absent in records of before it was looked for. */
  regressions: regressions.nullable().optional(),
  /** Absent in records of before there was one; null without a stock table. */
  promises: promises.nullable().optional(),
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

export type ShardRecord = NonNullable<RunRecord['shard']>;
export type RecordedPhase = Item<'phases'>;
export type FaultRecord = NonNullable<RunRecord['faults']>[number];
export type Drain = Part<'drain'>;
export type Metric = Item<'metrics'>;
export type Distribution = Extract<Metric, { shape: 'distribution' }>;
export type Scalar = Extract<Metric, { shape: 'scalar' }>;
export type Stats = Distribution['stats'];
export type StalenessSeries = Item<'staleness'>;
export type StoreAge = NonNullable<RunRecord['storeAge']>[number];
export type Waterfall = Item<'waterfall'>;
export type Changes = Item<'changes'>;
export type Layout = Part<'layout'>;
export type LayoutCommit = Layout['commits'][number];
export type Queries = Part<'queries'>;
export type QueryResult = Queries['results'][number];
export type CompactionRecord = Part<'compaction'>;
export type TruthRecord = Part<'truth'>;
export type Regressions = NonNullable<RunRecord['regressions']>;
export type Promises = Part<'promises'>;
export type PromisePhase = Promises['phases'][number];
export type PromiseTally = PromisePhase['line'];
export type CanaryRecord = Part<'canaries'>;
export type Producing = Part<'producing'>;
export type Self = Part<'self'>;
export type Cost = Part<'cost'>;
export type Invalid = Item<'invalid'>;
export type CheckResult = Item<'checks'>;
export type Environment = Part<'environment'>;
