import type { BatchProducer } from '../../clients/kafka-producer.ts';
import { inProcessOf } from '../../stack/in-process.ts';
import type { LoadTarget } from './target.ts';

/** Topics of a log in this process. Sending a record appends and acknowledges it at once. */
export const inProcess: LoadTarget<'in-process'> = {
  kind: 'in-process',
  servers: [],
  threads: false,
  address(stack) {
    const { log, clock } = inProcessOf(stack);
    return { kind: 'in-process', log, clock };
  },
  async createTopics({ log }, topics) {
    for (const { name, partitions } of topics) log.create(name, partitions);
  },
  async openProducer({ log, clock }): Promise<BatchProducer> {
    const close = async () => {};
    return {
      async send(batch) {
        const kafkaMs = clock.nowMs();
        return batch.map(({ topic, partition, value }) => ({
          offset: log.append(topic, partition, { value, appendedMs: kafkaMs }),
          kafkaMs,
        }));
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  },
  async logs({ log }, topics) {
    return new Map(
      topics.map((topic) => [
        topic,
        log.sizes(topic).map((size, partition) => ({ partition, low: 0n, high: BigInt(size) })),
      ]),
    );
  },
};
