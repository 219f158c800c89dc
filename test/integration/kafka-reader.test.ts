import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { kafkaClient } from '../../src/harness/clients/kafka-admin.ts';
import { KafkaReader } from '../../src/harness/clients/kafka-reader.ts';
import { topicOf } from '../../src/harness/run-namespace.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { clearNamespace, joinSharedStack, testNamespace } from '../support/shared-stack.ts';

let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

test('a reader that has waited reads at once what is due, and ends at once', async () => {
  const { kafka } = on.stack.endpoints;
  const place = testNamespace('reader');
  const topic = topicOf(place, 'pos');
  const client = kafkaClient(kafka, 'test');
  const [admin, producer] = [client.admin(), client.producer({ idempotent: true })];
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    const taken: string[] = [];
    let failed: Error | null = null;
    const reader = await KafkaReader.open({
      ...{ kafka, groupId: `${place.topicPrefix}reader`, topics: [topic], from: {} },
      reads: () => true,
      take: async ({ records }) => {
        taken.push(...records.map(({ value }) => String(value)));
      },
      fail: (error) => {
        failed = error;
      },
    });
    const tookMs: number[] = [];
    for (const value of ['a', 'b', 'c']) {
      // The longest wait of the client, begun as the last read ended, must not be what the next read waits for.
      await clock.sleep(1_000);
      await producer.send({ topic, acks: -1, messages: [{ value, partition: 0 }] });
      const startedMs = clock.monotonicMs();
      await reader.readToEnd();
      tookMs.push(clock.monotonicMs() - startedMs);
    }
    const closingMs = clock.monotonicMs();
    await reader.close();
    tookMs.push(clock.monotonicMs() - closingMs);
    expect([taken, failed]).toEqual([['a', 'b', 'c'], null]);
    // By the client's defaults each takes up to 5 s. The first one joins its group as well.
    expect(Math.min(...tookMs.slice(1, 3))).toBeLessThan(1_500);
    expect(tookMs[3]).toBeLessThan(1_500);
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    await clearNamespace(place, on.stack);
  }
});
