import type { RunnerKind, StageUse } from '../../../topology/stages.ts';
import { batchLoad } from './batch-load.ts';
import { debezium } from './debezium.ts';
import { ducklakeLoad } from './ducklake-load.ts';
import { flinkSql } from './flink-sql.ts';
import { inProcess } from './in-process.ts';
import { kafkaConnect } from './kafka-connect.ts';
import { redisView } from './redis-view.ts';
import type { StageRunner } from './runner.ts';
import { sparkMerge } from './spark-merge.ts';
import { warehouse } from './warehouse.ts';

/** Every stage runner. */
const STAGE_RUNNERS: { readonly [K in RunnerKind]: StageRunner<K> } = {
  'batch-load': batchLoad,
  debezium,
  'ducklake-load': ducklakeLoad,
  'flink-sql': flinkSql,
  'kafka-connect': kafkaConnect,
  'redis-view': redisView,
  'spark-merge': sparkMerge,
  'in-process': inProcess,
  warehouse,
};

/** The runner of a stage. The cast is safe: the caller passes it only stages of that kind. */
export function runnerOf({ run }: StageUse): StageRunner<RunnerKind> {
  return STAGE_RUNNERS[run] as StageRunner<RunnerKind>;
}
