import { expect, test } from 'vitest';
import { partitionOf } from './kafka-producer.ts';

/** murmur2 of these keys as Kafka's own UtilsTest has them; its partitioner clears the sign bit. */
test('a store lies where the default partitioner of a Java producer puts it', () => {
  expect(partitionOf(21, 1_000)).toBe((-973_932_308 & 0x7fffffff) % 1_000);
});

test('stores spread over every partition', () => {
  const stores = Array.from({ length: 200 }, (_, i) => i + 1);
  const parts = stores.map((store) => partitionOf(store, 8));
  expect(new Set(parts)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
});
