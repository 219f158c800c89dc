import { z } from 'zod';
import { MAINTENANCE_ACTIONS } from './scenario.ts';
import { count, duration, name, strict } from './schema-terms.ts';

/** `scope` of actions. */
export const scope = z
  .array(z.string({ error: 'must be the name of a table' }))
  .min(1)
  .optional()
  .describe('the tables of manifests, orphans and expire; default: all of the pipeline');

const targetMib = (mib: number, about: string) =>
  count(1, 10_240, `size of a finished data file, MiB; ${about}`).default(mib);

const amoro = strict(
  {
    target_mib: targetMib(128, 'an eighth of it or less is a fragment'),
    minor_files: count(2, 1_000_000, 'fragments and equality-delete files together').default(12),
    minor_interval: duration(
      'time since the last start after which two of them are enough',
      '1s',
    ).prefault('1h'),
  },
  "Amoro's rule for minor and major optimizing of a compacted table; {} has its defaults",
);

const autocomp = strict(
  {
    target_mib: targetMib(502, 'below three quarters of it a file is small'),
    score: z
      .number({ error: 'must be a number' })
      .positive({ error: 'must be above 0' })
      .describe('files fewer per GB·h of compute, as OpenHouse estimates both'),
  },
  "AutoComp's score of a rewrite of a compacted table",
);

const maintenance = {
  trigger: strict(
    {
      every: duration('time between two starts', '1s').optional(),
      data_files: count(2, 1_000_000, 'live data files of a compacted table').optional(),
      delete_files: count(1, 1_000_000, 'live delete files of a compacted table').optional(),
      amoro: amoro.optional(),
      autocomp: autocomp.optional(),
    },
    'what starts it while the load runs, whichever comes first; without it, compact phases do',
  ).optional(),
  not_during: z
    .array(name('of a phase'))
    .optional()
    .describe('phases in which a trigger starts nothing, such as the peak'),
  queries: z
    .enum(['ignore', 'wait'])
    .optional()
    .describe('wait: a trigger starts nothing while a query runs; ignore (default): it does'),
  actions: z
    .array(z.enum(MAINTENANCE_ACTIONS))
    .min(1)
    .optional()
    .describe(
      'what a trigger starts, in this order; rewrite (default), manifests, orphans, expire',
    ),
  scope,
};

/** `pipeline.compaction`. */
export const compaction = z
  .discriminatedUnion('by', [
    strict({ by: z.literal('none') }, 'no compaction: small files accumulate'),
    strict(
      {
        by: z.literal('flink'),
        every: duration('time between two rewrites', '1s')
          .refine((ms) => ms % 1_000 === 0, { error: 'must be whole seconds' })
          .prefault('30s'),
      },
      'continuous, inside the sink',
    ),
    strict({ by: z.literal('spark'), ...maintenance }, 'by compact phases, or by a trigger'),
    strict(
      { by: z.literal('in-process'), ...maintenance },
      'the same, of tables in this process, for tests',
    ),
  ])
  .describe('how small files are compacted');
