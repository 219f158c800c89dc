import { stackBroke } from '../../../core/errors.ts';
import { LOADER } from '../../../record/facts.ts';
import type { Dataset } from '../../../topology/dataset.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { type Batch, BatchLog } from '../../batches/batch-log.ts';
import { StageProcess } from '../../batches/child-process.ts';
import { emptyTable } from '../../batches/fold.ts';
import type { LoaderConfig } from '../../batches/loader.ts';
import { openBucket } from '../../clients/s3.ts';
import { topicOf } from '../../run-namespace.ts';
import type { DeployedStage, DeployOptions, StageOf } from './runner.ts';

/** What stages with loaders have in common. */

type Of = StageOf<'batch-load'> | StageOf<'warehouse'> | StageOf<'ducklake-load'>;

/** Publishes the batch without rows. Throws a DoorbusterError (exit 3) if there are batches of another run. */
export async function publishNone(
  { pipeline, stage }: Exclude<Of, StageOf<'ducklake-load'>>,
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

/** One loader, which reads every partition: the whole of a stage. */
export async function deployLoader(
  { stage, streams }: Exclude<Of, StageOf<'warehouse'>>,
  options: DeployOptions,
  config: Omit<LoaderConfig, 'everyMs' | 'share'>,
): Promise<DeployedStage> {
  const everyMs = options.scenario.pipeline.commitEveryMs;
  const loader = await StageProcess.start(
    {
      title: 'loader',
      entry: 'harness/batches/loader-child',
      start: { kind: 'start', config: { ...config, everyMs, share: { index: 0, of: 1 } } },
    },
    options,
  );
  return {
    jobs: streams.map((name) => ({ name, jobId: `${stage.run}-${name}` })),
    watch: (until, underDeclaredFault) => loader.watch(until, underDeclaredFault),
    async drain(until) {
      await loader.drain(until);
      await loader[Symbol.asyncDispose]();
    },
    explain: async () => [],
    processes: () => (loader.pid === null ? [] : [{ server: LOADER, pid: loader.pid }]),
    [Symbol.asyncDispose]: () => loader[Symbol.asyncDispose](),
  };
}
