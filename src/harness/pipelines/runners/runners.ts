import type { RunnerKind, StageUse } from '../../../topology/manifest.ts';
import { flinkSql } from './flink-sql.ts';
import { inProcess } from './in-process.ts';
import type { StageRunner } from './runner.ts';

/** Everything that can move data. */
const STAGE_RUNNERS: { readonly [K in RunnerKind]: StageRunner<K> } = {
  'flink-sql': flinkSql,
  'in-process': inProcess,
};

/** A runner that is given stages of its own kind only. */
export function runnerOf({ run }: StageUse): StageRunner<RunnerKind> {
  return STAGE_RUNNERS[run] as StageRunner<RunnerKind>;
}
