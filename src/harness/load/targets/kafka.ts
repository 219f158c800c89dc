import { openKafkaAdmin } from '../../clients/kafka-admin.ts';
import { openProducer } from '../../clients/kafka-producer.ts';
import type { LoadTarget } from './target.ts';

/** Topics of a Kafka cluster, through an idempotent producer per thread. */
export const kafka: LoadTarget<'kafka'> = {
  kind: 'kafka',
  servers: ['kafka'],
  threads: true,
  address: ({ endpoints }) => ({ kind: 'kafka', brokers: endpoints.kafka.brokers }),
  async createTopics({ brokers }, topics, options) {
    await using admin = await openKafkaAdmin(brokers);
    await admin.createTopics(topics, options);
  },
  openProducer: ({ brokers }, { client, ...options }) =>
    openProducer(client, { brokers, ...options }),
  async logs({ brokers }, topics) {
    await using admin = await openKafkaAdmin(brokers);
    const logs = [];
    for (const topic of topics) logs.push([topic, await admin.logs(topic)] as const);
    return new Map(logs);
  },
};
