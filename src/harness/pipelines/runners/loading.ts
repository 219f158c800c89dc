import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stackBroke } from '../../../core/errors.ts';
import type { Dataset } from '../../../topology/dataset.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { type Batch, BatchLog } from '../../batches/batch-log.ts';
import { emptyTable } from '../../batches/fold.ts';
import type { LoaderConfig } from '../../batches/loader.ts';
import { openBucket } from '../../clients/s3.ts';
import { topicOf } from '../../run-namespace.ts';
import { temporaryDir } from '../../setup/user-dirs.ts';
import type { DeployedStage, DeployOptions, StageOf } from './runner.ts';

/** What stages with loaders have in common. */

type Of = StageOf<'batch-load'> | StageOf<'warehouse'>;

/** Publishes the batch without rows. Throws a DoorbusterError (exit 3) if there are batches of another run. */
export async function publishNone(
  { pipeline, stage }: Of,
  { stack, clock }: DeployOptions,
  datasets: readonly Dataset[],
): Promise<void> {
  const { namespace } = pipeline.place;
  using bucket = openBucket(stack.endpoints.s3);
  const none: Batch = {
    ...{ number: 0, publishedMs: clock.nowMs(), positions: {}, buckets: stage.buckets },
    tables: Object.fromEntries(datasets.map((one) => [one.name, emptyTable(one)])),
  };
  if (await new BatchLog(bucket, namespace).publish(none)) return;
  throw stackBroke(`${namespace} has batches of another run already`);
}

/** The part of a loader's configuration that does not depend on where its loads go. */
export function loaderConfig(
  { pipeline: { manifest, place }, streams }: Of,
  { stack, scenario, extensions }: DeployOptions,
  dir: string,
): Omit<LoaderConfig, 'everyMs' | 'share' | 'into'> {
  const { s3, kafka } = stack.endpoints;
  return {
    ...{ s3, dir, kafka, httpfs: extensions.httpfs },
    ...{ namespace: place.namespace, groupPrefix: place.topicPrefix },
    datasets: datasetsOf(manifest, scenario.traffic),
    topics: streams.map((stream) => ({ stream, topic: topicOf(place, stream) })),
  };
}

/** A stage with a folder of this machine, which is removed with it. */
export async function withScratchFolder(
  deploy: (dir: string) => Promise<DeployedStage>,
): Promise<DeployedStage> {
  const dir = join(temporaryDir(), `doorbuster-loader-${randomUUID()}`);
  const removed = () => rm(dir, { recursive: true, force: true });
  try {
    const stage = await deploy(dir);
    return {
      ...stage,
      async [Symbol.asyncDispose]() {
        await stage[Symbol.asyncDispose]();
        await removed();
      },
    };
  } catch (error) {
    await removed();
    throw error;
  }
}
