import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import {
  type Appended,
  type BatchProducer,
  type Outgoing,
  openProducer,
} from '../../src/harness/clients/kafka-producer.ts';
import type { KafkaClient } from '../../src/scenario/scenario.ts';
import type { KafkaAlone } from '../integration/support/kafka-alone.ts';
import { readTopics } from '../integration/support/read-topics.ts';

const PARTITIONS = 3;
const TOPICS = ['pos', 'inventory'] as const;
const BATCH = 60;

/** Contract of a client library, on a real broker behind a proxy: nothing lost, nothing doubled, in order. */
export function producerContract(client: KafkaClient, given: () => KafkaAlone): void {
  let warnings: string[];
  const open = (answerWithinMs?: number) =>
    openProducer(client, {
      kafka: { brokers: given().brokers },
      clientId: 'contract',
      onWarning: (line) => warnings.push(line),
      ...(answerWithinMs === undefined ? {} : { answerWithinMs }),
    });

  describe(`the producer of ${client}`, () => {
    beforeEach(async () => {
      warnings = [];
      await given().freshTopics(PARTITIONS);
    });

    test('returns the offset and the stamp of every message, in the order of the batch', async () => {
      await using producer = await open();
      const sent = await sendBatches(producer, 3);
      await expectExactly(given(), sent);
    });

    test('a second batch before the first is acknowledged throws', async () => {
      await using producer = await open();
      const first = producer.send(batchOf(0), systemClock.nowMs());
      await expect(producer.send(batchOf(1), systemClock.nowMs())).rejects.toThrow('in flight');
      expect(await first).toHaveLength(BATCH);
    });

    test('appends once what it repeats because an answer was lost', async () => {
      await using producer = await open();
      const before = given().proxy.lost;
      const sent = await sendBatches(producer, 12, (batch) => {
        if (batch % 3 === 1) given().proxy.loseAnswers(1 + (batch % 2));
      });
      expect(given().proxy.lost - before).toBe(6);
      await expectExactly(given(), sent);
      expect(warnings).not.toEqual([]);
    });

    test('appends once though connections are cut at any moment', async () => {
      await using producer = await open();
      const over = new AbortController();
      const cutting = (async () => {
        for (let waitMs = 3; !over.signal.aborted; waitMs = 3 + ((waitMs * 7) % 41)) {
          await systemClock.sleep(waitMs);
          given().proxy.cutAll();
          // Longer than the first pause before a retry, so that some attempts succeed.
          await systemClock.sleep(260);
        }
      })();
      // A cut between two batches passes unnoticed: on until one hit a batch on its way.
      const struck = (batch: number) => batch >= 150 && (warnings.length > 0 || batch >= 3_000);
      const sent = await sendBatches(producer, struck, () => systemClock.sleep(5));
      over.abort();
      await cutting;
      await expectExactly(given(), sent);
      expect(warnings).not.toEqual([]);
    });

    test('waits for a broker that is paused, beyond the time-out of a request', async () => {
      await using producer = await open(1_000);
      const sent = await sendBatches(producer, 6, async (batch) => {
        if (batch !== 3) return;
        given().pause();
        setTimeout(() => given().resume(), 3_500);
      });
      await expectExactly(given(), sent);
    });

    test('a topic without LogAppendTime is an error with the next command', async () => {
      await given().freshTopics(PARTITIONS, 'CreateTime');
      await using producer = await open();
      await expect(producer.send(batchOf(0), systemClock.nowMs())).rejects.toMatchObject({
        message: expect.stringMatching(/^topic (pos|inventory) does not stamp its messages/),
        hint: expect.stringContaining('message.timestamp.type=LogAppendTime'),
      });
    });
  });
}

interface SentBatch {
  readonly batch: readonly Outgoing[];
  readonly sentMs: number;
  readonly appended: readonly Appended[];
}

/** A batch on every partition of both topics, each message with a text of its own. */
function batchOf(number: number): readonly Outgoing[] {
  return Array.from({ length: BATCH }, (_, i) => ({
    topic: TOPICS[i % TOPICS.length] as string,
    partition: (i >> 1) % PARTITIONS,
    key: String(i % 7),
    value: Buffer.from(`batch ${number}, message ${i}, ${'é'.repeat(i)}`),
  }));
}

async function sendBatches(
  producer: BatchProducer,
  until: number | ((batch: number) => boolean),
  before: (batch: number) => unknown = () => {},
): Promise<readonly SentBatch[]> {
  const sent: SentBatch[] = [];
  const over = typeof until === 'number' ? (batch: number) => batch >= until : until;
  for (let number = 0; !over(number); number++) {
    await before(number);
    const batch = batchOf(number);
    const sentMs = systemClock.nowMs();
    sent.push({ batch, sentMs, appended: await producer.send(batch, sentMs) });
  }
  return sent;
}

/** The broker has these messages and no others, at the offsets and with the stamps that the producer returned. */
async function expectExactly(kafka: KafkaAlone, sent: readonly SentBatch[]): Promise<void> {
  const wanted = sent.flatMap(({ batch, sentMs, appended }) =>
    batch.map(({ topic, partition, key, value }, i) => ({
      ...{ topic, part: partition, key, sentMs, ...(appended[i] as Appended) },
      text: Buffer.from(value).toString(),
    })),
  );
  const consumed = await readTopics(kafka);
  expect(consumed.map(({ value, ...rest }) => ({ ...rest, text: value.toString() }))).toEqual(
    wanted.sort((a, b) => a.topic.localeCompare(b.topic) || a.part - b.part || a.offset - b.offset),
  );
  for (const [topic, part] of TOPICS.flatMap((name) => [0, 1, 2].map((n) => [name, n] as const))) {
    const order = sent.flatMap(({ batch }) =>
      batch.filter((one) => one.topic === topic && one.partition === part),
    );
    const lane = consumed.filter((one) => one.topic === topic && one.part === part);
    expect(lane.map(({ value }) => value.toString())).toEqual(
      order.map(({ value }) => Buffer.from(value).toString()),
    );
  }
}
