import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import type { Clock } from '../../core/clock.ts';
import type { KafkaAccess } from './endpoints.ts';
import { kafkaClient } from './kafka-admin.ts';
import { openProducer } from './kafka-producer.ts';

/** A received message of a channel, with the broker's stamp; epoch ms. */
interface ReceivedMessage {
  readonly message: unknown;
  readonly kafkaMs: number;
}

/** Stamps of a published message: by our clock before and after, by the broker's in between; epoch ms. */
export interface PublishStamps {
  readonly sentMs: number;
  readonly kafkaMs: number;
  readonly ackedMs: number;
}

/**
 * A topic of one partition for messages between doorbuster processes. Every member receives all messages from the
 * beginning, its own included, in the same order.
 */
export interface Channel extends AsyncDisposable {
  publish(message: object): Promise<PublishStamps>;
}

interface ChannelOptions {
  readonly kafka: KafkaAccess;
  readonly topic: string;
  /** Unique among the members of the channel. */
  readonly member: string;
  readonly clock: Clock;
  readonly onMessage: (message: ReceivedMessage) => void;
  readonly onWarning?: (line: string) => void;
}

/** Longest wait of the broker for new messages, ms. */
const FETCH_WAIT_MS = 100;
const CLOSE_WITHIN_MS = 3_000;

/** Joins a channel whose topic exists. */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { kafka, topic, member, clock, onMessage, onWarning } = options;
  const producer = await openProducer('kafkajs', {
    kafka,
    clientId: `doorbuster-${member}`,
    onWarning: onWarning ?? (() => undefined),
  });
  const client = kafkaClient(kafka, `doorbuster-${member}`);
  // Not under the run's prefix, because a group with members cannot be removed with it. Unique, because two
  // members of one group would share the messages.
  const groupId = `doorbuster-${topic}-${member}-${randomUUID().slice(0, 8)}`;
  const consumer = client.consumer({
    groupId,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    // The group has one member, so there is no other to wait for.
    rebalanceTimeout: 5_000,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      onMessage({
        message: JSON.parse(message.value?.toString('utf8') ?? 'null'),
        kafkaMs: Number(message.timestamp),
      });
    },
  });
  // The producer allows one batch in flight: further messages wait.
  let last: Promise<unknown> = Promise.resolve();
  const publish = (message: object) => {
    const published = last.then(async () => {
      const value = Buffer.from(JSON.stringify(message));
      const sentMs = clock.nowMs();
      const [answer] = await producer.send([{ topic, partition: 0, key: member, value }], sentMs);
      if (answer === undefined) throw new Error('the channel did not answer');
      return { sentMs, kafkaMs: answer.kafkaMs, ackedMs: clock.nowMs() };
    });
    last = published.catch(() => undefined);
    return published;
  };
  const close = async () => {
    await consumer.disconnect();
    await removeGroup(client, groupId);
    // If the topic was removed, a batch in flight is never acknowledged.
    await Promise.race([last.then(() => producer.close()), clock.sleep(CLOSE_WITHIN_MS)]);
  };
  let closed: Promise<void> | undefined;
  return {
    publish,
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };
}

/** Removes our consumer group from a broker that others use; a failure is ignored. */
async function removeGroup(client: Kafka, groupId: string): Promise<void> {
  const admin = client.admin();
  try {
    await admin.connect();
    await admin.deleteGroups([groupId]);
  } catch {
    // The group expires by itself without members.
  } finally {
    await admin.disconnect();
  }
}
