import { type Admin, Kafka, type KafkaJSAggregateError, logLevel } from 'kafkajs';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';

interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
}

interface CreateTopicsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Longest wait for the topics and their leaders, ms; 60 s by default. */
  readonly withinMs?: number;
}

/** The log of one partition: offsets in [low, high) are held. */
export interface PartitionLog {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** The broker's administrative side. Whoever opened it closes it: `await using`. */
interface KafkaAdmin extends AsyncDisposable {
  /** Brokers that answer, after a real metadata request. */
  brokerCount(): Promise<number>;
  /**
   * Creates the topics, stamped by the broker on append (LogAppendTime) and never expired, and
   * waits until every partition has a leader. A topic that exists already is an error, and so is one
   * that has no leader in time.
   */
  createTopics(topics: readonly TopicSpec[], options: CreateTopicsOptions): Promise<void>;
  /** Creates a topic of one partition, unless it is there already. */
  ensureTopic(name: string, options: CreateTopicsOptions): Promise<void>;
  /** The log of every partition of a topic, by partition. No such topic is an error. */
  logs(topic: string): Promise<readonly PartitionLog[]>;
  /** Removes every topic and every consumer group whose name begins so; gives the topics. */
  removeAll(prefix: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * kafkajs gives up after 9 s by default; a broker that was killed and started again takes longer. These bounds
 * hold on for about two minutes.
 */
export const RETRY = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 60 } as const;

/** A client whose logger is off: what a person needs to know is in the errors. */
export function kafkaClient(brokers: readonly string[], clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: RETRY,
  });
}

/** Opens the administrative side; rejects when no broker answers within kafkajs's own retries. */
export async function openKafkaAdmin(brokers: readonly string[]): Promise<KafkaAdmin> {
  const admin = kafkaClient(brokers, 'doorbuster-admin').admin();
  await admin.connect();
  return {
    brokerCount: async () => (await admin.describeCluster()).brokers.length,
    createTopics: (topics, options) => createTopics(admin, topics, options),
    async ensureTopic(name, options) {
      const there = async () => (await admin.listTopics()).includes(name);
      if (await there()) return;
      await createTopics(admin, [{ name, partitions: 1 }], options).catch(async (error) => {
        // Somebody else may have been quicker.
        if (!(await there())) throw error;
      });
    },
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
    removeAll: (prefix) => removeAll(admin, prefix),
    close: () => admin.disconnect(),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

async function removeAll(admin: Admin, prefix: string): Promise<readonly string[]> {
  const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  const { groups } = await admin.listGroups();
  const ids = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix));
  if (ids.length > 0) await admin.deleteGroups(ids);
  return topics;
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

/** On an idle machine leaders are there after a few milliseconds; under load it takes seconds. */
const LED_WITHIN_MS = 60_000;
/** How long the broker itself may take to note them down: less than a request may take. */
const ORDERED_WITHIN_MS = 20_000;
const POLL_MS = 50;
const SEE_LOG = 'less kafka.log   # in the logs folder of the run';

async function createTopics(
  admin: Admin,
  topics: readonly TopicSpec[],
  { clock, signal, withinMs = LED_WITHIN_MS }: CreateTopicsOptions,
): Promise<void> {
  const over = new AbortController();
  let missing = topics.map(({ name }) => name);
  const create = async () => {
    await order(admin, topics);
    while (missing.length > 0 && !over.signal.aborted) {
      missing = await notReady(admin, topics);
      if (missing.length > 0) await clock.sleep(POLL_MS, over.signal);
    }
  };
  // kafkajs cannot be told to give up, so the bound is ours and its answer is no longer waited for.
  const bound = clock.sleep(withinMs, AbortSignal.any([signal, over.signal])).then(() => {
    throw stackBroke(
      `Kafka has not made the topics ready within ${withinMs / 1_000} s: ` +
        `no leader for every partition of ${missing.join(', ')}`,
      SEE_LOG,
    );
  });
  try {
    await Promise.race([create(), bound]);
  } finally {
    over.abort();
  }
}

/**
 * Asks for the topics without kafkajs's own wait for leaders: it knows one of the two answers that a
 * broker gives while a topic is new, and takes the other, "unknown topic", for a failure.
 */
async function order(admin: Admin, topics: readonly TopicSpec[]): Promise<void> {
  const failed = `Kafka did not create the topics ${topics.map(({ name }) => name).join(', ')}`;
  const created = await admin
    .createTopics({
      waitForLeaders: false,
      timeout: ORDERED_WITHIN_MS,
      topics: topics.map((topic) => ({
        topic: topic.name,
        numPartitions: topic.partitions,
        // As many replicas as the broker's owner wants of any topic: on a stack of ours, one.
        replicationFactor: -1,
        configEntries: [
          { name: 'message.timestamp.type', value: 'LogAppendTime' },
          { name: 'retention.ms', value: '-1' },
        ],
      })),
    })
    .catch((error: Error | KafkaJSAggregateError) => {
      const each = 'errors' in error ? error.errors : [error];
      const causes = new Set(each.map((one) => (one instanceof Error ? one.message : one)));
      throw stackBroke(`${failed}: ${[...causes].join('; ')}`, SEE_LOG, error);
    });
  if (!created) {
    throw stackBroke(
      `${failed}: at least one exists already`,
      'start a fresh stack, or drop the topics first',
    );
  }
}

/**
 * The topics that do not answer yet. A leader in the metadata is not enough: the broker publishes it
 * before it has taken the lead itself, and until then refuses whoever asks for offsets or sends.
 */
async function notReady(admin: Admin, topics: readonly TopicSpec[]): Promise<string[]> {
  const missing: string[] = [];
  // One by one: of several, kafkajs would not say which one it failed for.
  for (const { name, partitions } of topics) {
    const answering = await partitionsLed(admin, name).catch(() => 0);
    if (answering < partitions) missing.push(name);
  }
  return missing;
}

async function partitionsLed(admin: Admin, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const led = topics[0]?.partitions.filter(({ leader }) => leader >= 0) ?? [];
  return Math.min(led.length, (await admin.fetchTopicOffsets(topic)).length);
}
