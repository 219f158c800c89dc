import { join } from 'node:path';
import { openKafkaAdmin } from '../src/harness/clients/kafka-admin.ts';
import { RUNTIMES } from '../src/harness/stack/runtimes.ts';
import { STREAMS } from '../src/scenario/scenario.ts';
import type { BenchContext } from './bench.ts';

/** The stack's own Kafka server, started as the stack starts it, without the rest of the stack. */
export interface Kafka extends AsyncDisposable {
  readonly brokers: readonly string[];
  /** Fresh topics, one per stream, with this many partitions; a second call is an error. */
  createTopics(partitions: number, names?: readonly string[]): Promise<void>;
}

/** Starts the broker and waits until it answers; rejects with the innermost cause in its log. */
export async function startKafka({ artifacts, clock, signal, dir }: BenchContext): Promise<Kafka> {
  const stack = await RUNTIMES.processes.start({
    ...{ runDir: dir, workDir: join(dir, 'kafka'), artifacts, clock, signal, jit: 'full' },
    servers: ['kafka'],
    flink: { taskSlots: 1, checkpointEveryMs: 1_000 },
    onProgress: () => {},
  });
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
