import { refusedTopic } from '../../../topology/captured.ts';
import { connectRest } from '../../clients/connect-rest.ts';
import type { PostgresAddress } from '../../clients/endpoints.ts';
import { openKafkaAdmin } from '../../clients/kafka-admin.ts';
import { dropSlots, slotsRead } from '../../clients/replication.ts';
import { topicOf } from '../../run-namespace.ts';
import { capturesOf } from './captures.ts';
import type { DeployedStage, DeployOptions, StageOf, StageRunner } from './runner.ts';
import { requireWorker, startConnectors } from './start-connectors.ts';
import { watchConnectors } from './watch-connectors.ts';

/** Longest wait for the removal of connectors and slots, ms: a worker that hangs is ended with its stack. */
const REMOVED_WITHIN_MS = 20_000;

/** Debezium in Kafka Connect: it reads the log of the stores' database into the topics of the streams. */
export const debezium: StageRunner<'debezium'> = {
  run: 'debezium',
  servers: ['kafka', 'postgres', 'connect'],
  requireCapacity: ({ stage }, { stack }) => requireWorker(stage, stack.endpoints),
  deploy: deployCaptures,
};

async function deployCaptures(
  { pipeline: { place }, stage, streams }: StageOf<'debezium'>,
  { stack: { endpoints }, scenario, clock, signal }: DeployOptions,
): Promise<DeployedStage> {
  // The load target has refused servers without it.
  const database = endpoints.postgres as PostgresAddress;
  const { partitions } = scenario.stack;
  const captures = capturesOf({ stage, streams, place, database, partitions });
  const names = captures.map(({ name }) => name);
  const rest = connectRest(
    (endpoints.connect as NonNullable<typeof endpoints.connect>).rest,
    clock,
  );
  const topics = streams.flatMap((stream) => {
    const topic = topicOf(place, stream);
    return [topic, refusedTopic(topic)];
  });
  await using admin = await openKafkaAdmin(endpoints.kafka);
  await admin.createTopics(
    topics.map((name) => ({ name, partitions })),
    // A message of the outbox has the time of its row.
    { clock, signal, producerTime: true },
  );
  const state = { done: false };
  const remove = async () => {
    state.done = true;
    const enough = AbortSignal.timeout(REMOVED_WITHIN_MS);
    await Promise.allSettled(names.map((name) => rest.remove(name, enough)));
    await dropSlots(database, names, { clock, signal: enough }).catch(() => undefined);
  };
  try {
    await startConnectors(rest, captures, { clock, signal });
    await slotsRead(database, names, { clock, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    // Its connectors are per table, and not per stream.
    jobs: [],
    watch: (until, underDeclaredFault) =>
      watchConnectors({ rest, clock, names, done: () => state.done, underDeclaredFault }, until),
    // A task that ends has sent what it read. That it had read everything, the markers of the run show.
    drain: remove,
    explain: async () => [],
    [Symbol.asyncDispose]: remove,
  };
}
