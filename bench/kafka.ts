import { openKafkaAdmin } from '../src/harness/clients/kafka-admin.ts';
import { STREAMS } from '../src/scenario/scenario.ts';
import type { BenchContext } from './bench.ts';
import { startServers } from './lakehouse.ts';

/** The stack's own Kafka server, started as the stack starts it, without the rest of the stack. */
export interface Kafka extends AsyncDisposable {
  readonly brokers: readonly string[];
  /** Fresh topics, one per stream, with this many partitions; a second call is an error. */
  createTopics(partitions: number, names?: readonly string[]): Promise<void>;
}

/** Starts the broker and waits until it answers; rejects with the innermost cause in its log. */
export async function startKafka(context: BenchContext): Promise<Kafka> {
  const { clock, signal } = context;
  const stack = await startServers(context, ['kafka']);
  const { brokers } = stack.endpoints.kafka;
  return {
    brokers,
    async createTopics(partitions, names = STREAMS) {
      await using admin = await openKafkaAdmin({ brokers });
      await admin.createTopics(
        names.map((name) => ({ name, partitions })),
        { clock, signal },
      );
    },
    [Symbol.asyncDispose]: () => stack.stop(),
  };
}
