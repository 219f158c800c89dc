import { z } from 'zod';
import { STREAMS } from '../scenario/scenario.ts';
import { statsSchema } from './metric.ts';

/** The parts of a record that judge the pipeline's answers, and the harness itself. */
const count = z.int().nonnegative();
const stream = z.enum(STREAMS);

/** Ways to read the tables that look right and are not. */
export const READINGS = [
  'returns-as-zero',
  'training-counted',
  'claimed-hour',
  'natural-key',
] as const;

export const truth = z.strictObject({
  /** Rows not there when the drain deadline passed: "lost" is then worded "not seen within". */
  notSeenWithinMs: z.number().nullable(),
  /**
   * What could not be judged, and why: a table as the pipeline calls it, or an oracle (CONTRACT, BOOK). Absent when
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
      /** The engine that read the table for the oracles; null: not known. */
      readBy: z.string().nullable(),
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
  /**
   * Against BOOK, per kind of fault and per label that occurred: what the design made of them. An event with two labels
   * counts with both. An absent score is not 0: a table lacks the column that would tell (`notScored`).
   */
  distance: z.array(
    z.strictObject({
      fault: z.string(),
      /** Messages with the fault; of a label, the events that have it. */
      injected: count,
      /** injected − leaked − dropped. Absent for `none`, and in records before scores. */
      caught: z.int().optional(),
      /** Rows too many, or that say something wrong. */
      leaked: count.optional(),
      /** Real events that no row stands for. */
      dropped: count,
      /** Sum of absolute errors of on-hand. Absent when no stock table was judged. */
      units: z.number().optional(),
      /** Sum of absolute errors of takings, cents. Absent in records before scores, too. */
      cents: count.optional(),
    }),
  ),
  /** Cents: of every unique receipt, and as a reader of the table gets them. Absent without receipts, and in records before scores. */
  takings: z.strictObject({ book: z.int(), shown: z.int() }).optional(),
  /** What naive readings of the same tables would be off by. Absent in records before scores. */
  readings: z
    .array(
      z.strictObject({
        name: z.enum(READINGS),
        /** Receipts that it reads wrongly. */
        rows: count,
        /** What it adds to the takings (negative: takes from them); of `claimed-hour`, what it books into a wrong hour. */
        cents: z.int(),
      }),
    )
    .optional(),
  /** `stream.column` of each column that a table lacks, so that what it would tell is not scored. */
  notScored: z.array(z.string()).optional(),
  /** Sum of absolute differences of on-hand, tables against BOOK. Absent when no stock table was judged. */
  bookUnits: z.number().nonnegative().optional(),
  keysCompared: count.optional(),
});

/**
 * Rows of an upsert table that were shown in an older version after a newer one had been. It must not happen: a
 * version column promises that the highest wins, whenever it comes.
 */
export const regressions = z.strictObject({
  table: z.string(),
  /** How often a snapshot replaced a row: what could have gone back. */
  updates: count,
  /** How often a row went back, and how many rows did. */
  count,
  rows: count,
  /** Over all of them: from the snapshot that went back to the next one that shows a version as high, s. */
  rowSeconds: z.number().nonnegative(),
  longestMs: z.number().nonnegative(),
  /** Those that had not recovered at the last look at the table, up to which they are counted. */
  notRecovered: count,
  /** The longest ones. */
  examples: z.array(
    z.strictObject({
      key: z.string(),
      /** The version that was shown, and the highest one that had been. */
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
  /** Of these, how many the broker did not take. null here and below: not kept (version 1). */
  unsent: count.nullable(),
  seen: count,
  never: count,
  failed: count,
  /** Canaries about which the reader was answered at least once, and how many of them contradict the census. */
  compared: count,
  disjoint: count,
  /** Canaries that the census saw. */
  inCensus: count.nullable(),
  /** Polls, each counted once per canary it asked for, and those without an answer (a declared outage aside). */
  polls: count.nullable(),
  failedPolls: count.nullable(),
  /** Widths of the intervals: what the two instruments can tell apart, ms. */
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
      /** The busiest one, from 0, and what it received. */
      busiest: count,
      received: count,
      /** The store, which is the key, that sent most of that. */
      store: count,
      ofStore: count,
      /** Whether it received far more than its share: see docs/measuring.md. */
      skewed: z.boolean(),
    }),
  ),
});

/** The harness's own health: whether it, rather than the pipeline, shaped the numbers. */
export const self = z.strictObject({
  /**
   * Per phase: hand-over minus due, ms, and the share handed over later than 250 ms; without the time spent
   * waiting for a broker that a declared fault had taken away, which `waited` messages did.
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
  /** Commits the census was behind at each phase's end. */
  censusBehind: z.array(z.strictObject({ phase: z.string(), commits: count })),
  /** Shares of all cores, 0..1, over the measured phases in which somebody looked. */
  harnessShare: z.number().optional(),
  machineBusy: z.number().optional(),
  /**
   * Per phase, share of all cores that went to programs which are neither servers nor the harness; may be a little
   * below 0. A phase in which it cannot be told is not listed.
   */
  foreign: z.array(z.strictObject({ phase: z.string(), share: z.number() })),
  /** Absent like the two above where nobody looked; 0 in some records of version 1. */
  stealMax: z.number().optional(),
  /** Widest gap between the wall clock and the monotonic one, ms. */
  clockApartMs: z.number(),
  series: z.strictObject({
    startMs: z.number(),
    everyMs: z.number().positive(),
    /** Shares of all cores, 0..1; harness: without the query engine and the compaction. null: nobody looked. */
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
      /** Absent where nobody looked twice, and at its memory never; 0 in records before that. */
      coreSeconds: z.number().optional(),
      rssMaxBytes: count.optional(),
    }),
  ),
  /** All of the machine, other people's work included: the sum above must not exceed it. */
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
