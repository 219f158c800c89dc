import {
  type Admin,
  Kafka,
  type KafkaJSAggregateError,
  type KafkaJSDeleteGroupsError,
  logLevel,
} from 'kafkajs';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import type { KafkaAccess } from './endpoints.ts';
import { kafkajsSecurity } from './kafka-security.ts';

interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
}

interface CreateTopicsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Longest wait for the topics and their leaders, ms; 60 s by default. */
  readonly withinMs?: number;
  /** Whether messages keep the time that their producer gives them. */
  readonly producerTime?: boolean;
}

/** The log of one partition: it holds the offsets in [low, high). */
export interface PartitionLog {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

interface NamesInKafka {
  readonly topics: readonly string[];
  readonly groups: readonly string[];
}

/** An admin client. Its owner closes it: `await using`. */
export interface KafkaAdmin extends AsyncDisposable {
  /** Number of brokers of the cluster, from a real metadata request. */
  brokerCount(): Promise<number>;
  /**
   * Creates the topics, with LogAppendTime unless `producerTime`, and without retention limit, and waits until every partition
   * has a leader. A topic that already exists is an error, and so is one without a leader in time.
   */
  createTopics(topics: readonly TopicSpec[], options: CreateTopicsOptions): Promise<void>;
  /**
   * Creates a topic of one partition if it does not exist, also when another process creates it at the same time, and waits
   * until it has a leader.
   */
  ensureTopic(name: string, options: CreateTopicsOptions): Promise<void>;
  /** The log of every partition of a topic, by partition. A missing topic is an error. */
  logs(topic: string): Promise<readonly PartitionLog[]>;
  /** Offsets that a group has committed, by partition; a partition without one is left out. */
  committed(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Every topic and consumer group with this prefix. */
  names(prefix: string): Promise<NamesInKafka>;
  /** Whether a consumer group with this prefix has members. */
  hasMembers(prefix: string): Promise<boolean>;
  /** Whether a message was appended to a topic since then, by the broker's stamps; epoch ms. */
  writtenSince(topic: string, sinceMs: number): Promise<boolean>;
  /** Removes every topic with this prefix, and every consumer group that has no members; returns the topics. */
  removeAll(prefix: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * kafkajs gives up after 9 s by default; a broker that was killed and restarted takes longer. These limits allow
 * about two minutes.
 */
export const RETRY_LIMITS = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 60 } as const;

/** A client without logging: the errors carry what a user needs. */
export function kafkaClient(access: KafkaAccess, clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: [...access.brokers],
    ...kafkajsSecurity(access),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: RETRY_LIMITS,
  });
}

/** Opens an admin client; rejects when no broker answers within kafkajs's own retries. */
export async function openKafkaAdmin(access: KafkaAccess): Promise<KafkaAdmin> {
  const admin = kafkaClient(access, 'doorbuster-admin').admin();
  await admin.connect();
  return {
    brokerCount: async () => (await admin.describeCluster()).brokers.length,
    createTopics: (topics, options) => createTopics(admin, topics, options),
    ensureTopic: (name, options) =>
      createTopics(admin, [{ name, partitions: 1 }], { ...options, existing: 'used' }),
    async logs(topic) {
      // For the offsets of a missing topic kafkajs would retry for two minutes.
      if (!(await admin.listTopics()).includes(topic)) {
        throw stackBroke(`Kafka has no topic ${topic}`, 'create it before it is read');
      }
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }))
        .sort((a, b) => a.partition - b.partition);
    },
    async committed(group, topic) {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return new Map(
        (found?.partitions ?? [])
          .map(({ partition, offset }) => [partition, BigInt(offset)] as const)
          .filter(([, offset]) => offset >= 0n),
      );
    },
    names: (prefix) => namesIn(admin, prefix),
    async hasMembers(prefix) {
      const { groups } = await namesIn(admin, prefix);
      if (groups.length === 0) return false;
      const described = await admin.describeGroups([...groups]);
      return described.groups.some(({ members }) => members.length > 0);
    },
    async writtenSince(topic, sinceMs) {
      // Where no message is that new, kafkajs gives the end of the partition.
      const found = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
      const ends = await admin.fetchTopicOffsets(topic);
      const endOf = new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
      return found.some(({ partition, offset }) => BigInt(offset) < (endOf.get(partition) ?? 0n));
    },
    removeAll: (prefix) => removeAll(admin, prefix),
    close: () => admin.disconnect(),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

async function namesIn(admin: Admin, prefix: string): Promise<NamesInKafka> {
  const own = (names: readonly string[]) => names.filter((name) => name.startsWith(prefix));
  const topics = await admin.listTopics();
  const { groups } = await admin.listGroups();
  return { topics: own(topics), groups: own(groups.map(({ groupId }) => groupId)) };
}

async function removeAll(admin: Admin, prefix: string): Promise<readonly string[]> {
  const { topics, groups } = await namesIn(admin, prefix);
  if (topics.length > 0) await admin.deleteTopics({ topics: [...topics] });
  if (groups.length > 0) await admin.deleteGroups([...groups]).catch(unlessNotEmpty);
  return topics;
}

/** Kafka's code for a group that has members. */
const NON_EMPTY_GROUP = 68;

/**
 * A member that was killed counts as one for half a minute, and its group cannot be removed before: Kafka then removes a
 * group that has committed no offset by itself.
 */
function unlessNotEmpty(error: Error | KafkaJSDeleteGroupsError): void {
  const groups = 'groups' in error ? error.groups : [];
  const notEmpty = groups.every(({ errorCode }) => errorCode === NON_EMPTY_GROUP);
  if (groups.length === 0 || !notEmpty) throw error;
}

/** One metadata request without retries: whether the broker has joined its cluster. */
export async function kafkaAnswers(access: KafkaAccess): Promise<boolean> {
  return (await kafkaProblem(access)) === null;
}

/** A TLS handshake and an authentication take longer on a busy broker, ms. */
const [SECURED_CONNECT_MS, SECURED_REQUEST_MS] = [5_000, 10_000] as const;

/** As `kafkaAnswers`, with the reason: null if the broker answers, otherwise the client's error. */
export async function kafkaProblem(access: KafkaAccess): Promise<unknown> {
  const admin = new Kafka({
    clientId: 'doorbuster-probe',
    brokers: [...access.brokers],
    ...kafkajsSecurity(access),
    logLevel: logLevel.NOTHING,
    connectionTimeout: access.security === undefined ? 1_000 : SECURED_CONNECT_MS,
    authenticationTimeout: SECURED_REQUEST_MS,
    requestTimeout: access.security === undefined ? 2_000 : SECURED_REQUEST_MS,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.length > 0 ? null : new Error('it has no broker');
  } catch (error) {
    return error;
  } finally {
    await admin.disconnect();
  }
}

/** Longest wait for leaders: a few milliseconds on an idle machine, seconds under load. */
const LEADERS_WITHIN_MS = 60_000;
/** Longest time for the broker to create the topics; shorter than the request timeout. */
const CREATED_WITHIN_MS = 20_000;
const POLL_MS = 50;
const LOG_HINT = 'less kafka.log   # in the logs folder of the run';

async function createTopics(
  admin: Admin,
  topics: readonly TopicSpec[],
  {
    clock,
    signal,
    withinMs = LEADERS_WITHIN_MS,
    producerTime = false,
    existing = 'refused',
  }: CreateTopicsOptions & { readonly existing?: 'refused' | 'used' },
): Promise<void> {
  const over = new AbortController();
  let missing = topics.map(({ name }) => name);
  const create = async () => {
    const created = await requestTopics(
      admin,
      topics,
      producerTime ? 'CreateTime' : 'LogAppendTime',
    );
    if (!created && existing === 'refused') {
      throw stackBroke(
        `${failedText(topics)}: at least one exists already`,
        'start a fresh stack, or drop the topics first',
      );
    }
    // The broker that refuses to create a topic again may not list it yet: it is waited for like a new one.
    while (missing.length > 0 && !over.signal.aborted) {
      missing = await notReady(admin, topics);
      if (missing.length > 0) await clock.sleep(POLL_MS, over.signal);
    }
  };
  // kafkajs cannot be cancelled: after this limit its answer is ignored.
  const bound = clock.sleep(withinMs, AbortSignal.any([signal, over.signal])).then(() => {
    throw stackBroke(
      `Kafka has not made the topics ready within ${withinMs / 1_000} s: ` +
        `no leader for every partition of ${missing.join(', ')}`,
      LOG_HINT,
    );
  });
  try {
    await Promise.race([create(), bound]);
  } finally {
    over.abort();
  }
}

const failedText = (topics: readonly TopicSpec[]) =>
  `Kafka did not create the topics ${topics.map(({ name }) => name).join(', ')}`;

/**
 * Creates the topics; false: at least one exists already. It does so without kafkajs's own wait for leaders, which knows
 * only one of the two errors that a broker gives for a new topic, and treats the other, "unknown topic", as a failure.
 */
async function requestTopics(
  admin: Admin,
  topics: readonly TopicSpec[],
  timestampType: 'CreateTime' | 'LogAppendTime',
): Promise<boolean> {
  return admin
    .createTopics({
      waitForLeaders: false,
      timeout: CREATED_WITHIN_MS,
      topics: topics.map((topic) => ({
        topic: topic.name,
        numPartitions: topic.partitions,
        // The broker's default; 1 on a stack of doorbuster's own.
        replicationFactor: -1,
        configEntries: [
          { name: 'message.timestamp.type', value: timestampType },
          { name: 'retention.ms', value: '-1' },
        ],
      })),
    })
    .catch((error: Error | KafkaJSAggregateError) => {
      const each = 'errors' in error ? error.errors : [error];
      const causes = new Set(each.map((one) => (one instanceof Error ? one.message : one)));
      throw stackBroke(`${failedText(topics)}: ${[...causes].join('; ')}`, LOG_HINT, error);
    });
}

/**
 * The topics that do not answer yet. A leader in the metadata is not enough: the broker publishes it before
 * it is the leader, and until then rejects requests for offsets and records.
 */
async function notReady(admin: Admin, topics: readonly TopicSpec[]): Promise<string[]> {
  const missing: string[] = [];
  // One by one, because kafkajs does not report which of several topics failed.
  for (const { name, partitions } of topics) {
    const answering = await partitionsWithLeader(admin, name).catch(() => 0);
    if (answering < partitions) missing.push(name);
  }
  return missing;
}

async function partitionsWithLeader(admin: Admin, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const led = topics[0]?.partitions.filter(({ leader }) => leader >= 0) ?? [];
  return Math.min(led.length, (await admin.fetchTopicOffsets(topic)).length);
}
