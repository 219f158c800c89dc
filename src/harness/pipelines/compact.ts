import { badInput } from '../../core/errors.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { CompactionKind } from '../../topology/manifest.ts';
import type { ServerName } from '../stack/stack.ts';
import {
  type CompactionOptions,
  type CompactionResult,
  compactWithSpark,
} from './compact-spark.ts';
import type { Pipeline, PlacedPipeline } from './load.ts';

export type { CompactionOptions, CompactionResult } from './compact-spark.ts';

/** What a `compact` phase came to. */
export interface PhaseCompaction extends CompactionResult {
  readonly phase: string;
}

/** One way to thin files out. */
interface Compaction {
  readonly kind: CompactionKind;
  /** The servers that it reads from and writes to, besides those of the pipeline. */
  readonly servers: readonly ServerName[];
  /** One compaction now; null where it goes on by itself, in the sink, or not at all. */
  readonly run:
    | ((pipeline: PlacedPipeline, options: CompactionOptions) => Promise<CompactionResult>)
    | null;
}

/** The seam: one entry per kind. `flink` is set where the sink is written, by `${compact_in_sink}`. */
const COMPACTIONS: { readonly [K in CompactionKind]: Compaction & { readonly kind: K } } = {
  none: { kind: 'none', servers: [], run: null },
  flink: { kind: 'flink', servers: [], run: null },
  spark: { kind: 'spark', servers: ['minio', 'catalog'], run: compactWithSpark },
};

/** The scenario's way to compact; throws DoorbusterError (exit 2) when the pipeline has none such. */
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
 * One compaction on demand, to its commit. A compaction that failed is a result; what rejects is an
 * abort, which ends the engine first, or an engine that did not start.
 */
export async function compact(
  pipeline: PlacedPipeline,
  options: CompactionOptions & { readonly scenario: Pick<Scenario, 'pipeline'> },
): Promise<CompactionResult> {
  const { kind, run } = compactionOf(pipeline, options.scenario);
  if (run !== null) return run(pipeline, options);
  throw badInput(
    `a compact phase needs compaction on demand, and by: ${kind} has none`,
    'pipeline: { compaction: { by: spark } }',
  );
}
