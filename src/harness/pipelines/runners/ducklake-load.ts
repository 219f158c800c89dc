import { join } from 'node:path';
import { stackBroke } from '../../../core/errors.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { createLake } from '../../batches/lake.ts';
import { deployLoader, loaderConfig } from './loading.ts';
import type { StageRunner } from './runner.ts';

/**
 * A loader that merges into tables of DuckLake, at every commit interval: Parquet files in the object store, and a
 * catalog in a SQLite file. Rows, dead letters and the positions in the topics become visible in one transaction.
 */
export const ducklakeLoad: StageRunner<'ducklake-load'> = {
  run: 'ducklake-load',
  servers: ['kafka', 'minio'],
  async deploy(of, options) {
    const { stage, pipeline } = of;
    const { stack, scenario, extensions, workDir } = options;
    const { namespace } = pipeline.place;
    const { s3 } = stack.endpoints;
    const datasets = datasetsOf(pipeline.manifest, scenario.traffic);
    const catalog = join(workDir, `${namespace}.ducklake`);
    if (!(await createLake(catalog, datasets, { s3, namespace, extensions }))) {
      throw stackBroke(`${namespace} has a lake of another run already`);
    }
    return deployLoader(of, options, {
      ...loaderConfig(of, options, join(workDir, 'loader')),
      into: { kind: 'lake', extensions, inlineRows: stage.inline_rows },
    });
  },
};
