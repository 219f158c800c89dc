import {
  AssignerProtocol,
  type Consumer,
  type KafkaMessage,
  type PartitionAssigner,
} from 'kafkajs';
import type { KafkaAccess } from './endpoints.ts';
import { kafkaClient } from './kafka-admin.ts';

/** Records of one partition, in the order of the log. */
interface ReadBatch {
  readonly topic: string;
  readonly part: number;
  readonly records: readonly {
    readonly offset: string;
    readonly value: Buffer | null;
    /** The broker's stamp, epoch ms. */
    readonly timestampMs: number;
  }[];
}

/** The next offset to read of every partition, by topic and partition. */
type Positions = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface ReaderOptions {
  readonly kafka: KafkaAccess;
  /** Unique to this reader: it is the only member, and its position is where its owner says. */
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Whether it reads a partition, of each topic. */
  readonly reads: (part: number) => boolean;
  /** A partition that is missing is read from its beginning. */
  readonly from: Positions;
  readonly take: (batch: ReadBatch) => Promise<void>;
  /** Called once, when it cannot continue. */
  readonly fail: (error: Error) => void;
}

/**
 * The client sleeps this long whenever all its topics are paused, as they are between two reads, and neither a read nor
 * the end wakes it: it is how late a read may begin. A sleep costs nothing.
 */
const WAIT_MS = 50;

/** Reads topics up to their ends, when it is called to. Its owner closes it. */
export class KafkaReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  readonly #consumer: Consumer;
  readonly #admin: ReturnType<ReturnType<typeof kafkaClient>['admin']>;
  /** By topic and partition. */
  readonly #next = new Map<string, Map<number, bigint>>();
  #arrived: () => void = () => {};
  /** Outside of `readToEnd` nothing is taken: the owner is at work with what it has. */
  #reading = false;
  #taking: Promise<void> = Promise.resolve();

  static async open(options: ReaderOptions): Promise<KafkaReader> {
    const reader = new KafkaReader(options);
    try {
      await reader.#start();
      return reader;
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  private constructor(options: ReaderOptions) {
    this.#options = options;
    const kafka = kafkaClient(options.kafka, 'doorbuster-loader');
    this.#consumer = kafka.consumer({
      groupId: options.groupId,
      maxWaitTimeInMs: WAIT_MS,
      partitionAssigners: [assignerOf(options.reads)],
    });
    this.#admin = kafka.admin();
    for (const topic of options.topics) {
      const parts = Object.entries(options.from[topic] ?? {});
      this.#next.set(topic, new Map(parts.map(([part, next]) => [Number(part), BigInt(next)])));
    }
  }

  /** The next offset of every partition of which something was read. */
  get positions(): Positions {
    const all = [...this.#next].map(([topic, parts]) => {
      const offsets = [...parts].map(([part, next]) => [part, String(next)]);
      return [topic, Object.fromEntries(offsets)];
    });
    return Object.fromEntries(all);
  }

  /** Reads everything that is in the topics at the time of the call, and what arrives meanwhile. */
  async readToEnd(): Promise<void> {
    const { topics, reads } = this.#options;
    const ends = new Map<string, readonly { partition: number; high: string; low: string }[]>();
    for (const topic of topics) ends.set(topic, await this.#admin.fetchTopicOffsets(topic));
    const isBehind = () =>
      topics.some((topic) =>
        (ends.get(topic) ?? []).some(
          ({ partition, high, low }) =>
            reads(partition) &&
            (this.#next.get(topic)?.get(partition) ?? BigInt(low)) < BigInt(high),
        ),
      );
    if (!isBehind()) return;
    this.#reading = true;
    this.#consumer.resume(topics.map((topic) => ({ topic })));
    while (isBehind()) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    this.#reading = false;
    this.#consumer.pause(topics.map((topic) => ({ topic })));
    await this.#taking;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#consumer.disconnect(), this.#admin.disconnect()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #take(topic: string, part: number, messages: readonly KafkaMessage[]): Promise<void> {
    const next = this.#next.get(topic)?.get(part) ?? 0n;
    // Before it seeks, and after a rebalance, it may be given records that it has taken already.
    const unread = messages.filter(({ offset }) => BigInt(offset) >= next);
    const last = unread.at(-1);
    if (last === undefined) return;
    const records = unread.map(({ offset, value, timestamp }) => ({
      ...{ offset, value, timestampMs: Number(timestamp) },
    }));
    await this.#options.take({ topic, part, records });
    this.#next.get(topic)?.set(part, BigInt(last.offset) + 1n);
  }

  async #start(): Promise<void> {
    const { topics, from, fail } = this.#options;
    const consumer = this.#consumer;
    consumer.on('consumer.crash', ({ payload }) => {
      if (!payload.restart) fail(payload.error);
    });
    await Promise.all([consumer.connect(), this.#admin.connect()]);
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch: { topic, partition, messages }, resolveOffset }) => {
        // What was fetched before the pause is fetched again after it.
        if (!this.#reading) return;
        const last = messages.at(-1);
        if (last === undefined) return;
        this.#taking = this.#take(topic, partition, messages);
        await this.#taking;
        resolveOffset(last.offset);
        this.#arrived();
      },
    });
    consumer.pause(topics.map((topic) => ({ topic })));
    for (const topic of topics) {
      for (const [part, offset] of Object.entries(from[topic] ?? {})) {
        consumer.seek({ topic, partition: Number(part), offset });
      }
    }
  }
}

/** Gives the only member of a group those partitions that it reads. */
function assignerOf(reads: (part: number) => boolean): PartitionAssigner {
  return ({ cluster }) => ({
    name: 'doorbuster-fixed',
    version: 1,
    async assign({ members, topics }) {
      const assignment = Object.fromEntries(
        topics.map((topic) => {
          const parts = cluster.findTopicPartitionMetadata(topic);
          return [topic, parts.map(({ partitionId }) => partitionId).filter(reads)];
        }),
      );
      return members.map(({ memberId }) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol: ({ topics }) => ({
      name: 'doorbuster-fixed',
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: 1,
        topics,
        userData: Buffer.alloc(0),
      }),
    }),
  });
}
