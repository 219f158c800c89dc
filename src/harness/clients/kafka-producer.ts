import { connect } from 'node:net';
import { type ISocketFactory, Kafka, logLevel, Partitioners, type TopicMessages } from 'kafkajs';
import { DoorbusterError, stackBroke } from '../../core/errors.ts';
import { RETRY } from './kafka-admin.ts';

/** One message as it goes to Kafka. The partition is explicit: see `partitionOf`. */
interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array;
}

/** Where the broker put a message, and its append stamp (epoch ms; one per batch and partition). */
export interface Appended {
  readonly offset: number;
  readonly kafkaMs: number;
}

/** An idempotent producer that lets exactly one batch be on its way. Whoever opened it closes it. */
export interface BatchProducer extends AsyncDisposable {
  /**
   * Hands one batch over and resolves when every replica has it, with one answer per message in the
   * order given. Retries through lost connections; rejects with a DoorbusterError when it gave up.
   */
  send(batch: readonly Outgoing[], sentMs: number): Promise<readonly Appended[]>;
  close(): Promise<void>;
}

interface ProducerOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** What the client library has to say about retries and lost connections, one line each. */
  readonly onWarning?: (line: string) => void;
}

/**
 * kafkajs warns of a bound on retries: a producer that gave up may not go on. Ours never does; giving
 * up ends the run.
 */
const EXPECTED_WARNING = 'Limiting retries for the idempotent producer';

const javaPartitioner = Partitioners.DefaultPartitioner();

/**
 * The partition of a store's key as Kafka's own default partitioner has it (murmur2), so that a
 * consumer meets the layout it would meet in production.
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

/** Without it, the last small segment of a batch waits for the acknowledgement of the one before. */
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

/** One base offset per topic and partition came back: counts on from it, in the order sent. */
function answers(
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
    retry: RETRY,
    connectionTimeout: 5_000,
    socketFactory: noDelay,
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ log }) => {
        if (!log.message.startsWith(EXPECTED_WARNING)) options.onWarning?.(log.message);
      },
  });
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    retry: RETRY,
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
      return answers(batch, bases);
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
