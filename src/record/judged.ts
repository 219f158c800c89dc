import { z } from 'zod';
import { STREAMS } from '../scenario/scenario.ts';
import { statsSchema } from './metric.ts';

/** The parts of a record that judge the pipeline's results, and the harness itself. */
const count = z.int().nonnegative();
const stream = z.enum(STREAMS);

/** Plausible but wrong readings of the tables. */
export const READINGS = [
  'returns-as-zero',
  'training-counted',
  'claimed-hour',
  'natural-key',
] as const;

export const truth = z.strictObject({
  /** Set if rows were missing at the drain deadline: reports then say "not seen within" instead of "lost". */
  notSeenWithinMs: z.number().nullable(),
  /**
   * What could not be judged, with the reason: a table by the pipeline's name, or an oracle (CONTRACT, BOOK). Absent if
   * everything was judged. Everything below is about the rest.
   */
  notJudged: z.array(z.strictObject({ what: z.string(), reason: z.string() })).optional(),
  /** Absent when no table was judged. */
  lost: count.optional(),
  duplicated: count.optional(),
  /** Sum of absolute on-hand errors, units. Absent when no stock table was judged. */
  wrong: z.number().nonnegative().optional(),
  /** Against CONTRACT, table by table (dead_letter included). */
  tables: z.array(
    z.strictObject({
      table: z.string(),
      expected: count,
      found: count,
      lost: count,
      duplicated: count,
      /** Of the stock table. In records before it could be absent, the other tables have 0. */
      wrong: z.number().nonnegative().optional(),
      /** `kept`: the pipeline declares that it does not drop copies. Absent: it declares that it does. */
      copies: z.literal('kept').optional(),
      /** The engine that read the table for the oracles; null: not known. */
      readBy: z.string().nullable(),
    }),
  ),
  /** Up to 20 examples, to look up. */
  examples: z.array(
    z.strictObject({
      kind: z.enum(['lost', 'duplicated', 'wrong']),
      table: z.string(),
      key: z.string(),
      expected: z.string(),
      found: z.string(),
    }),
  ),
  /**
   * Distance from BOOK, per kind of fault and per label that occurred. An event with two labels counts for both. An
   * absent score is not 0: a table lacks the necessary column (`notScored`).
   */
  distance: z.array(
    z.strictObject({
      fault: z.string(),
      /** Messages with the fault; for a label, the events that have it. */
      injected: count,
      /** injected − leaked − dropped. Absent for `none`, and in records before scores. */
      caught: z.int().optional(),
      /** Surplus rows, and rows with a wrong value. */
      leaked: count.optional(),
      /** Real events without a row. */
      dropped: count,
      /** Sum of absolute errors of on-hand. Absent when no stock table was judged. */
      units: z.number().optional(),
      /** Sum of absolute errors of takings, cents. Absent in records before scores, too. */
      cents: count.optional(),
    }),
  ),
  /** Cents: over every unique receipt, and in the table. Absent without receipts, and in records before scores. */
  takings: z.strictObject({ book: z.int(), shown: z.int() }).optional(),
  /** Errors of naive readings of the same tables. Absent in records before scores. */
  readings: z
    .array(
      z.strictObject({
        name: z.enum(READINGS),
        /** Receipts that it reads wrongly. */
        rows: count,
        /** Error of the takings; for `claimed-hour`, takings that it assigns to a wrong hour. */
        cents: z.int(),
      }),
    )
    .optional(),
  /** `stream.column` of each missing column, whose scores are therefore absent. */
  notScored: z.array(z.string()).optional(),
  /** Sum of absolute differences of on-hand between tables and BOOK. Absent when no stock table was judged. */
  bookUnits: z.number().nonnegative().optional(),
  keysCompared: count.optional(),
});

/**
 * Rows of an upsert table that were shown in an older version after a newer one. It must not happen: with a version
 * column the highest version must win, in whatever order versions arrive.
 */
export const regressions = z.strictObject({
  table: z.string(),
  /** Number of replaced rows over all snapshots: each could have been a regression. */
  updates: count,
  /** Number of regressions, and of rows with one. */
  count,
  rows: count,
  /** Total duration, s: each from its snapshot to the next one that shows the former version or a higher one. */
  rowSeconds: z.number().nonnegative(),
  longestMs: z.number().nonnegative(),
  /** Regressions that had not ended at the last poll of the table, up to which they count. */
  notRecovered: count,
  /** The longest ones. */
  examples: z.array(
    z.strictObject({
      key: z.string(),
      /** The version that was shown, and the highest one shown before. */
      version: z.int(),
      after: z.int(),
      tMs: z.number(),
      forMs: z.number(),
      recovered: z.boolean(),
    }),
  ),
});

export const canaries = z.strictObject({
  sent: count,
  /** Canaries that the broker did not acknowledge. null here and below: not kept (version 1). */
  unsent: count.nullable(),
  seen: count,
  never: count,
  failed: count,
  /** Canaries with at least one answered poll, and those of them that contradict the census. */
  compared: count,
  disjoint: count,
  /** Canaries that the census saw. */
  inCensus: count.nullable(),
  /** Polls, each counted once per canary, and those without an answer (without declared outages). */
  polls: count.nullable(),
  failedPolls: count.nullable(),
  /** Widths of the intervals, which are the resolutions of the two instruments, ms. */
  canaryWidth: statsSchema,
  censusWidth: statsSchema,
});

const produced = { scheduled: count, handedOver: count, acknowledged: count };

export const producing = z.strictObject({
  /** The whole run: opening stock, markers and canaries included. appended null: the logs were not counted. */
  total: z.strictObject({ ...produced, appended: count.nullable(), bytes: count }),
  byPhase: z.array(z.strictObject({ phase: z.string(), stream, ...produced, appended: count })),
  /** Events per second over all streams, for the chart. */
  series: z.strictObject({
    startMs: z.number(),
    everyMs: z.number().positive(),
    scheduled: z.array(z.number()),
    acknowledged: z.array(z.number()),
  }),
  /** Per stream, its busiest partition, without opening stock, markers and canaries. */
  partitions: z.array(
    z.strictObject({
      stream,
      partitions: z.int().positive(),
      messages: count,
      /** Number of the partition, from 0, and the messages that it received. */
      busiest: count,
      received: count,
      /** The store (the key) with most of these messages. */
      store: count,
      ofStore: count,
      /** Whether it received much more than an even share: see docs/measuring.md. */
      skewed: z.boolean(),
    }),
  ),
});

/** Health of the harness: whether it, rather than the pipeline, determined the numbers. */
export const self = z.strictObject({
  /**
   * Per phase: hand-over minus due, ms, and the share handed over later than 250 ms; both without the time that `waited`
   * messages waited for a broker during a declared outage.
   */
  slip: z.array(
    z.strictObject({
      phase: z.string(),
      n: count,
      waited: count.optional(),
      stats: statsSchema,
      /** Absent where nothing was due; 0 in some records of version 1. */
      lateShare: z.number().optional(),
    }),
  ),
  eventLoop: z.array(z.strictObject({ thread: z.string(), p99Ms: z.number(), maxMs: z.number() })),
  /** Commits that the census had not read at each phase's end. */
  censusBehind: z.array(z.strictObject({ phase: z.string(), commits: count })),
  /** Shares of all cores, 0..1, over the measured phases with samples. */
  harnessShare: z.number().optional(),
  machineBusy: z.number().optional(),
  /**
   * Per phase, share of all cores used by programs that are neither servers nor the harness; may be slightly negative. A
   * phase in which it is unknown is not listed.
   */
  foreign: z.array(z.strictObject({ phase: z.string(), share: z.number() })),
  /** Absent, like the two above, if not sampled; 0 in some records of version 1. */
  stealMax: z.number().optional(),
  /** Widest gap between the wall clock and the monotonic one, ms. */
  clockApartMs: z.number(),
  series: z.strictObject({
    startMs: z.number(),
    everyMs: z.number().positive(),
    /** Shares of all cores, 0..1; harness: without the query engine and the compaction. null: not sampled. */
    harness: z.array(z.number().nullable()),
    machine: z.array(z.number().nullable()),
    /** Hand-over slip p99 of that second, ms; null: nothing was due. */
    slipP99: z.array(z.number().nullable()),
  }),
});

export const cost = z.strictObject({
  servers: z.array(
    z.strictObject({
      server: z.string(),
      /** Absent with fewer than two samples, and memory without any; 0 in older records. */
      coreSeconds: z.number().optional(),
      rssMaxBytes: count.optional(),
    }),
  ),
  /** The whole machine, including other programs: the sum above must not exceed it. */
  machineCoreSeconds: z.number().optional(),
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
