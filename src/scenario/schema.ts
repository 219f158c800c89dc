import { z } from 'zod';
import { MIN_SAMPLES } from '../core/metrics.ts';
import { FACTOR, parseFactor } from '../core/units.ts';
import {
  ASSORTMENTS_BY,
  KAFKA_CLIENTS,
  MAINTENANCE_ACTIONS,
  PROFILES,
  QUERY_ENGINES,
  SHAPES,
} from './scenario.ts';
import { compaction, scope } from './schema-compaction.ts';
import { external } from './schema-external.ts';
import { faults } from './schema-faults.ts';
import { randomFaults, serverFaults, stalenessTarget } from './schema-server-faults.ts';
import { tapeFile, tapeMap } from './schema-tape.ts';
import { count, duration, name, percent, rate, sigma, strict, written } from './schema-terms.ts';

/**
 * Schema of a scenario file: the only description of the YAML, from which the parser, the JSON Schema for
 * editors and the documented defaults are derived. Defaults that depend on another section are named here
 * and filled in by resolve.ts; their sources are the retail figures in docs.
 */

const retail = strict(
  {
    stores: count(1, 5_000, 'number of stores'),
    skus: count(1, 200_000, 'SKUs of the chain').default(2_000),
    profile: z
      .enum(PROFILES)
      .default('grocery')
      .describe('kind of retailer, which sets baskets, prices and returns'),
    assortment: count(
      1,
      200_000,
      'SKUs each store carries; default 40% of skus (grocery) or a third (specialty)',
    ).optional(),
    assortment_by: z
      .enum(ASSORTMENTS_BY)
      .default('popularity')
      .describe(
        'how a store’s SKUs are chosen; popularity: the more popular, the more stores carry it; core: half are the best sellers, the rest is drawn evenly',
      ),
    store_size_sigma: sigma('spread of store sizes: sigma of the logarithm').default(0.5),
    time_zones: z
      .enum(['one', 'us'])
      .default('one')
      .describe('one zone, or stores spread over the four of the US'),
    hours: z
      .enum(['curve', 'flat'])
      .default('curve')
      .describe('curve: the hour of the day modulates the load; flat: the stated rate holds'),
    clocks: z
      .enum(['standard', 'us'])
      .default('standard')
      .describe('us: local clocks follow the daylight-saving rules of the US'),
  },
  'the chain',
);

const pos = strict(
  {
    receipts: rate('50/store/h', 'receipts of a store of mean size').prefault('50/store/h'),
    returns: percent('receipts that are returns; default 1% (grocery) or 10%').optional(),
    training: percent('receipts rung up in training mode').prefault('0%'),
    sequence_to: count(
      2,
      999_999_999,
      'last sequence number of a till before it begins again at 1; left out: never',
    ).optional(),
    tape: tapeFile.optional(),
    map: tapeMap.optional(),
  },
  'receipts at the tills',
);

const wms = strict(
  {
    shrink: percent('units lost per unit sold; default 1.15% (grocery) or 1.6%').optional(),
    delist: percent('stock movements after which the store delists the SKU').prefault('0%'),
  },
  'warehouse events (receiving, picking, counting), which follow the sales',
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
    members: count(1, 100_000_000, 'number of members; default 6,300 per store').optional(),
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
    via: z
      .enum(['stream', 'bulk'])
      .default('stream')
      .describe('how it gets into the tables; stream: through the pipeline, bulk: inserted before'),
  },
  'the stock row of every store and SKU',
);

const traffic = strict(
  {
    pos: pos.optional(),
    wms: wms.optional(),
    cart: cart.optional(),
    loyalty: loyalty.optional(),
    inventory: inventory.optional(),
    faults: faults.prefault({}),
  },
  'the streams to send; {} takes the defaults',
);

const pipeline = strict(
  {
    use: z
      .string()
      .regex(/^\P{Cc}+$/u, { error: 'must be the name or the path of a folder' })
      .default('cdc-upsert')
      .describe('a folder of pipelines/, or a path'),
    commit_every: duration('commit interval', '100ms')
      .refine(Number.isInteger, { error: 'must be whole milliseconds' })
      .prefault('2s'),
    format: z
      .union([z.literal(2), z.literal(3)])
      .default(2)
      .describe('Iceberg format version'),
    parallelism: count(
      1,
      64,
      'parallelism of each Flink job, tasks of each connector, loaders of the warehouse',
    ).default(1),
    stages: z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .default({})
      .describe(
        'settings that replace those of the stages in pipeline.yaml, by kind: warehouse: { threads: 2 }',
      ),
    compaction: compaction.prefault({ by: 'none' }),
  },
  'what is under test',
);

const stack = strict(
  {
    runtime: z
      .enum(['auto', 'processes', 'containers', 'external'])
      .default('auto')
      .describe(
        'where the servers run: each in a container, or as child processes; auto: containers when an engine answers; external: external clusters',
      ),
    external: external.optional(),
    partitions: count(1, 256, 'partitions per topic').default(4),
    jit: z
      .enum(['c1', 'full'])
      .default('full')
      .describe(
        'c1: broker and TaskManager compile quickly and not again: half their CPU time in a run of minutes, less throughput under a heavy load',
      ),
    kafka_client: z
      .enum(KAFKA_CLIENTS)
      .default('platformatic')
      .describe('library of the Kafka producers: @platformatic/kafka or kafkajs'),
  },
  'the servers',
);

const queryEngine = z.enum(QUERY_ENGINES);

const queries = strict(
  {
    engine: z
      .union([
        queryEngine,
        z
          .array(queryEngine)
          .min(1, { error: 'must be a list with an engine' })
          .refine((names) => new Set(names).size === names.length, {
            error: 'must be a list that names each engine once',
          }),
      ])
      .optional()
      .describe(
        'what answers the queries: an engine of the pipeline, or several, side by side; checks are on the first. By default the first of the pipeline',
      ),
    every: duration(
      'query interval: one background query starts per interval, in turn',
      '50ms',
    ).prefault('2s'),
    timeout: duration('time after which a query is stopped and counts as failed', '50ms').prefault(
      '30s',
    ),
    round_samples: count(1, 1_000, 'hot samples of each query in a round').default(MIN_SAMPLES),
    round_budget: duration(
      'longest time for each query in a round, hot; below 10 samples a check on it has no data',
      '10ms',
      '10m',
    ).prefault('30s'),
    cold: z
      .int({ error: 'must be a whole number from 0 to 20' })
      .min(0, { error: 'must be a whole number from 0 to 20' })
      .max(20, { error: 'must be a whole number from 0 to 20' })
      .describe('cold samples of each query in a round; each starts a process')
      .default(3),
  },
  'the queries of readers',
);

const canaries = strict(
  { rate: rate('2/s', 'marked rows per second, polled by key').prefault('2/s') },
  'marked rows that check the census',
);

const loadPhase = strict(
  {
    name: name('of the phase'),
    for: duration('length', '100ms', '7d'),
    load: written(FACTOR, parseFactor, '5x', 'multiple of the stated traffic; 1000x at most')
      .refine((factor) => factor <= 1_000, { error: 'must be 1000x at most' })
      .prefault('1x'),
    shape: z
      .enum(SHAPES)
      .default('flat')
      .describe('flat, or a burst at its start that decays; the load is its mean'),
    measured: z.boolean().default(true).describe('false: a warm-up, left out of every metric'),
  },
  'a timed phase',
);

const doPhase = strict(
  {
    name: name('of the phase'),
    do: z
      .enum(['query', 'compact', 'maintain'])
      .describe(
        'query: a round of every query; compact: a compaction; maintain: the actions of maintenance',
      ),
    actions: z
      .array(z.enum(MAINTENANCE_ACTIONS))
      .min(1)
      .optional()
      .describe('do: maintain: what it does, in this order; default: all of them'),
    scope,
  },
  'a phase that lasts as long as its work, with the load at 1x; after all timed phases',
);

const phase = z.union([doPhase, loadPhase]);

/** Index of the union's branch for a phase. */
export function phaseBranch(phase: unknown): 0 | 1 {
  return typeof phase === 'object' && phase !== null && 'do' in phase ? 0 : 1;
}

const LOCAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

/** Rejects dates that roll over (30 February): formatting the parsed time must give the same text. */
function isLocalTime(text: string): boolean {
  const ms = Date.parse(`${text}Z`);
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text);
}

/** The sections of a scenario file, in the order in which people write them. */
export const SECTIONS = {
  name: name('name of the scenario, of its runs and their folders'),
  about: z
    .string()
    .max(200, { error: 'must be 200 characters at most' })
    .regex(/^\P{Cc}*$/u, { error: 'must be one line of text' })
    .default('')
    .describe('one line for the headline'),
  seed: count(
    0,
    Number.MAX_SAFE_INTEGER,
    'seed of all random choices: the same seed gives the same bytes',
  ).default(1),
  starts_at: z
    .string({ error: 'must be written like 2026-11-27T09:00' })
    .regex(LOCAL_TIME, { error: 'must be written like 2026-11-27T09:00', abort: true })
    .refine(isLocalTime, { error: 'is not a date of the calendar' })
    .refine((text) => text >= '2000' && text < '2100', { error: 'must be of this century' })
    .default('2026-11-27T09:00')
    .describe('business time at t0, local to the retailer'),
  retail,
  traffic,
  pipeline: pipeline.prefault({}),
  stack: stack.prefault({}),
  queries: queries.prefault({}),
  canaries: canaries.prefault({}),
  drain_within: duration(
    'drain timeout: longest wait until everything that was sent is visible',
    '1s',
  ).prefault('60s'),
  phases: z.array(phase).min(1, { error: 'must hold one phase at least' }),
  faults: serverFaults.default([]),
  random_faults: randomFaults.optional(),
  staleness_target: stalenessTarget.optional(),
  checks: z.array(z.string({ error: 'must be text, like lost == 0' })).default([]),
};

export const scenarioSchema = strict(SECTIONS, 'A doorbuster scenario');

/** A scenario file after its schema: units resolved, sections not yet checked against each other. */
export type Draft = z.output<typeof scenarioSchema>;

/** Total duration of the timed phases of a draft, ms. */
export function draftTimedMs(phases: Draft['phases']): number {
  return phases.reduce((sum, phase) => sum + ('for' in phase ? phase.for : 0), 0);
}

/** Whether a phase compacts or maintains tables. */
export function isCompact(phase: Draft['phases'][number]): boolean {
  return 'do' in phase && phase.do !== 'query';
}
