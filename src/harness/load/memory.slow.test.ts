import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { usedBytes } from '../../../test/support/memory.ts';
import { scenarioOf, storesOf } from '../../../test/support/retail.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import type { TapeEvent } from '../../generators/event.ts';
import { tapeOf } from '../../generators/tape.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { InProcessLog } from '../clients/in-process-log.ts';
import { ownNamespace, topicOf } from '../run-namespace.ts';
import { HEAD_START_MS, startLoad } from './load.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-memory-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** About 1,000 messages a second. */
const scenario = scenarioOf(
  'retail={stores: 50, skus: 400, assortment: 160, hours: flat}',
  'traffic.pos.receipts=4000/store/h',
  'traffic.wms={}',
  'traffic.inventory={preload: none}',
  'traffic.faults.duplicates={rate: 5%, delay: 300ms, delay_max: 5s}',
  'phases.only.for=10m',
);

const [EARLY_S, LATE_S] = [120, 480];

/** Bytes that the generators take more at the later time: work that lies in the stores, for hours. */
async function tapeGrowth(): Promise<number> {
  const tape = tapeOf(scenario, storesOf(scenario))[Symbol.iterator]();
  const at = async (seconds: number) => {
    for (let dueMs = 0; dueMs < seconds * 1_000; dueMs = (tape.next().value as TapeEvent).dueMs);
    return await usedBytes();
  };
  const early = await at(EARLY_S);
  return (await at(LATE_S)) - early;
}

/** The same of a whole load, and the messages that it sent in between. */
async function loadGrowth(
  earlyS: number,
  lateS: number,
): Promise<{ readonly bytes: number; readonly messages: number }> {
  using clock = new VirtualClock(Date.UTC(2026, 10, 27, 9));
  const log = new InProcessLog();
  const place = ownNamespace({ namespace: 'retail' });
  const { partitions } = scenario.stack;
  const topics = STREAMS.map((stream) => topicOf(place, stream));
  for (const topic of topics) log.create(topic, partitions);
  await using load = await startLoad({
    ...{ scenario, place, dir, clock, runId: 'memory' },
    target: { kind: 'in-process', log, clock },
    signal: new AbortController().signal,
  });
  await load.begin(clock.nowMs() + HEAD_START_MS);
  const at = async (seconds: number) => {
    await load.reached(seconds * 1_000);
    // The log is the server, which is not measured.
    for (const topic of topics) {
      for (const [part, size] of log.sizes(topic).entries()) log.release(topic, part, size);
    }
    return { bytes: await usedBytes(), messages: load.progress.acknowledged };
  };
  const early = await at(earlyS);
  const late = await at(lateS);
  return { bytes: late.bytes - early.bytes, messages: late.messages - early.messages };
}

test('a load takes no more memory than its tape when it lasts four times as long', async () => {
  // What earlier tests left in this process is freed at some time: not while it is measured.
  await loadGrowth(5, 60);
  const ofTape = await tapeGrowth();
  const { bytes, messages } = await loadGrowth(EARLY_S, LATE_S);
  expect(messages).toBeGreaterThan(250_000);
  // An id of each message would take 16 bytes or more.
  expect((bytes - ofTape) / messages).toBeLessThan(8);
});
