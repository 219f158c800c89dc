import { z } from 'zod';
import { MAINTENANCE_ACTIONS } from './scenario.ts';
import { count, duration, name, strict } from './schema-terms.ts';

const maintenance = {
  trigger: strict(
    {
      every: duration('time between two starts', '1s').optional(),
      data_files: count(2, 1_000_000, 'live data files of a compacted table').optional(),
      delete_files: count(1, 1_000_000, 'live delete files of a compacted table').optional(),
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
    .describe('what a trigger starts, in this order; rewrite (default), manifests, orphans, expire'),
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
