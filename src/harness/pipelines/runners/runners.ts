import type { RunnerKind, StageUse } from '../../../topology/manifest.ts';
import { flinkSql } from './flink-sql.ts';
import { inProcess } from './in-process.ts';
import type { StageRunner } from './runner.ts';

/** Every stage runner. */
const STAGE_RUNNERS: { readonly [K in RunnerKind]: StageRunner<K> } = {
  'flink-sql': flinkSql,
  'in-process': inProcess,
};

/** The runner of a stage. The cast is safe: the caller passes it only stages of that kind. */
export function runnerOf({ run }: StageUse): StageRunner<RunnerKind> {
  return STAGE_RUNNERS[run] as StageRunner<RunnerKind>;
}
