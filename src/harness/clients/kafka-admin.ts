import { type Admin, Kafka, logLevel } from 'kafkajs';
import { stackBroke } from '../../core/errors.ts';

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
}

/** The log of one partition: offsets in [low, high) are held. */
export interface PartitionLog {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** The broker's administrative side. Whoever opened it closes it: `await using`. */
export interface KafkaAdmin extends AsyncDisposable {
  /** Brokers that answer, after a real metadata request. */
  brokerCount(): Promise<number>;
  /**
   * Creates the topics, stamped by the broker on append (LogAppendTime) and never expired, and
   * waits until every partition has a leader. A topic that exists already is an error.
   */
  createTopics(topics: readonly TopicSpec[]): Promise<void>;
  /** The log of every partition of a topic, by partition. No such topic is an error. */
  logs(topic: string): Promise<readonly PartitionLog[]>;
  close(): Promise<void>;
}

/**
 * kafkajs gives up after 9 s by default; a broker that was killed and started again takes longer.
 * Its logger is off: what a person needs to know is in the errors.
 */
export function kafkaClient(brokers: readonly string[], clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 200, maxRetryTime: 2_000, retries: 60 },
  });
}

/** Opens the administrative side; rejects when no broker answers within kafkajs's own retries. */
export async function openKafkaAdmin(brokers: readonly string[]): Promise<KafkaAdmin> {
  const admin = kafkaClient(brokers, 'doorbuster-admin').admin();
  await admin.connect();
  return {
    brokerCount: async () => (await admin.describeCluster()).brokers.length,
    createTopics: (topics) => createTopics(admin, topics),
    async logs(topic) {
      // Asked for the offsets of a topic that is not there, kafkajs retries for two minutes.
      if (!(await admin.listTopics()).includes(topic)) {
        throw stackBroke(`Kafka has no topic ${topic}`, 'create it before it is read');
      }
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }))
        .sort((a, b) => a.partition - b.partition);
    },
    close: () => admin.disconnect(),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

/** One metadata request without any retry: whether the broker takes part in its cluster yet. */
export async function kafkaAnswers(brokers: readonly string[]): Promise<boolean> {
  const admin = new Kafka({
    clientId: 'doorbuster-probe',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect();
  }
}

async function createTopics(admin: Admin, topics: readonly TopicSpec[]): Promise<void> {
  const created = await admin.createTopics({
    waitForLeaders: true,
    topics: topics.map((topic) => ({
      topic: topic.name,
      numPartitions: topic.partitions,
      replicationFactor: 1,
      configEntries: [
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
        { name: 'retention.ms', value: '-1' },
      ],
    })),
  });
  if (!created) {
    throw stackBroke(
      `Kafka did not create the topics ${topics.map((topic) => topic.name).join(', ')}: at least one exists already`,
      'start a fresh stack, or drop the topics first',
    );
  }
}
