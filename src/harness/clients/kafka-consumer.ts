import type { Kafka } from 'kafkajs';
import type { KafkaAccess } from './endpoints.ts';
import { kafkaClient } from './kafka-admin.ts';

/** A record as it was read. */
interface ConsumedRecord {
  readonly value: Uint8Array | null;
  /** When the broker appended it, epoch ms. */
  readonly appendedMs: number;
}

/** Records of one partition, in their order. */
export interface ConsumedBatch {
  readonly part: number;
  readonly records: readonly ConsumedRecord[];
  /** Offset after the last of them. */
  readonly next: bigint;
  /** Tells the broker that the consumer is alive, while a batch takes long. */
  alive(): Promise<void>;
}

/** A consumer of a topic, from its beginning. Its owner closes it. */
export interface TopicConsumer {
  /** Reads the topic once more from its beginning. To be called while a batch is handled, or before the first. */
  rewind(partitions: number): void;
  close(): Promise<void>;
}

interface ConsumeOptions {
  readonly kafka: KafkaAccess;
  readonly topic: string;
  readonly group: string;
  /** Handles a batch before the next one comes; false: it is not done, because the consumer was rewound. */
  readonly handle: (batch: ConsumedBatch) => Promise<boolean>;
  /** Called when it cannot continue. */
  readonly failed: (error: Error) => void;
}

/** A broker answers a fetch as soon as there is a record; without one, after this time. */
const FETCH_WAIT_MS = 250;
/** A batch that waits for its sink still belongs to this consumer for so long. */
const SESSION_MS = 60_000;

/** Starts a consumer; resolves when it has begun to read. */
export async function consumeTopic(options: ConsumeOptions): Promise<TopicConsumer> {
  const { kafka, topic, group, handle, failed } = options;
  const client: Kafka = kafkaClient(kafka, group);
  const consumer = client.consumer({
    groupId: group,
    sessionTimeout: SESSION_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    minBytes: 1,
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) failed(payload.error);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 1_000,
    eachBatchAutoResolve: false,
    async eachBatch({
      batch,
      resolveOffset,
      heartbeat,
      isStale,
      isRunning,
      commitOffsetsIfNecessary,
    }) {
      const last = batch.messages.at(-1);
      if (last === undefined || isStale() || !isRunning()) return;
      const done = await handle({
        part: batch.partition,
        records: batch.messages.map(({ value, timestamp }) => ({
          value,
          appendedMs: Number(timestamp),
        })),
        next: BigInt(last.offset) + 1n,
        alive: heartbeat,
      });
      if (!done) return;
      resolveOffset(last.offset);
      await commitOffsetsIfNecessary();
      await heartbeat();
    },
  });
  return {
    rewind(partitions) {
      for (let partition = 0; partition < partitions; partition++) {
        consumer.seek({ topic, partition, offset: '0' });
      }
    },
    close: () => consumer.disconnect(),
  };
}
