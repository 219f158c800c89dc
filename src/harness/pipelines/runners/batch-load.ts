import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stackBroke } from '../../../core/errors.ts';
import { LOADER } from '../../../record/facts.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { BatchLog } from '../../batches/batch-log.ts';
import { emptyTable } from '../../batches/fold.ts';
import { LoaderProcess } from '../../batches/loader-process.ts';
import { openBucket } from '../../clients/s3.ts';
import { topicOf } from '../../run-namespace.ts';
import { temporaryDir } from '../../setup/user-dirs.ts';
import type { StageRunner } from './runner.ts';

/**
 * A scheduled load: at every commit interval a process reads everything since the last load, and rewrites the partitions
 * of Parquet files that it touches. Tables, dead letters and the positions in the topics become visible in one step.
 */
export const batchLoad: StageRunner<'batch-load'> = {
  run: 'batch-load',
  servers: ['kafka', 'minio'],
  async deploy({ pipeline, stage, streams }, { stack, scenario, clock, signal, extensions }) {
    const { manifest, place } = pipeline;
    const datasets = datasetsOf(manifest, scenario.traffic);
    const { s3, kafka } = stack.endpoints;
    using bucket = openBucket(s3);
    const tables = Object.fromEntries(datasets.map((one) => [one.name, emptyTable(one)]));
    const { buckets } = stage;
    const none = { number: 0, publishedMs: clock.nowMs(), positions: {}, buckets, tables };
    if (!(await new BatchLog(bucket, place.namespace).publish(none))) {
      throw stackBroke(`${place.namespace} has batches of another run already`);
    }
    const dir = join(temporaryDir(), `doorbuster-loader-${randomUUID()}`);
    const loader = await LoaderProcess.start(
      {
        ...{ s3, dir, datasets, brokers: kafka.brokers, httpfs: extensions.httpfs },
        ...{ namespace: place.namespace, groupPrefix: place.topicPrefix },
        topics: streams.map((stream) => ({ stream, topic: topicOf(place, stream) })),
        keepBatches: stage.keep_batches,
        everyMs: scenario.pipeline.commitEveryMs,
      },
      { clock, signal },
    );
    return {
      jobs: streams.map((name) => ({ name, jobId: `batch-load-${name}` })),
      watch: (until, underDeclaredFault) => loader.watch(until, underDeclaredFault),
      drain: (until) => loader.drain(until),
      explain: async () => [],
      processes: () => (loader.pid === null ? [] : [{ server: LOADER, pid: loader.pid }]),
      async [Symbol.asyncDispose]() {
        await loader[Symbol.asyncDispose]();
        await rm(dir, { recursive: true, force: true });
      },
    };
  },
};
