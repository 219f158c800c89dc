import { join } from 'node:path';
import { datasetsOf } from '../../../topology/manifest.ts';
import { deployLoader, loaderConfig, publishNone } from './loading.ts';
import type { StageRunner } from './runner.ts';

/**
 * A scheduled load: at every commit interval a process reads everything since the last load, and rewrites the partitions
 * of Parquet files that it touches. Tables, dead letters and the positions in the topics become visible in one step.
 */
export const batchLoad: StageRunner<'batch-load'> = {
  run: 'batch-load',
  servers: ['kafka', 'minio'],
  async deploy(of, options) {
    await publishNone(of, options, datasetsOf(of.pipeline.manifest, options.scenario.traffic));
    return deployLoader(of, options, {
      ...loaderConfig(of, options, join(options.workDir, 'loader')),
      into: { kind: 'batch', keepBatches: of.stage.keep_batches },
    });
  },
};
