import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ISocketFactory, Kafka, logLevel, type TopicMessages } from 'kafkajs';
import { grouped } from '../../core/grouped.ts';
import { RETRY_LIMITS } from './kafka-admin.ts';
import {
  ANSWER_WITHIN_MS,
  type Appended,
  type Outgoing,
  type ProducerLibrary,
  type ProducerOptions,
  partitionKey,
} from './kafka-producer.ts';
import { kafkajsSecurity } from './kafka-security.ts';

/**
 * kafkajs warns about limited retries, because a producer must not continue after it gave up. Here giving
 * up ends the run.
 */
const IGNORED_WARNING = 'Limiting retries for the idempotent producer';

/** Opens sockets that send at once, and reports those that the broker closes. */
function socketsThat(onClosedByBroker: () => void): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? connectTls({ host, port, ...name, ...ssl }, onConnect)
      : connect({ host, port }, onConnect);
    // Otherwise the last small segment of a batch waits for the acknowledgement of the previous one.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    // kafkajs logs errors of connections, and not their end: what it repeats after one would go unnoticed. First of the
    // listeners, because another one ends the own side.
    socket.prependOnceListener('end', () => {
      if (!socket.writableEnded) onClosedByBroker();
    });
    return socket;
  };
}

function topicMessages(batch: readonly Outgoing[], sentMs: number): TopicMessages[] {
  const headers = { sent_ms: String(sentMs) };
  return [...grouped(batch, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    messages: own.map(({ partition, key, value }) => ({
      ...{ key, partition, headers },
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    })),
  }));
}

/**
 * A producer of kafkajs. Its idempotence breaks when sends overlap: after an error it rolls its sequence back and the
 * next queued batch reuses the numbers.
 */
export async function openKafkajs(options: ProducerOptions): Promise<ProducerLibrary> {
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: [...options.kafka.brokers],
    ...kafkajsSecurity(options.kafka),
    retry: RETRY_LIMITS,
    connectionTimeout: 5_000,
    requestTimeout: options.answerWithinMs ?? ANSWER_WITHIN_MS,
    socketFactory: socketsThat(() => options.onWarning?.('the broker has closed a connection')),
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
  await producer.connect();
  return {
    async send(batch, sentMs) {
      const response = await producer.sendBatch({
        acks: -1,
        topicMessages: topicMessages(batch, sentMs),
      });
      return new Map<string, Appended>(
        response.map(({ topicName, partition, baseOffset, logAppendTime }) => [
          partitionKey({ topic: topicName, partition }),
          { offset: Number(baseOffset), kafkaMs: Number(logAppendTime) },
        ]),
      );
    },
    close: () => producer.disconnect(),
  };
}
