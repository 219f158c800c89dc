import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { kafkaClient, openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { STREAMS } from '../../src/scenario/scenario.ts';
import { KafkaAlone } from './support/kafka-alone.ts';

const PARTITIONS = 3;
const signal = new AbortController().signal;
const names = new Set<string>(STREAMS);
const specs = STREAMS.map((name) => ({ name, partitions: PARTITIONS }));

let kafka: KafkaAlone;
beforeAll(async () => {
  kafka = await KafkaAlone.start();
});
afterAll(() => kafka?.[Symbol.asyncDispose]());

async function dropTopics(): Promise<void> {
  const admin = kafkaClient(kafka, 'test').admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [...STREAMS] });
  const left = async () => (await admin.listTopics()).some((topic) => names.has(topic));
  while (await left()) await clock.sleep(20);
  await admin.disconnect();
}

test('topics that are dropped and created again have all their leaders, time after time', async () => {
  for (let round = 0; round < 10; round++) {
    await using admin = await openKafkaAdmin(kafka);
    await admin.createTopics(specs, { clock, signal });
    for (const stream of STREAMS) {
      expect(await admin.logs(stream)).toEqual(
        Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, low: 0n, high: 0n })),
      );
    }
    await dropTopics();
  }
});

test('a topic that exists already is an error, and not a topic to use', async () => {
  await using admin = await openKafkaAdmin(kafka);
  await admin.createTopics([{ name: 'twice', partitions: 1 }], { clock, signal });
  const again = [...specs, { name: 'twice', partitions: 1 }];
  await expect(admin.createTopics(again, { clock, signal })).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/did not create .*: at least one exists already$/),
    hint: 'start a fresh stack, or drop the topics first',
  });
});

test('a topic that several ensure at once is there for each of them', async () => {
  const admins = await Promise.all(Array.from({ length: 4 }, () => openKafkaAdmin(kafka)));
  try {
    for (let round = 0; round < 20; round++) {
      const name = `shared-${round}`;
      await Promise.all(
        admins.map(async (admin) => {
          await admin.ensureTopic(name, { clock, signal });
          expect(await admin.logs(name)).toEqual([{ partition: 0, low: 0n, high: 0n }]);
        }),
      );
    }
  } finally {
    for (const admin of admins) await admin[Symbol.asyncDispose]();
  }
});

test('a broker that stops answering is given up on in time, by name of what is missing', async () => {
  await using admin = await openKafkaAdmin(kafka);
  kafka.pause();
  try {
    const topics = [{ name: 'late', partitions: 1 }];
    await expect(
      admin.createTopics(topics, { clock, signal, withinMs: 1_000 }),
    ).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/within 1 s: no leader for every partition of late$/),
    });
    const stop = new AbortController();
    const reason = new Error('Ctrl-C');
    setTimeout(() => stop.abort(reason), 200);
    await expect(admin.createTopics(topics, { clock, signal: stop.signal })).rejects.toBe(reason);
  } finally {
    kafka.resume();
  }
});

test('a group has members until they leave, and offsets from its first commit', async () => {
  await using admin = await openKafkaAdmin(kafka);
  await admin.createTopics([{ name: 'grouped', partitions: 1 }], { clock, signal });
  const consumer = kafkaClient(kafka, 'test').consumer({ groupId: 'some-group' });
  const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
  await consumer.connect();
  await consumer.subscribe({ topic: 'grouped' });
  await consumer.run({ eachMessage: async () => undefined });
  await joined;
  expect(await admin.hasMembers('some-')).toBe(true);
  expect(await admin.committed('some-group', 'grouped')).toEqual(new Map());
  await consumer.commitOffsets([{ topic: 'grouped', partition: 0, offset: '0' }]);
  expect(await admin.committed('some-group', 'grouped')).toEqual(new Map([[0, 0n]]));
  await consumer.disconnect();
  expect(await admin.hasMembers('some-')).toBe(false);
  expect(await admin.hasMembers('no-such-')).toBe(false);
});
