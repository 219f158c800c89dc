import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import type { Clock } from '../../core/clock.ts';
import { kafkaClient } from './kafka-admin.ts';
import { openProducer } from './kafka-producer.ts';

/** What somebody said on a channel, with the broker's own stamp; epoch ms. */
interface Heard {
  readonly message: unknown;
  readonly kafkaMs: number;
}

/** When something was said: by our clock before and after, and by the broker's in between; epoch ms. */
export interface Said {
  readonly sentMs: number;
  readonly kafkaMs: number;
  readonly ackedMs: number;
}

/**
 * A topic of one partition on which several doorbusters talk: everybody hears everything from its beginning,
 * his own words too, in the same order.
 */
export interface Channel extends AsyncDisposable {
  say(message: object): Promise<Said>;
}

interface ChannelOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Different for everybody on the channel. */
  readonly member: string;
  readonly clock: Clock;
  readonly onHeard: (heard: Heard) => void;
  readonly onWarning?: (line: string) => void;
}

/** Longest wait of the broker for something to say, ms. */
const LISTEN_MS = 100;
const CLOSE_WITHIN_MS = 3_000;

/** Joins a channel whose topic is there. */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { brokers, topic, member, clock, onHeard, onWarning } = options;
  const producer = await openProducer({
    brokers,
    clientId: `doorbuster-${member}`,
    onWarning: onWarning ?? (() => undefined),
  });
  const client = kafkaClient(brokers, `doorbuster-${member}`);
  // Not under the prefix of the place: a group that somebody is in could not be removed with it. And not
  // another's of the same name, who would hear nothing any more.
  const groupId = `doorbuster-${topic}-${member}-${randomUUID().slice(0, 8)}`;
  const consumer = client.consumer({
    groupId,
    maxWaitTimeInMs: LISTEN_MS,
    // A member alone in its group has nobody to wait for.
    rebalanceTimeout: 5_000,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      onHeard({
        message: JSON.parse(message.value?.toString('utf8') ?? 'null'),
        kafkaMs: Number(message.timestamp),
      });
    },
  });
  // One batch on its way at a time: what is said meanwhile waits its turn.
  let last: Promise<unknown> = Promise.resolve();
  const say = (message: object) => {
    const said = last.then(async () => {
      const value = Buffer.from(JSON.stringify(message));
      const sentMs = clock.nowMs();
      const [answer] = await producer.send([{ topic, partition: 0, key: member, value }], sentMs);
      if (answer === undefined) throw new Error('the channel did not answer');
      return { sentMs, kafkaMs: answer.kafkaMs, ackedMs: clock.nowMs() };
    });
    last = said.catch(() => undefined);
    return said;
  };
  const close = async () => {
    await consumer.disconnect();
    await removeGroup(client, groupId);
    // Where the topic is gone, what is on its way is never answered.
    await Promise.race([last.then(() => producer.close()), clock.sleep(CLOSE_WITHIN_MS)]);
  };
  let closed: Promise<void> | undefined;
  return {
    say,
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };
}

/** Nothing of us is left on a broker that others use; one that does not let us is not worth a word. */
async function removeGroup(client: Kafka, groupId: string): Promise<void> {
  const admin = client.admin();
  try {
    await admin.connect();
    await admin.deleteGroups([groupId]);
  } catch {
    // It has expired with its last member, or soon will.
  } finally {
    await admin.disconnect();
  }
}
