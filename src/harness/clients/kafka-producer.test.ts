import { expect, test } from 'vitest';
import { openProducer, partitionOf } from './kafka-producer.ts';

/** murmur2 of these keys as Kafka's own UtilsTest has them; its partitioner clears the sign bit. */
test('a store lies where the default partitioner of a Java producer puts it', () => {
  expect(partitionOf(21, 1_000)).toBe((-973_932_308 & 0x7fffffff) % 1_000);
});

test('stores spread over every partition', () => {
  const stores = Array.from({ length: 200 }, (_, i) => i + 1);
  const parts = stores.map((store) => partitionOf(store, 8));
  expect(new Set(parts)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
});

test('an abort ends the attempts to connect, which otherwise go on for minutes', async () => {
  const stop = new AbortController();
  const refused: string[] = [];
  const opened = openProducer('platformatic', {
    // A port on which nothing listens.
    ...{ kafka: { brokers: ['127.0.0.1:1'] }, clientId: 'test', signal: stop.signal },
    onWarning(line) {
      refused.push(line);
      if (refused.length === 2) stop.abort(new Error('the run was ended'));
    },
  });
  await expect(opened).rejects.toThrow(/did not accept a producer: the run was ended/);
  expect(refused).toHaveLength(2);
});
