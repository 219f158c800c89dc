import { join } from 'node:path';
import { badInput } from '../../../core/errors.ts';
import { LOADER } from '../../../record/facts.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { createTable, mergedStream } from '../../../topology/merge-sql.ts';
import { flinkKafkaOptions } from '../../clients/kafka-security.ts';
import { topicOf } from '../../run-namespace.ts';
import { MergeProcess } from './merge-process.ts';
import type { DeployOptions, StageOf, StageRunner } from './runner.ts';

/**
 * Micro-batches: at every commit interval Spark merges what came since the last one into Iceberg tables of format 3, each
 * topic by itself. A process that is killed merges its last micro-batch again, which changes nothing (ADR 50).
 */
export const sparkMerge: StageRunner<'spark-merge'> = {
  run: 'spark-merge',
  servers: ['kafka', 'minio', 'catalog'],
  program: 'spark-merge',
  async deploy(of, options) {
    const { stage, streams } = of;
    const { stack, scenario, logDir, ...others } = options;
    const merging = await MergeProcess.start({
      ...{ ...others, stack, threads: stage.threads, heapMiB: stage.memory_mb },
      jit: scenario.stack.jit,
      topics: streams,
      log: join(logDir, 'spark-merge.log'),
      config: (internal) => configOf(of, options, internal),
    });
    return {
      jobs: streams.map((name) => ({ name, jobId: `spark-merge-${name}` })),
      watch: (until, underDeclaredFault) => merging.watch(until, underDeclaredFault),
      async drain(until) {
        await merging.drain(until);
        await merging[Symbol.asyncDispose]();
      },
      explain: async () => [],
      processes: () => (merging.pid === null ? [] : [{ server: LOADER, pid: merging.pid }]),
      [Symbol.asyncDispose]: () => merging[Symbol.asyncDispose](),
    };
  },
};

/** The argument of `MergeJob.java`. It contains the password of a secured cluster. */
function configOf(
  { pipeline: { manifest, place }, streams }: StageOf<'spark-merge'>,
  { stack, scenario, workDir }: DeployOptions,
  internal: boolean,
): object {
  const { kafka, internal: among } = stack.endpoints;
  const datasets = datasetsOf(manifest, scenario.traffic);
  const { namespace, topicPrefix } = place;
  // The folder of a container ends with it.
  const kept = internal
    ? join(stateDirOf(stack), `spark-merge-${namespace}`)
    : join(workDir, 'spark-merge');
  const secured = flinkKafkaOptions({
    ...kafka,
    ...(kafka.security === undefined
      ? {}
      : { security: { ...kafka.security, flinkConnector: 'plain' } }),
  });
  return {
    everyMs: scenario.pipeline.commitEveryMs,
    checkpoint: join(kept, 'checkpoint'),
    kafka: {
      'kafka.bootstrap.servers': (internal ? among.brokers : kafka.brokers).join(','),
      ...Object.fromEntries(
        Object.entries(secured).map(([key, value]) => [key.replace(/^properties/, 'kafka'), value]),
      ),
      startingOffsets: 'earliest',
      groupIdPrefix: `${topicPrefix}doorbuster-spark`,
    },
    tables: [
      `CREATE NAMESPACE IF NOT EXISTS ice.${namespace}`,
      ...datasets.map((one) => createTable(one, namespace)),
    ],
    topics: streams.map((stream) => ({
      ...{ name: stream, topic: topicOf(place, stream) },
      ...mergedStream(stream, datasets, namespace),
    })),
  };
}

function stateDirOf({ stateDir }: Pick<DeployOptions['stack'], 'stateDir'>): string {
  if (stateDir !== null) return stateDir;
  throw badInput(
    'the stage spark-merge has no folder for its positions among these servers',
    'set stack: { runtime: processes }',
  );
}
