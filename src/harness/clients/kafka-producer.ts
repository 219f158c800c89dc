import { Partitioners } from 'kafkajs';
import { DoorbusterError, stackBroke } from '../../core/errors.ts';
import type { KafkaClient } from '../../scenario/scenario.ts';
import type { KafkaAccess } from './endpoints.ts';
import { kafkaProblem } from './kafka-admin.ts';
import { kafkaRefusal } from './kafka-security.ts';

/** One message for Kafka. The partition is explicit: see `partitionOf`. */
export interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array;
}

/** Offset of a message in its partition, and its append stamp (epoch ms; one per batch and partition). */
export interface Appended {
  readonly offset: number;
  readonly kafkaMs: number;
}

/** An idempotent producer with at most one batch in flight. Its owner closes it. */
export interface BatchProducer extends AsyncDisposable {
  /**
   * Sends one batch and resolves when every replica has it, with one result per message in the same order.
   * Retries after lost connections; rejects with a DoorbusterError when it gives up.
   */
  send(batch: readonly Outgoing[], sentMs: number): Promise<readonly Appended[]>;
  close(): Promise<void>;
}

export interface ProducerOptions {
  readonly kafka: KafkaAccess;
  readonly clientId: string;
  /** Called with a line about each retry and lost connection. */
  readonly onWarning?: (line: string) => void;
  /** A request without an answer for so long is repeated, ms; 30 s by default. */
  readonly answerWithinMs?: number;
  /** Ends the attempts to connect. */
  readonly signal?: AbortSignal;
}

/**
 * A client library as an idempotent producer: one file per library, and one line in `LIBRARIES`. `send` is never called
 * before the last one has settled.
 */
export interface ProducerLibrary {
  /** Appends one batch; resolves with the first offset and the stamp of every partition, by `partitionKey`. */
  send(batch: readonly Outgoing[], sentMs: number): Promise<ReadonlyMap<string, Appended>>;
  close(): Promise<void>;
}

/** Default of `answerWithinMs`, as the Java client has it. */
export const ANSWER_WITHIN_MS = 30_000;

/** Opens a producer of each library. Only the one in use is loaded: that takes up to half a second. */
const LIBRARIES: {
  readonly [K in KafkaClient]: (options: ProducerOptions) => Promise<ProducerLibrary>;
} = {
  async platformatic(options) {
    const { openPlatformatic } = await import('./kafka-producer-platformatic.ts');
    return openPlatformatic(options);
  },
  async kafkajs(options) {
    const { openKafkajs } = await import('./kafka-producer-kafkajs.ts');
    return openKafkajs(options);
  },
};

/** Name of one partition of a topic. */
export function partitionKey({ topic, partition }: Pick<Outgoing, 'topic' | 'partition'>): string {
  return `${topic}/${partition}`;
}

const javaPartitioner = Partitioners.DefaultPartitioner();

/**
 * The partition of a store's key by Kafka's default partitioner (murmur2), so that a consumer finds the
 * same distribution as in production.
 */
export function partitionOf(store: number, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 0,
    replicas: [],
    isr: [],
  }));
  return javaPartitioner({
    topic: '',
    partitionMetadata,
    message: { key: String(store), value: null },
  });
}

/**
 * Connects an idempotent producer (acks from all replicas). A second `send` before the first has settled throws: the
 * sequence numbers of overlapping batches would depend on which of them is retried.
 */
export async function openProducer(
  client: KafkaClient,
  options: ProducerOptions,
): Promise<BatchProducer> {
  const subject = `Kafka at ${options.kafka.brokers.join(', ')}`;
  await requireAcceptance(options.kafka, subject);
  const library = await LIBRARIES[client](options).catch((cause: unknown) => {
    throw stackBroke(`${subject} did not accept a producer: ${reason(cause)}`, undefined, cause);
  });
  let outstanding = false;
  const send = async (batch: readonly Outgoing[], sentMs: number) => {
    if (outstanding) throw new Error('a batch was handed over while another was in flight');
    outstanding = true;
    try {
      return appendResults(batch, await library.send(batch, sentMs));
    } catch (cause) {
      if (cause instanceof DoorbusterError) throw cause;
      throw stackBroke(
        `${subject} did not acknowledge a batch of ${batch.length} messages: ${reason(cause)}`,
        undefined,
        cause,
      );
    } finally {
      outstanding = false;
    }
  };
  const close = () => library.close();
  return { send, close, [Symbol.asyncDispose]: close };
}

/**
 * Throws DoorbusterError (exit 3) if a secured cluster refuses the client, or its certificate is not trusted: the libraries
 * repeat their attempts for minutes. Any other problem is left to them.
 */
async function requireAcceptance(kafka: KafkaAccess, subject: string): Promise<void> {
  if (kafka.security === undefined) return;
  const refusal = kafkaRefusal(await kafkaProblem(kafka));
  if (refusal !== null) throw stackBroke(`${subject} ${refusal.fact}`, refusal.hint);
}

/** Offsets of the messages: Kafka returns one base offset per topic and partition, and numbers them in the order sent. */
function appendResults(
  batch: readonly Outgoing[],
  bases: ReadonlyMap<string, Appended>,
): readonly Appended[] {
  const next = new Map<string, number>();
  return batch.map((message) => {
    const key = partitionKey(message);
    const base = bases.get(key);
    if (base === undefined) throw new Error(`no answer for ${key} in the produce response`);
    if (base.kafkaMs < 0) throw unstamped(message.topic);
    const offset = next.get(key) ?? base.offset;
    next.set(key, offset + 1);
    return { offset, kafkaMs: base.kafkaMs };
  });
}

/** The broker answers -1 for a topic whose messages keep the stamp of their producer. */
function unstamped(topic: string): DoorbusterError {
  return stackBroke(
    `topic ${topic} does not stamp its messages when it appends them`,
    `kafka-configs --alter --entity-type topics --entity-name ${topic} --add-config message.timestamp.type=LogAppendTime`,
  );
}

/** The innermost message: those around it say that something failed, in the words of the library. */
export function reason(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return reason(cause.errors[0]);
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? reason(cause.cause) : cause.message;
}
