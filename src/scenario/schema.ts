import { z } from 'zod';
import { DoorbusterError } from '../core/errors.ts';
import {
  DURATION,
  FACTOR,
  PERCENT,
  parseDurationMs,
  parseFactor,
  parsePercent,
  parseRate,
  RATE,
} from '../core/units.ts';
import { DUPLICATE_KINDS, MALFORMED_KINDS, PROFILES, SHAPES } from './scenario.ts';

/**
 * A scenario as people write it: the one description of the YAML, from which the parser, the
 * editors' JSON Schema and the documented defaults come. Defaults that depend on another section are
 * named here and filled in by resolve.ts; their sources are the retail figures in docs.
 */

/**
 * An object that knows all its keys. The message of an unknown key is the list of the known ones,
 * from which problems.ts finds the nearest.
 */
function strict<T extends z.core.$ZodShape>(shape: T, about: string) {
  return z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : undefined,
    })
    .describe(about);
}

/** Text with a unit, checked by its pattern (which editors see too) and turned into a number. */
function written<T>(pattern: RegExp, parse: (text: string) => T, like: string, about: string) {
  const wrong = `must be written like ${like}`;
  return z
    .string({ error: wrong })
    .regex(pattern, { error: wrong, abort: true })
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof DoorbusterError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    })
    .describe(about);
}

const duration = (about: string) => written(DURATION, parseDurationMs, '10s or 1m30s', about);
const rate = (like: string, about: string) => written(RATE, parseRate, like, about);
const percent = (about: string) =>
  written(PERCENT, parsePercent, '0.8%', about).refine((share) => share <= 1, {
    error: 'must be 100% at most',
  });
const count = (from: number, to: number, about: string) =>
  z
    .int({ error: `must be a whole number from ${from} to ${to}` })
    .min(from, { error: `must be ${from} at least` })
    .max(to, { error: `must be ${to} at most` })
    .describe(about);
const longer = (ms: number) => ms > 0;
const NOT_ZERO = { error: 'must be longer than 0s' };

/** Names become folder names and words of a check: lower case, digits, hyphens. */
const NAME = /^[a-z][a-z0-9-]*$/;
const name = (about: string) =>
  z
    .string({ error: 'must be a name' })
    .regex(NAME, { error: 'must be lower-case letters, digits and hyphens, a letter first' })
    .max(40, { error: 'must be 40 characters at most' })
    .describe(about);

/** Shares of a whole by kind; what is left out is 0%. */
function kinds<K extends string>(names: readonly K[], about: string) {
  const shape = Object.fromEntries(
    names.map((kind) => [kind, percent(`share of ${kind}`).prefault('0%')]),
  ) as Record<K, z.ZodPrefault<ReturnType<typeof percent>>>;
  return strict(shape, `${about}; shares that sum to 100%`).refine(
    (shares) => {
      const total = (Object.values(shares) as number[]).reduce((sum, share) => sum + share, 0);
      return Math.abs(total - 1) < 1e-9;
    },
    { error: 'must sum to 100%' },
  );
}

const retail = strict(
  {
    stores: count(1, 5_000, 'number of stores'),
    skus: count(1, 200_000, 'SKUs of the chain').default(2_000),
    profile: z.enum(PROFILES).default('grocery').describe('whose baskets, prices and returns'),
    assortment: count(
      1,
      200_000,
      'SKUs each store carries; default 40% of skus (grocery) or a third (specialty)',
    ).optional(),
    store_size_sigma: z
      .number()
      .min(0)
      .max(2)
      .default(0.5)
      .describe('spread of store sizes: sigma of the logarithm'),
    time_zones: z
      .enum(['one', 'us'])
      .default('one')
      .describe('one zone, or stores spread over the four of the US'),
    hours: z
      .enum(['curve', 'flat'])
      .default('curve')
      .describe('curve: the hour of the day modulates the load; flat: the stated rate holds'),
  },
  'the chain',
);

const pos = strict(
  {
    receipts: rate('50/store/h', 'receipts of a store of mean size').prefault('50/store/h'),
    returns: percent('receipts that are returns; default 1% (grocery) or 10%').optional(),
  },
  'receipts at the tills',
);

const wms = strict(
  { shrink: percent('units lost per unit sold; default 1.15% (grocery) or 1.6%').optional() },
  'receiving, picking, counting: follows what is sold',
);

const cart = strict(
  {
    sessions: rate('12/s', 'raw web sessions of the whole chain, bots included'),
    bots: percent('sessions that are bots').prefault('30%'),
    pickup: percent('purchases picked up in a store; default 20%').optional(),
  },
  'web shop sessions',
);

const loyalty = strict(
  {
    members: count(1, 100_000_000, 'members; default 6,300 per store').optional(),
    share: percent('receipts with a card; default 80% (grocery) or 60%').optional(),
  },
  'points earned and burned',
);

const inventory = strict(
  {
    preload: z
      .enum(['assortment', 'none'])
      .default('assortment')
      .describe('opening stock of every store and SKU carried, or empty tables'),
  },
  'the stock row of every store and SKU',
);

const duplicates = strict(
  {
    rate: percent('events sent again').prefault('0.6%'),
    kinds: kinds(DUPLICATE_KINDS, 'default 90/5/3/2%').optional(),
    delay: duration('first retry delay; doubles per retry').refine(longer, NOT_ZERO).prefault('1s'),
    delay_max: duration('longest retry delay').refine(longer, NOT_ZERO).prefault('60s'),
  },
  'retries that arrive twice',
);

const malformed = strict(
  {
    rate: percent('events with a damaged copy').prefault('0.05%'),
    kinds: kinds(MALFORMED_KINDS, 'default 40/30/20/10%').optional(),
    replace: z
      .boolean()
      .default(false)
      .describe('true: the event itself is damaged, instead of an extra copy'),
  },
  'records no parser can read',
);

const traffic = strict(
  {
    pos: pos.optional(),
    wms: wms.optional(),
    cart: cart.optional(),
    loyalty: loyalty.optional(),
    inventory: inventory.optional(),
    faults: strict(
      {
        duplicates: duplicates.optional(),
        malformed: malformed.optional(),
        transport_delay: duration('fixed delay between happening and intended send').prefault('0s'),
      },
      'what goes wrong on the way; each one is labelled in the truth',
    ).prefault({}),
  },
  'the streams that are on; {} takes the defaults',
);

const compaction = z
  .discriminatedUnion('by', [
    strict({ by: z.literal('none') }, 'small files pile up'),
    strict(
      {
        by: z.literal('flink'),
        every: duration('time between two rewrites').refine(longer, NOT_ZERO).prefault('30s'),
      },
      'continuous, inside the sink',
    ),
    strict({ by: z.literal('spark') }, 'on demand, by a compact phase'),
  ])
  .describe('who rewrites small files');

const pipeline = strict(
  {
    use: z.string().min(1).default('cdc-upsert').describe('a folder of pipelines/, or a path'),
    commit_every: duration('commit interval').refine(longer, NOT_ZERO).prefault('2s'),
    format: z
      .union([z.literal(2), z.literal(3)])
      .default(2)
      .describe('Iceberg format version'),
    parallelism: count(1, 64, 'of each job').default(1),
    compaction: compaction.prefault({ by: 'none' }),
  },
  'what is under test',
);

const stack = strict(
  {
    runtime: z.enum(['auto', 'processes']).default('auto').describe('how the servers are started'),
    partitions: count(1, 256, 'partitions per topic').default(4),
    jit: z
      .enum(['c1', 'full'])
      .default('full')
      .describe(
        'c1: broker and TaskManager compile quickly and not again: half their CPU time in a run of minutes, less throughput under a heavy load',
      ),
  },
  'the servers',
);

const queries = strict(
  {
    every: duration('one query, in turn, is intended every so often')
      .refine(longer, NOT_ZERO)
      .prefault('2s'),
    timeout: duration('after which a query is stopped and counted')
      .refine(longer, NOT_ZERO)
      .prefault('30s'),
    round_budget: duration('time for each query in a round, hot')
      .refine(longer, NOT_ZERO)
      .prefault('2s'),
    cold: z
      .int({ error: 'must be a whole number from 0 to 20' })
      .min(0, { error: 'must be a whole number from 0 to 20' })
      .max(20, { error: 'must be a whole number from 0 to 20' })
      .describe('cold samples of each query in a round; each starts a process')
      .default(3),
  },
  'what readers ask meanwhile',
);

const canaries = strict(
  { rate: rate('2/s', 'marked rows per second, polled by key').prefault('2/s') },
  'rows that check the census',
);

const loadPhase = strict(
  {
    name: name('of the phase'),
    for: duration('length').refine(longer, { error: 'is never reached: an empty phase' }),
    load: written(FACTOR, parseFactor, '5x', 'multiple of the stated traffic').prefault('1x'),
    shape: z
      .enum(SHAPES)
      .default('flat')
      .describe('flat, or a burst at its start that decays; the load is its mean'),
    measured: z.boolean().default(true).describe('false: a warm-up, in no metric'),
  },
  'a timed phase',
);

const doPhase = strict(
  {
    name: name('of the phase'),
    do: z.enum(['query', 'compact']).describe('a round of every query, or a compaction'),
  },
  'takes as long as it takes, with the load at 1x; after all timed phases',
);

const phase = z.union([doPhase, loadPhase]);

/** Position of the branch of the union that a phase was meant to be. */
export function phaseBranch(phase: unknown): 0 | 1 {
  return typeof phase === 'object' && phase !== null && 'do' in phase ? 0 : 1;
}

const LOCAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

/** Rolls over (30 February) are refused: the same instant, printed again, must be the same text. */
function isLocalTime(text: string): boolean {
  const ms = Date.parse(`${text}Z`);
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text);
}

/** The sections of a scenario file, in the order in which people write them. */
export const SECTIONS = {
  name: name('names the run and its folder'),
  about: z.string().default('').describe('one line for the headline'),
  seed: count(0, Number.MAX_SAFE_INTEGER, 'same seed, same bytes').default(1),
  starts_at: z
    .string({ error: 'must be written like 2026-11-27T09:00' })
    .regex(LOCAL_TIME, { error: 'must be written like 2026-11-27T09:00', abort: true })
    .refine(isLocalTime, { error: 'is not a date of the calendar' })
    .default('2026-11-27T09:00')
    .describe('business time at t0, local to the retailer'),
  retail,
  traffic,
  pipeline: pipeline.prefault({}),
  stack: stack.prefault({}),
  queries: queries.prefault({}),
  canaries: canaries.prefault({}),
  drain_within: duration('longest wait until everything sent is shown')
    .refine(longer, NOT_ZERO)
    .prefault('60s'),
  phases: z.array(phase).min(1, { error: 'must hold one phase at least' }),
  checks: z.array(z.string({ error: 'must be text, like lost == 0' })).default([]),
};

export const scenarioSchema = strict(SECTIONS, 'A scenario of doorbuster');

/** A scenario file after its schema: units resolved, sections not yet judged against each other. */
export type Draft = z.output<typeof scenarioSchema>;
