import { randomUUID } from 'node:crypto';
import type { KafkaAccess } from '../../../src/harness/clients/endpoints.ts';
import { kafkaClient, openKafkaAdmin } from '../../../src/harness/clients/kafka-admin.ts';
import { STREAMS } from '../../../src/scenario/scenario.ts';

/** A message as consumed from the broker. */
export interface Consumed {
  readonly topic: string;
  readonly part: number;
  readonly offset: number;
  readonly key: string;
  readonly value: Buffer;
  /** The broker's append stamp, epoch ms. */
  readonly kafkaMs: number;
  readonly sentMs: number;
}

/** Reads all messages of the topics of all streams, by topic, partition and offset. */
export async function readTopics(kafka: KafkaAccess): Promise<readonly Consumed[]> {
  await using admin = await openKafkaAdmin(kafka);
  let awaited = 0;
  for (const stream of STREAMS) {
    for (const { low, high } of await admin.logs(stream)) awaited += Number(high - low);
  }
  const consumed: Consumed[] = [];
  if (awaited === 0) return consumed;
  const consumer = kafkaClient(kafka, 'reader').consumer({
    groupId: `reader-${randomUUID()}`,
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...STREAMS], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on('consumer.crash', ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      consumer
        .run({
          async eachMessage({ topic, partition, message }) {
            consumed.push({
              topic,
              part: partition,
              offset: Number(message.offset),
              key: String(message.key),
              value: message.value as Buffer,
              kafkaMs: Number(message.timestamp),
              sentMs: Number(message.headers?.sent_ms),
            });
            if (consumed.length === awaited) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return consumed.sort(
    (a, b) => a.topic.localeCompare(b.topic) || a.part - b.part || a.offset - b.offset,
  );
}
