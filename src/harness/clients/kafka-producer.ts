import { connect } from 'node:net';
import { type ISocketFactory, Kafka, logLevel, Partitioners, type TopicMessages } from 'kafkajs';
import { DoorbusterError, stackBroke } from '../../core/errors.ts';
import { RETRY_LIMITS } from './kafka-admin.ts';

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

interface ProducerOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Called with each line of the client library about retries and lost connections. */
  readonly onWarning?: (line: string) => void;
}

/**
 * kafkajs warns about limited retries, because a producer must not continue after it gave up. Here giving
 * up ends the run.
 */
const IGNORED_WARNING = 'Limiting retries for the idempotent producer';

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

/** Without noDelay, the last small segment of a batch waits for the acknowledgement of the previous one. */
const noDelay: ISocketFactory = ({ host, port, onConnect }) => {
  const socket = connect({ host, port, noDelay: true }, onConnect);
  socket.setKeepAlive(true, 60_000);
  return socket;
};

function grouped(batch: readonly Outgoing[], sentMs: number): TopicMessages[] {
  const groups = new Map<string, TopicMessages>();
  const headers = { sent_ms: String(sentMs) };
  for (const { topic, partition, key, value } of batch) {
    let group = groups.get(topic);
    if (group === undefined) {
      group = { topic, messages: [] };
      groups.set(topic, group);
    }
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    group.messages.push({ key, value: bytes, partition, headers });
  }
  return [...groups.values()];
}

/** Offsets of the messages: Kafka returns one base offset per topic and partition, and numbers them in the order sent. */
function appendResults(
  batch: readonly Outgoing[],
  bases: ReadonlyMap<string, { offset: number; kafkaMs: number }>,
): readonly Appended[] {
  const next = new Map<string, number>();
  return batch.map(({ topic, partition }) => {
    const key = `${topic}/${partition}`;
    const base = bases.get(key);
    if (base === undefined) throw new Error(`no answer for ${key} in the produce response`);
    const offset = next.get(key) ?? base.offset;
    next.set(key, offset + 1);
    return { offset, kafkaMs: base.kafkaMs };
  });
}

/**
 * Connects an idempotent producer (acks from all replicas). kafkajs's idempotence breaks when sends
 * overlap: after an error it rolls its sequence back and the next queued batch reuses the numbers.
 * So a second `send` before the first has settled throws.
 */
export async function openProducer(options: ProducerOptions): Promise<BatchProducer> {
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    retry: RETRY_LIMITS,
    connectionTimeout: 5_000,
    socketFactory: noDelay,
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ log }) => {
        if (!log.message.startsWith(IGNORED_WARNING)) options.onWarning?.(log.message);
      },
  });
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    retry: RETRY_LIMITS,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition as number,
  });
  const subject = `Kafka at ${options.brokers.join(', ')}`;
  await producer.connect().catch((cause: unknown) => {
    throw stackBroke(`${subject} did not accept a producer: ${reason(cause)}`, undefined, cause);
  });

  let outstanding = false;
  const send = async (batch: readonly Outgoing[], sentMs: number) => {
    if (outstanding) throw new Error('a batch was handed over while another was in flight');
    outstanding = true;
    try {
      const response = await producer.sendBatch({
        acks: -1,
        topicMessages: grouped(batch, sentMs),
      });
      const bases = new Map<string, { offset: number; kafkaMs: number }>();
      for (const { topicName, partition, baseOffset, logAppendTime } of response) {
        const kafkaMs = Number(logAppendTime);
        if (kafkaMs < 0) {
          throw stackBroke(
            `topic ${topicName} does not stamp its messages when it appends them`,
            `kafka-configs --alter --entity-type topics --entity-name ${topicName} --add-config message.timestamp.type=LogAppendTime`,
          );
        }
        bases.set(`${topicName}/${partition}`, { offset: Number(baseOffset), kafkaMs });
      }
      return appendResults(batch, bases);
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
  const close = () => producer.disconnect();
  return { send, close, [Symbol.asyncDispose]: close };
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
