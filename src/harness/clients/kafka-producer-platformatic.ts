import {
  Base,
  type Broker,
  type Callback,
  type Connection,
  GenericError,
  initProducerIdV4,
  kGetBootstrapConnection,
  kGetConnection,
  type MessageRecord,
  NetworkError,
  NumericMap,
  ProduceAcks,
  produceV9,
  ResponseError,
  TimeoutError,
} from '@platformatic/kafka';
import { systemClock } from '../../core/clock.ts';
import { grouped } from '../../core/grouped.ts';
import { RETRY_LIMITS } from './kafka-admin.ts';
import {
  ANSWER_WITHIN_MS,
  type Appended,
  type Outgoing,
  type ProducerLibrary,
  type ProducerOptions,
  partitionKey,
  reason,
} from './kafka-producer.ts';
import { platformaticSecurity } from './kafka-security.ts';

/** As with kafkajs, ms. */
const [CONNECT_WITHIN_MS, METADATA_AGE_MS] = [5_000, 300_000] as const;
const SENT_MS = Buffer.from('sent_ms');
/** Sequence numbers have 31 bits, and 0 follows the last. */
const SEQUENCES = 2 ** 31;

type ProduceResponse = produceV9.ProduceResponse;

interface ProducerId {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export async function openPlatformatic(options: ProducerOptions): Promise<ProducerLibrary> {
  const producer = new PlatformaticProducer(options);
  await producer.open(options.signal);
  return producer;
}

/**
 * An idempotent producer on the connections, metadata and encoding of @platformatic/kafka. The library's own `Producer`
 * does not return the broker's stamp, does not retry a request without an answer, and repeats a request for a partition
 * that has moved to the same broker. Here a batch is repeated as it is, with the same sequence numbers, until every
 * partition has answered: a broker that has appended it says where.
 */
class PlatformaticProducer implements ProducerLibrary {
  readonly #base: Base;
  readonly #warn: (line: string) => void;
  readonly #sequences = new NumericMap();
  readonly #keys = new Map<string, Buffer>();
  #id: ProducerId = { producerId: -1n, producerEpoch: -1 };
  #closed = false;

  constructor({ kafka, clientId, onWarning, answerWithinMs }: ProducerOptions) {
    this.#warn = onWarning ?? (() => undefined);
    this.#base = new Base({
      clientId,
      bootstrapBrokers: [...kafka.brokers],
      ...platformaticSecurity(kafka),
      connectTimeout: CONNECT_WITHIN_MS,
      requestTimeout: answerWithinMs ?? ANSWER_WITHIN_MS,
      metadataMaxAge: METADATA_AGE_MS,
      // Retried here.
      retries: 0,
    });
  }

  async open(signal?: AbortSignal): Promise<void> {
    await this.#retried(async () => {
      try {
        this.#id = await this.#newId();
        return [];
      } catch (error) {
        return [error];
      }
    }, signal);
  }

  async send(batch: readonly Outgoing[], sentMs: number): Promise<ReadonlyMap<string, Appended>> {
    const appended = new Map<string, Appended>();
    let waiting = this.#records(batch, sentMs);
    await this.#retried(async () => {
      const errors = await this.#produce(waiting, appended);
      if (errors.length > 0) waiting = waiting.filter((one) => !appended.has(keyOf(one)));
      return errors;
    });
    for (const one of batch) {
      const key = sequenceKey(one);
      this.#sequences.set(key, (this.#sequences.getWithDefault(key, 0) + 1) % SEQUENCES);
    }
    return appended;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#base.close();
  }

  /** Attempts it until it has no errors; throws the first one that no repetition can mend. */
  async #retried(attempt: () => Promise<readonly unknown[]>, signal?: AbortSignal): Promise<void> {
    const { initialRetryTime, maxRetryTime, retries } = RETRY_LIMITS;
    for (let retry = 0; ; retry++) {
      const errors = await attempt();
      if (errors.length === 0) return;
      const fatal = errors.find((error) => !canRetry(error));
      if (fatal !== undefined || retry === retries) throw fatal ?? errors[0];
      // A connection whose request timed out misreads the late answer.
      if (errors.some(isTimeout)) {
        for (const [, connection] of this.#base.connections) connection.socket?.destroy();
      }
      this.#base.clearMetadata();
      const waitMs = Math.min(initialRetryTime * 2 ** retry, maxRetryTime);
      this.#warn(`${reason(errors[0])}: retry ${retry + 1} in ${waitMs} ms`);
      await systemClock.sleep(waitMs, signal);
      if (this.#closed) throw errors[0];
    }
  }

  /** Sends the messages to the leaders of their partitions; adds what was appended and returns the errors. */
  async #produce(
    records: readonly MessageRecord[],
    appended: Map<string, Appended>,
  ): Promise<readonly unknown[]> {
    const sent = await this.#sendToLeaders(records).catch((error: unknown) => [
      { status: 'rejected' as const, reason: error },
    ]);
    const errors: unknown[] = [];
    for (const outcome of sent) {
      if (outcome.status === 'rejected') errors.push(outcome.reason);
      const answer = outcome.status === 'fulfilled' ? outcome.value : answerIn(outcome.reason);
      for (const [key, one] of appendedBy(answer)) appended.set(key, one);
    }
    return errors;
  }

  async #sendToLeaders(
    records: readonly MessageRecord[],
  ): Promise<readonly PromiseSettledResult<ProduceResponse>[]> {
    const topics = [...new Set(records.map(({ topic }) => topic))];
    const metadata = await this.#base.metadata({ topics });
    const groups = grouped(
      records,
      ({ topic, partition }) =>
        metadata.topics.get(topic)?.partitions[partition as number]?.leader ?? -1,
    );
    return Promise.allSettled(
      [...groups].map(([leader, group]) => this.#request(metadata.brokers.get(leader), group)),
    );
  }

  async #request(broker: Broker | undefined, group: MessageRecord[]): Promise<ProduceResponse> {
    if (broker === undefined) {
      throw new NetworkError(`no leader of ${keyOf(group[0] as MessageRecord)}`);
    }
    const connection = await called<Connection>((done) => this.#base[kGetConnection](broker, done));
    // From version 10 on an answer may name the new leader of a partition, which the library cannot read.
    const answer = await produceV9.api.async(connection, ProduceAcks.ALL, ANSWER_WITHIN_MS, group, {
      ...this.#id,
      sequences: this.#sequences,
    });
    return answer as ProduceResponse;
  }

  async #newId(): Promise<ProducerId> {
    const connection = await called<Connection>((done) =>
      this.#base[kGetBootstrapConnection](done),
    );
    const init = initProducerIdV4.api;
    const { producerId, producerEpoch } = await init.async(connection, null, 0, -1n, -1);
    return { producerId, producerEpoch };
  }

  #records(batch: readonly Outgoing[], sentMs: number): readonly MessageRecord[] {
    const headers = new Map([[SENT_MS, Buffer.from(String(sentMs))]]);
    // Only a topic that does not stamp its messages keeps it.
    const timestamp = BigInt(Math.round(sentMs));
    return batch.map(({ topic, partition, key, value }) => ({
      ...{ topic, partition, headers, timestamp },
      key: this.#keyBytes(key),
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    }));
  }

  #keyBytes(key: string): Buffer {
    let bytes = this.#keys.get(key);
    if (bytes === undefined) {
      bytes = Buffer.from(key);
      this.#keys.set(key, bytes);
    }
    return bytes;
  }
}

const keyOf = ({ topic, partition }: MessageRecord) =>
  partitionKey({ topic, partition: partition as number });

/** The name of a partition in the library's map of sequence numbers. */
const sequenceKey = ({ topic, partition }: Outgoing) => `${topic}:${partition}`;

function* appendedBy(answer: ProduceResponse | undefined): Generator<[string, Appended]> {
  for (const { name: topic, partitionResponses } of answer?.responses ?? []) {
    for (const { index: partition, errorCode, baseOffset, logAppendTimeMs } of partitionResponses) {
      if (errorCode !== 0) continue;
      const one = { offset: Number(baseOffset), kafkaMs: Number(logAppendTimeMs) };
      yield [partitionKey({ topic, partition }), one];
    }
  }
}

/** The answer of a broker that has refused some of the partitions. */
function answerIn(error: unknown): ProduceResponse | undefined {
  return error instanceof ResponseError
    ? (error as ResponseError & { readonly response?: ProduceResponse }).response
    : undefined;
}

/** An error as the single errors that it consists of. */
function singleErrors(error: unknown): readonly unknown[] {
  return error instanceof AggregateError ? error.errors.flatMap(singleErrors) : [error];
}

const isTimeout = (error: unknown) =>
  singleErrors(error).some((one) => one instanceof TimeoutError);

/** The library declares that a time-out must not be repeated; with the same sequence numbers it may. */
function canRetry(error: unknown): boolean {
  return singleErrors(error).every(
    (one) =>
      one instanceof TimeoutError ||
      (one instanceof GenericError && (one as { readonly canRetry?: boolean }).canRetry !== false),
  );
}

function called<T>(work: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    work((error, value) => (error === null ? resolve(value as T) : reject(error))),
  );
}
