import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { Endpoints } from '../../src/harness/clients/endpoints.ts';
import { openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { joinShards, type ShardCoordinator } from '../../src/harness/sharding/shard-coordinator.ts';
import { KafkaAlone } from './support/kafka-alone.ts';

const { signal } = new AbortController();
let kafka: KafkaAlone;
beforeAll(async () => {
  kafka = await KafkaAlone.start();
});
afterAll(() => kafka?.[Symbol.asyncDispose]());

/** Shard `index` of two comes to the meeting of a load. */
function come(load: string, index: number): Promise<ShardCoordinator> {
  const endpoints = { kafka: { brokers: kafka.brokers } } as Endpoints;
  const place = { apart: true, topicPrefix: `t_${load}_`, namespace: `t_${load}_retail` } as const;
  return joinShards(
    { share: { index, of: 2 }, load },
    { stack: { endpoints }, place, clock, signal },
  );
}

test('shards receive all messages of the others, including those before they joined', async () => {
  await using leader = await come('first', 0);
  await leader.publish({ kind: 'deployed', hash: 'h', threads: 1 });
  await using other = await come('first', 1);
  const deployed = new Promise((resolve) =>
    other.subscribe((message) => message.kind === 'deployed' && resolve(message)),
  );
  expect(await deployed).toEqual({ kind: 'deployed', hash: 'h', threads: 1 });
});

test('a second one of the same number is refused, and the first one hears on', async () => {
  await using leader = await come('second', 0);
  await expect(come('second', 0)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(
      /^shard 1 of the load second exists already, last message \d+ s ago/,
    ),
    hint: expect.stringContaining('--load second_2'),
  });
  await using other = await come('second', 1);
  const here = new Promise((resolve) =>
    leader.subscribe((message) => message.kind === 'here' && resolve(message)),
  );
  await other.publish({ kind: 'here', from: 1, hash: 'h' });
  expect(await here).toEqual({ kind: 'here', from: 1, hash: 'h' });
});

test('one that was killed has been there too, until its topic is removed', async () => {
  await using _killed = await come('third', 0);
  await expect(come('third', 0)).rejects.toThrow('running, or killed');
  {
    await using admin = await openKafkaAdmin(kafka);
    await admin.removeAll('t_third_');
  }
  await using _next = await come('third', 0);
});
