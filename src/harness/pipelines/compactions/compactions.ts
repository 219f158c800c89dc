import { badInput } from '../../../core/errors.ts';
import type { Scenario } from '../../../scenario/scenario.ts';
import type { CompactionKind } from '../../../topology/manifest.ts';
import type { Pipeline, RunPipeline } from '../load.ts';
import type { Compaction, CompactionOptions, CompactionResult } from './compaction.ts';
import { inProcess } from './in-process.ts';
import { spark } from './spark.ts';

/** Every kind. `flink` is configured in the sink's SQL, by `${compact_in_sink}`. */
export const COMPACTIONS = {
  none: { kind: 'none', servers: [], tables: () => [], run: null },
  flink: { kind: 'flink', servers: [], tables: () => [], run: null },
  spark,
  'in-process': inProcess,
} as const satisfies { readonly [K in CompactionKind]: Compaction & { readonly kind: K } };

/** The compaction of the scenario. Throws DoorbusterError (exit 2) if the pipeline does not support it. */
export function compactionOf(pipeline: Pipeline, scenario: Pick<Scenario, 'pipeline'>): Compaction {
  const { by } = scenario.pipeline.compaction;
  const { name, compaction } = pipeline.manifest;
  if (compaction.includes(by)) return COMPACTIONS[by];
  throw badInput(
    `pipeline ${name} cannot be compacted by ${by}: its pipeline.yaml offers ${compaction.join(', ')}`,
    `pipeline: { use: ${name}, compaction: { by: ${compaction[0]} } }`,
  );
}

/**
 * Runs one compaction on demand, to its commit. A failed compaction is a result. It rejects only on an abort, which
 * ends the engine first, or if the engine does not start.
 */
export async function compact(
  pipeline: RunPipeline,
  options: CompactionOptions & { readonly scenario: Pick<Scenario, 'pipeline'> },
): Promise<CompactionResult> {
  const { kind, run } = compactionOf(pipeline, options.scenario);
  if (run !== null) return run(pipeline, options);
  throw badInput(
    `a compact phase needs compaction on demand, and by: ${kind} has none`,
    'pipeline: { compaction: { by: spark } }',
  );
}
