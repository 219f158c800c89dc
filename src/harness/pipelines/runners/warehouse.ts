import { join } from 'node:path';
import { LOADER } from '../../../record/facts.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { StageProcess } from '../../batches/child-process.ts';
import { loaderConfig, publishNone } from './loading.ts';
import type { StageRunner } from './runner.ts';

/**
 * Loaders that stage Parquet files, and one engine with a fixed share of the machine that merges them into the tables
 * while no query waits. Readers see the tables only.
 */
export const warehouse: StageRunner<'warehouse'> = {
  run: 'warehouse',
  servers: ['kafka', 'minio'],
  async deploy(of, options) {
    const { stage, streams, pipeline } = of;
    const { scenario, stack, extensions, workDir } = options;
    const { loaders: count = scenario.pipeline.parallelism } = stage;
    const datasets = datasetsOf(pipeline.manifest, scenario.traffic);
    await publishNone(of, options, datasets);
    const started: StageProcess[] = [];
    const dispose = async () => {
      for (const one of started) await one[Symbol.asyncDispose]();
    };
    try {
      const engine = await StageProcess.start(
        {
          title: 'warehouse',
          entry: 'harness/batches/warehouse-child',
          start: {
            kind: 'start',
            config: {
              ...{ datasets, s3: stack.endpoints.s3, httpfs: extensions.httpfs },
              ...{ namespace: pipeline.place.namespace, loaders: count },
              ...{ threads: stage.threads, memoryMb: stage.memory_mb },
              keepBatches: stage.keep_batches,
            },
          },
        },
        options,
      );
      started.push(engine);
      for (let index = 0; index < count; index++) {
        const config = {
          ...loaderConfig(of, options, join(workDir, `loader-${index}`)),
          everyMs: scenario.pipeline.commitEveryMs,
          share: { index, of: count },
          into: { kind: 'stage' as const },
        };
        started.push(
          await StageProcess.start(
            {
              title: `loader ${index}`,
              entry: 'harness/batches/loader-child',
              start: { kind: 'start', config },
            },
            options,
          ),
        );
      }
      const loaders = started.slice(1);
      return {
        jobs: streams.map((name) => ({ name, jobId: `warehouse-${name}` })),
        async watch(until, underDeclaredFault) {
          await Promise.all(started.map((one) => one.watch(until, underDeclaredFault)));
        },
        async drain(until) {
          for (const loader of loaders) await loader.drain(until);
          for (const loader of loaders) await loader[Symbol.asyncDispose]();
          // It answers queries until it is disposed of.
          await engine.drain(until);
        },
        explain: async () => [],
        processes: () =>
          loaders.flatMap(({ pid }) => (pid === null ? [] : [{ server: LOADER, pid }])),
        engine,
        [Symbol.asyncDispose]: dispose,
      };
    } catch (error) {
      await dispose();
      throw error;
    }
  },
};
