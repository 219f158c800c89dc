import { z } from 'zod';
import type { GatePlan } from '../record/gate-plan.ts';
import { percent } from '../scenario/schema-terms.ts';
import { readYamlFile } from '../scenario/yaml-file.ts';

/** The keys of a file that says what a gate decides by. */
const fileSchema = z.strictObject({
  effect: percent('the change to be found, of every metric that has none of its own').prefault(
    '10%',
  ),
  metrics: z
    .record(
      z.string().min(1),
      z.strictObject({ effect: percent('the change to be found').optional() }),
    )
    .describe('numbers of a comparison, by the ids in its compare.json'),
});

type Wanted = GatePlan['wanted'];

/**
 * What a gate decides by without a file: freshness, answers, files and cost. A query of a fifth of a second and CPU time scatter more
 * from trial to trial than a gate of twelve pairs can see through at 10 %: see docs/gate.md.
 */
export const DEFAULT_METRICS: Wanted = [
  { id: 'staleness-p99', effect: 0.1, noise: null },
  { id: 'slowest-query', effect: 0.35, noise: null },
  { id: 'files-written', effect: 0.1, noise: null },
  { id: 'cost', effect: 0.2, noise: null },
];

/** Reads a file of metrics. Throws DoorbusterError (exit 2) with a framed line and column per problem. */
export function parseGateMetrics(text: string, path: string): Wanted {
  const { effect, metrics } = readYamlFile(text, {
    ...{ path, schema: fileSchema },
    known: (at) => (at.length === 0 ? Object.keys(fileSchema.shape) : ['effect']),
    after: ({ metrics: found, effect: common }) => [
      ...(Object.keys(found).length === 0
        ? [{ path: ['metrics'], message: 'metrics: at least one is needed' }]
        : []),
      ...(common === 0 ? [{ path: ['effect'], message: 'effect: must be above 0 %' }] : []),
      ...Object.entries(found).flatMap(([id, one]) =>
        one.effect === 0
          ? [{ path: ['metrics', id, 'effect'], message: 'effect: must be above 0 %' }]
          : [],
      ),
    ],
  });
  return Object.entries(metrics).map(([id, one]) => ({
    ...{ id, noise: null },
    effect: one.effect ?? effect,
  }));
}
