import { expect, test } from 'vitest';
import { shardOf } from './shard-options.ts';

test('a shard has a number, the number of shards, and the id of the load', () => {
  expect(shardOf({}, 10)).toBeUndefined();
  expect(shardOf({ shard: '2/8', load: 'friday' }, 8)).toEqual({
    share: { index: 1, of: 8 },
    load: 'friday',
  });
});

test.each([
  [{ shard: '2', load: 'friday' }, '--shard 2 is not NUMBER/TOTAL'],
  [{ shard: '0/4', load: 'friday' }, '--shard 0/4 is not NUMBER/TOTAL'],
  [{ shard: '5/4', load: 'friday' }, '--shard 5/4 is not NUMBER/TOTAL'],
  [{ shard: '1/9', load: 'friday' }, 'a store belongs to one shard, and the scenario has 8 stores'],
  [{ shard: '1/2' }, '--shard needs --load, the id by which the shards find each other'],
  [{ shard: '1/2', load: 'Black Friday' }, '--load Black Friday is not lower-case letters'],
  [{ load: 'friday' }, 'it needs --shard'],
])('%j is refused', (args, words) => {
  expect(() => shardOf(args, 8)).toThrow(expect.objectContaining({ exitCode: 2 }));
  expect(() => shardOf(args, 8)).toThrow(words);
});
