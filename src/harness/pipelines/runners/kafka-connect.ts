import type { Clock } from '../../../core/clock.ts';
import { stackBroke } from '../../../core/errors.ts';
import { datasetsOf } from '../../../topology/manifest.ts';
import { connectRest } from '../../clients/connect-rest.ts';
import { createTables } from '../../clients/iceberg-tables.ts';
import { openKafkaAdmin } from '../../clients/kafka-admin.ts';
import { type Connector, connectorsOf, deadLetterTopic } from './connectors.ts';
import type { DeployedStage, DeployOptions, StageOf, StageRunner } from './runner.ts';
import { sinkSchema } from './sink-tables.ts';
import { requireWorker, startConnectors } from './start-connectors.ts';
import { watchConnectors } from './watch-connectors.ts';

const POLL_MS = 200;
/** Longest time between two commits, ms, on top of their interval and of their time-out: a coordinator may give up in silence. */
const COMMIT_SLACK_MS = 60_000;
/** Longest wait for the removal of connectors, ms: a worker that hangs is ended with its stack. */
const REMOVED_WITHIN_MS = 10_000;

/** The Iceberg sink of Kafka Connect: a connector per stream, and one for the dead letters of all. */
export const kafkaConnect: StageRunner<'kafka-connect'> = {
  run: 'kafka-connect',
  servers: ['kafka', 'minio', 'catalog', 'connect'],
  requireCapacity: ({ stage }, { stack }) => requireWorker(stage, stack.endpoints),
  deploy: deployConnectors,
};

type Of = StageOf<'kafka-connect'>;

async function deployConnectors(of: Of, options: DeployOptions): Promise<DeployedStage> {
  const { pipeline, stage, streams } = of;
  const { stack, scenario, clock, signal } = options;
  const { endpoints } = stack;
  const { place, manifest } = pipeline;
  const datasets = datasetsOf(manifest, scenario.traffic);
  const connectors = connectorsOf({
    ...{ stage, datasets, streams, place, endpoints },
    commitEveryMs: scenario.pipeline.commitEveryMs,
    parallelism: scenario.pipeline.parallelism,
  });
  const rest = connectRest(
    (endpoints.connect as NonNullable<typeof endpoints.connect>).rest,
    clock,
  );
  await createTables(
    endpoints.catalog,
    place.namespace,
    datasets.map((dataset) => ({ name: dataset.name, schema: sinkSchema(dataset) })),
    { format: scenario.pipeline.format, signal },
  );
  await createTopics(of, connectors, options);
  const state = { done: false };
  const remove = async () => {
    state.done = true;
    const enough = AbortSignal.timeout(REMOVED_WITHIN_MS);
    await Promise.allSettled(connectors.map(({ name }) => rest.remove(name, enough)));
  };
  try {
    await startConnectors(rest, connectors, { clock, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  const names = connectors.map(({ name }) => name);
  return {
    jobs: connectors.flatMap(({ name, stream }) =>
      stream === null ? [] : [{ name: stream, jobId: name }],
    ),
    watch: (until, underDeclaredFault) =>
      watchConnectors({ rest, clock, names, done: () => state.done, underDeclaredFault }, until),
    async drain(until = new AbortController().signal) {
      const withinMs = COMMIT_SLACK_MS + scenario.pipeline.commitEveryMs + stage.commit_timeout_ms;
      const draining = { kafka: endpoints.kafka, clock, signal: until, withinMs };
      // Those of the streams first: what they cannot decode is read by that of the dead letters.
      for (const letters of [false, true]) {
        const some = connectors.filter(({ stream }) => (stream === null) === letters);
        await Promise.all(some.map((connector) => allCommitted(connector, draining)));
      }
      await remove();
    },
    explain: async () => [],
    [Symbol.asyncDispose]: remove,
  };
}

async function createTopics(
  { pipeline: { place }, streams }: Of,
  connectors: readonly Connector[],
  { stack, clock, signal }: DeployOptions,
): Promise<void> {
  await using admin = await openKafkaAdmin(stack.endpoints.kafka);
  const names = [
    ...connectors.map(({ control }) => control),
    ...streams.map((stream) => deadLetterTopic(place, stream)),
  ];
  await admin.createTopics(
    names.map((name) => ({ name, partitions: 1 })),
    { clock, signal },
  );
}

interface Draining {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly kafka: DeployOptions['stack']['endpoints']['kafka'];
  readonly withinMs: number;
}

/**
 * Waits until everything that its tasks have read is in the table. At the start of a commit a task writes its files and
 * sends their names to the control topic; the coordinator commits its own offset there after the table. When that offset
 * has passed the end of the control topic for the second time, a commit has begun and ended meanwhile. The tasks' own
 * offsets tell less: a dead letter at the end of a partition never reaches the sink, and its offset is not committed.
 * A commit that ends by its time-out leaves out tasks that have not heard of it: then the markers of the run's own drain
 * are what shows that everything is there. Throws DoorbusterError (exit 3) when no commit ends within `withinMs`.
 */
async function allCommitted(
  { name, group, control }: Connector,
  { kafka, clock, signal, withinMs }: Draining,
): Promise<void> {
  await using admin = await openKafkaAdmin(kafka);
  for (let commit = 0; commit < 2; commit++) {
    const startedMs = clock.monotonicMs();
    const ends = await admin.logs(control);
    const passed = async () => {
      const offsets = await admin.committed(`${group}-coord`, control);
      return ends.every(({ partition, high }) => (offsets.get(partition) ?? 0n) >= high);
    };
    while (!(await passed())) {
      if (clock.monotonicMs() - startedMs > withinMs) {
        throw stackBroke(
          `connector ${name} has ended no commit for ${Math.round(withinMs / 1000)} s`,
          'see connect.log in the run folder',
        );
      }
      await clock.sleep(POLL_MS, signal);
    }
  }
}
