import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { TargetAddress } from '../../src/harness/load/targets/target.ts';
import { targetOf } from '../../src/harness/load/targets/targets.ts';
import { STREAMS } from '../../src/scenario/scenario.ts';

/** Contract of every load target. `prefix`: unique prefix of topics. */
export function targetContract(
  kind: string,
  given: () => { readonly address: TargetAddress; readonly prefix: string },
): void {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const options = () => ({ clock: systemClock, signal: new AbortController().signal });

  // A topic is that of a stream, after any prefix.
  const [stream] = STREAMS;

  describe(`the load target ${kind}`, () => {
    test('appends in order, and returns offset and time', async () => {
      const { address, prefix } = given();
      const target = targetOf(address);
      const topic = `${prefix}ordered_${stream}`;
      await target.createTopics(address, [{ name: topic, partitions: 2 }], options());
      await using producer = await target.openProducer(address, {
        ...{ client: 'platformatic', clientId: 'contract' },
      });
      const before = systemClock.nowMs();
      const record = (partition: number, text: string) => ({
        ...{ topic, partition, key: String(partition), value: bytes(text) },
      });
      const first = await producer.send([record(0, 'a'), record(1, 'b'), record(0, 'c')], before);
      expect(first.map(({ offset }) => offset)).toEqual([0, 0, 1]);
      const second = await producer.send([record(0, 'd')], before);
      expect(second.map(({ offset }) => offset)).toEqual([2]);
      for (const { kafkaMs } of [...first, ...second]) {
        expect(kafkaMs).toBeGreaterThanOrEqual(Math.floor(before));
        expect(kafkaMs).toBeLessThanOrEqual(systemClock.nowMs());
      }
      const held = (await target.logs(address, [topic])).get(topic);
      expect(held?.map(({ partition, low, high }) => [partition, Number(high - low)])).toEqual([
        [0, 3],
        [1, 1],
      ]);
    });

    test('refuses a topic that exists, and to count one that does not', async () => {
      const { address, prefix } = given();
      const target = targetOf(address);
      const topics = [{ name: `${prefix}once_${stream}`, partitions: 1 }];
      await target.createTopics(address, topics, options());
      await expect(target.createTopics(address, topics, options())).rejects.toThrow(/once/);
      await expect(target.logs(address, [`${prefix}never_${stream}`])).rejects.toThrow(/never/);
    });
  });
}
