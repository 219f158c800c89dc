import { openKafkaAdmin } from '../../clients/kafka-admin.ts';
import { openProducer } from '../../clients/kafka-producer.ts';
import type { LoadTarget } from './target.ts';

/** Topics of a Kafka cluster, through an idempotent producer per thread. */
export const kafka: LoadTarget<'kafka'> = {
  kind: 'kafka',
  servers: ['kafka'],
  threads: true,
  address: ({ endpoints }) => ({ kind: 'kafka', access: endpoints.kafka }),
  async createTopics({ access }, topics, options) {
    await using admin = await openKafkaAdmin(access);
    await admin.createTopics(topics, options);
  },
  openProducer: ({ access }, { client, ...options }) =>
    openProducer(client, { kafka: access, ...options }),
  async logs({ access }, topics) {
    await using admin = await openKafkaAdmin(access);
    const logs = [];
    for (const topic of topics) logs.push([topic, await admin.logs(topic)] as const);
    return new Map(logs);
  },
};
