import { join } from 'node:path';
import { LOADER } from '../../../record/facts.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { StageProcess } from '../../batches/child-process.ts';
import { loaderConfig, publishNone } from './loading.ts';
import type { StageRunner } from './runner.ts';

/**
 * A scheduled load: at every commit interval a process reads everything since the last load, and rewrites the partitions
 * of Parquet files that it touches. Tables, dead letters and the positions in the topics become visible in one step.
 */
export const batchLoad: StageRunner<'batch-load'> = {
  run: 'batch-load',
  servers: ['kafka', 'minio'],
  async deploy(of, options) {
    const { stage, streams, pipeline } = of;
    await publishNone(of, options, datasetsOf(pipeline.manifest, options.scenario.traffic));
    const loader = await StageProcess.start(
      {
        title: 'loader',
        entry: 'harness/batches/loader-child',
        start: {
          kind: 'start',
          config: {
            ...loaderConfig(of, options, join(options.workDir, 'loader')),
            everyMs: options.scenario.pipeline.commitEveryMs,
            share: { index: 0, of: 1 },
            into: { kind: 'batch', keepBatches: stage.keep_batches },
          },
        },
      },
      options,
    );
    return {
      jobs: streams.map((name) => ({ name, jobId: `batch-load-${name}` })),
      watch: (until, underDeclaredFault) => loader.watch(until, underDeclaredFault),
      async drain(until) {
        await loader.drain(until);
        await loader[Symbol.asyncDispose]();
      },
      explain: async () => [],
      processes: () => (loader.pid === null ? [] : [{ server: LOADER, pid: loader.pid }]),
      [Symbol.asyncDispose]: () => loader[Symbol.asyncDispose](),
    };
  },
};
