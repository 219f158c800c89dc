import { z } from 'zod';
import { VERDICTS } from '../core/exit-codes.ts';
import { ON_DEMAND } from '../scenario/scenario.ts';
import { fault } from './faults.ts';
import { canaries, cost, producing, regressions, self, truth } from './judged.ts';
import { datasetName, intervalSchema, measured, metricSchema } from './metric.ts';
import {
  changes,
  compaction,
  layout,
  maintenance,
  queries,
  stalenessSeries,
  storeAge,
  view,
  waterfall,
} from './observed.ts';
import { promises } from './promises.ts';
import { recording } from './recording.ts';

/**
 * The record of one run, written by the harness. Reports read nothing else. Three rules hold everywhere:
 *
 * - Times are ms since t0 (`t0Ms` is the only epoch stamp, with `startedAt`). They are negative before t0.
 * - A measured number that is null is +∞; "no data" is an absent field, an empty list or n = 0.
 * - What a record of version 1 did not keep is named in `notRecorded` (upgrade.ts).
 */
export const RECORD_VERSION = 2;

const count = z.int().nonnegative();
const MAX_MOMENT_MS = 366 * 86_400_000;
const verdict = z.enum(VERDICTS);

const scenario = z.strictObject({
  name: z.string(),
  about: z.string(),
  /** As typed on the command line. */
  file: z.string(),
  /** SHA-256 of the resolved scenario, overrides and seed included: equal hashes replay equal tapes. */
  hash: z.string(),
  /**
   * Commit of its file in git, with `+` if the file was changed; null: git does not know the file. Absent in records of
   * before this was kept.
   */
  commit: z.string().nullable().optional(),
  text: z.string(),
  /** Changes by `--set` and `--seed`. */
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
   * Whether the JVMs started from class archives of an earlier run: all, some or none of them. null if archives are not
   * used (containers, a persistent or external stack).
   */
  classArchives: z.enum(['kept', 'partly', 'none']).nullable(),
  /** Hash of the properties in which comparable records agree: see environment.ts. */
  lane: z.string(),
});

const pipeline = z.strictObject({
  name: z.string(),
  /** Commit of its folder, as of the scenario's file. */
  commit: z.string().nullable().optional(),
  tier: z.int().nullable(),
  /** Short description of the design, e.g. "direct feed, no Postgres". */
  headline: z.string(),
  format: z.union([z.literal(2), z.literal(3)]),
  commitEveryMs: z.number().positive(),
  parallelism: z.int().positive(),
  compaction: z.enum(['none', 'flink', ...ON_DEMAND]),
  /** The dataset that shows the stock, which headlines are about; null: there is none. Absent: it is `inventory`. */
  stock: datasetName.nullable().optional(),
  /** Keys that it holds at the end; null while unknown. */
  tableKeys: count.nullable(),
});

/** A drain: markers are sent to every partition, and every sink has to show them. */
export const drain = z.strictObject({
  drained: z.boolean(),
  tookMs: z.number(),
  withinMs: z.number(),
  /** State of the tables at the end of the drain, which a query round then reads. */
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
  /** Whether what the run created there was kept. */
  kept: z.boolean(),
});

/** The part of one machine in a distributed load. */
const shard = z.strictObject({
  /** Id of the distributed run. */
  load: z.string(),
  /** Number of the shard, from 1; the first one leads. */
  number: z.int().positive(),
  of: z.int().positive(),
  clock: z.strictObject({
    /** The broker's clock minus the machine's own, ms; every stamp of the shard is the broker's time. */
    offsetMs: z.number(),
    /** The true offset differs from `offsetMs` by at most half of this. */
    widthMs: z.number(),
    /** Change of the offset until the end. */
    driftMs: z.number(),
    /** Widest gap between the machine's wall clock and its monotonic one, ms; null: not kept (version 1). */
    apartMs: z.number().nullable(),
  }),
  /** Cores of its machine; null: not kept (version 1), and only the leader's machine was judged. */
  cores: z.int().positive().nullable(),
});

/** Time since t0, ms, at most a year: a larger value is damage, and a chart up to it would never end. */
const moment = z.number().min(-MAX_MOMENT_MS).max(MAX_MOMENT_MS);

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
  /** The interval that decided the check, if `measured` is an estimate. */
  interval: intervalSchema.optional(),
  /** Unit of `measured` and `limit`; `ratio` for `after / before`. */
  unit: z.string(),
  limit: z.number(),
  n: count,
  /** The reason as a sentence, if the verdict is not PASS. */
  reason: z.string().nullable(),
});

/** Fields of every run, however it ended. */
const everyRun = {
  version: z.literal(RECORD_VERSION),
  /** The run's folder name. */
  id: z.string(),
  scenario,
  seed: z.int(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  environment,
  /** The shared stack of the run; absent if it had its own stack. */
  stack: stack.optional(),
  /** The shards of a merged distributed run. */
  shards: z.array(shard).optional(),
  pipeline,
  exitCode: z.int(),
  headline: z.strictObject({ text: z.string(), warnings: z.array(z.string()) }),
  /** The command line that replays this run. */
  reproduce: z.string(),
  failures: z.array(
    z.strictObject({
      tMs: z.number().nullable(),
      server: z.string(),
      message: z.string(),
      /** The innermost cause. */
      cause: z.string().nullable(),
    }),
  ),
  /** Fields that the record of version 1, from which this one was upgraded, did not keep; empty otherwise. */
  notRecorded: z.array(z.string()),
};

/** From startedAt to the end of everything, ms. */
const tookMs = moment;

/** Measurements of a run that reached t0. */
export const measurements = {
  measured: z.literal(true),
  /** Epoch ms of the tape's origin. */
  t0Ms: z.number(),
  /** Last poll of the tables, ms since t0: a change that was not visible by then counts as never visible. null: not kept (version 1). */
  endedMs: z.number().nullable(),
  tookMs,
  phases: z.array(phase),
  /** Faults of servers, in the order in which they began. */
  faults: z.array(fault),
  /** The drain at the end of the run; null: it did not reach its end. */
  drain: drain.nullable(),
  metrics: z.array(metricSchema),
  staleness: z.array(stalenessSeries),
  storeAge: z.array(storeAge),
  waterfall: z.array(waterfall),
  changes: z.array(changes),
  layout,
  queries,
  /** One per `compact` phase, in their order. */
  compactions: z.array(compaction),
  /** Absent if no trigger starts it. */
  maintenance: maintenance.optional(),
  /** null: there is no upsert table. */
  regressions: regressions.nullable(),
  /** null without a stock table. */
  promises: promises.nullable(),
  canaries,
  producing,
  self,
  cost,
  /** Absent if no stage keeps a view in memory. */
  views: z.array(view).optional(),
  /** One per rule of the INVALID table that was broken. */
  invalid: z.array(z.strictObject({ rule: z.string(), fact: z.string(), limit: z.string() })),
  checks: z.array(check),
};

/** The same fields for a run without measurements: the types allow no number. */
const nothing = {
  measured: z.literal(false),
  verdict: z.null(),
  endedMs: z.null(),
  phases: z.tuple([]),
  faults: z.tuple([]),
  drain: z.null(),
  metrics: z.tuple([]),
  staleness: z.tuple([]),
  storeAge: z.tuple([]),
  waterfall: z.tuple([]),
  changes: z.tuple([]),
  layout: z.null(),
  queries: z.null(),
  compactions: z.tuple([]),
  maintenance: z.undefined().optional(),
  truth: z.null(),
  regressions: z.null(),
  promises: z.null(),
  canaries: z.null(),
  producing: z.null(),
  self: z.null(),
  cost: z.null(),
  views: z.tuple([]).optional(),
  invalid: z.tuple([]),
  checks: z.tuple([]),
};

/** A run that reached its end: measured, compared with the truth, and judged. */
const completed = z.strictObject({
  ...everyRun,
  outcome: z.literal('completed'),
  ...measurements,
  truth,
  verdict,
});

/** The part of one machine in a distributed load: parts are merged before anything is measured. */
const part = z.strictObject({
  ...everyRun,
  outcome: z.literal('part'),
  ...nothing,
  t0Ms: z.number().nullable(),
  tookMs,
  shard,
});

const broken = z.enum(['interrupted', 'stack-broke', 'crashed']);

/** A run that was ended after t0: its measurements until then, without a verdict. */
const cutShort = z.strictObject({
  ...everyRun,
  outcome: broken,
  ...measurements,
  /** null: the tables were not read. */
  truth: truth.nullable(),
  verdict: z.null(),
});

/** A run that was ended because a check could not pass any more (`--abort-on-fail`): its measurements until then. */
const aborted = z.strictObject({
  ...everyRun,
  outcome: z.literal('aborted'),
  ...measurements,
  /** null: the tables were not read. */
  truth: truth.nullable(),
  /** Of the checks only those that ended it are listed. */
  verdict: z.literal('FAIL'),
});

/** A run that ended before it had measured anything; also a run that is still in progress. */
const unmeasured = z.strictObject({
  ...everyRun,
  outcome: broken,
  ...nothing,
  t0Ms: z.null(),
  tookMs: tookMs.nullable(),
});

/** A union of five shapes, distinguished by `outcome` and `measured`. */
export const recordSchema = z.discriminatedUnion('outcome', [
  completed,
  part,
  aborted,
  z.discriminatedUnion('measured', [cutShort, unmeasured]),
]);

/** Deeply readonly: a record is written once and never edited. */
export type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

export type CompletedRecord = Frozen<z.infer<typeof completed>>;
export type PartRecord = Frozen<z.infer<typeof part>>;
export type CutShortRecord = Frozen<z.infer<typeof cutShort>>;
type AbortedRecord = Frozen<z.infer<typeof aborted>>;
export type UnmeasuredRecord = Frozen<z.infer<typeof unmeasured>>;
export type RunRecord =
  | CompletedRecord
  | PartRecord
  | CutShortRecord
  | AbortedRecord
  | UnmeasuredRecord;

/** Fields that the end of a run adds to its first record. */
type End<R extends RunRecord> = Omit<
  R,
  Exclude<keyof typeof everyRun, 'exitCode' | 'headline' | 'failures'> | 'tookMs'
> &
  Partial<Pick<R, 'scenario' | 'pipeline' | 'environment'>>;
export type AbortedEnd = End<AbortedRecord>;
export type MeasuredEnd = End<CompletedRecord> | End<CutShortRecord> | AbortedEnd;
export type CutShortEnd = End<CutShortRecord>;
export type PartEnd = Pick<PartRecord, 'outcome' | 'exitCode' | 't0Ms' | 'shard' | 'headline'>;
export type BrokenEnd = Pick<
  UnmeasuredRecord,
  'outcome' | 'exitCode' | 'verdict' | 'headline' | 'failures'
>;
export type RunEnd = MeasuredEnd | PartEnd | BrokenEnd;

type Part<K extends keyof RunRecord> = NonNullable<RunRecord[K]>;
type Item<K extends keyof RunRecord> = Part<K> extends readonly (infer E)[] ? E : never;

export type ShardRecord = PartRecord['shard'];
export type RecordedPhase = Item<'phases'>;
export type FaultRecord = Item<'faults'>;
export type Drain = Part<'drain'>;
export type Metric = Item<'metrics'>;
export type Distribution = Extract<Metric, { shape: 'distribution' }>;
export type Scalar = Extract<Metric, { shape: 'scalar' }>;
export type Stats = Distribution['stats'];
export type StalenessSeries = Item<'staleness'>;
export type StoreAge = Item<'storeAge'>;
export type Waterfall = Item<'waterfall'>;
export type Changes = Item<'changes'>;
export type Layout = Part<'layout'>;
export type LayoutCommit = Layout['commits'][number];
export type Queries = Part<'queries'>;
export type QueryResult = Queries['results'][number];
export type MaintenanceRecord = Frozen<z.infer<typeof maintenance>>;
export type CompactionRecord = Item<'compactions'>;
export type ViewRecord = Frozen<z.infer<typeof view>>;
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
