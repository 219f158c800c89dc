import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { encode } from '../../src/generators/encode.ts';
import type { TapeEvent } from '../../src/generators/event.ts';
import { preloadOf, tapeOf } from '../../src/generators/tape.ts';
import { partitionOf } from '../../src/harness/clients/kafka-producer.ts';
import { type Facts, openFacts } from '../../src/harness/facts.ts';
import { ingestFacts } from '../../src/harness/load/ingest-facts.ts';
import {
  type Load,
  type LoadOptions,
  type LoadResult,
  startLoad,
} from '../../src/harness/load/load.ts';
import { appendedCounts, appendedLogs } from '../../src/harness/truth/appended.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { STREAMS } from '../../src/scenario/scenario.ts';
import { PLAIN_NAMESPACE } from '../support/run-namespace.ts';
import { KafkaAlone } from './support/kafka-alone.ts';
import { type Consumed, readTopics } from './support/read-topics.ts';

const PARTITIONS = 3;
const { scenario } = parseScenario(
  `
name: load
seed: 7
retail: { stores: 10, skus: 40, assortment: 30, hours: flat }
traffic:
  pos: { receipts: 9000/store/h }
  wms: {}
  cart: { sessions: 20/s }
  loyalty: { members: 1000 }
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 4%, delay: 200ms }
    malformed: { rate: 2% }
pipeline: { use: cdc-upsert }
stack: { partitions: ${PARTITIONS} }
phases:
  - { name: all, for: 60s, load: 1x }
`,
  { file: 'load.yaml' },
);
const stores = Array.from({ length: scenario.retail.stores }, (_, i) => i + 1);

let dir: string;
let kafka: KafkaAlone;
let facts: Facts;
beforeAll(async () => {
  kafka = await KafkaAlone.start();
});
afterAll(() => kafka?.[Symbol.asyncDispose]());
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-load-'));
  facts = await openFacts();
  await kafka.freshTopics(PARTITIONS);
});
afterEach(async () => {
  await facts.close();
  rmSync(dir, { recursive: true });
});

function start(more: Partial<LoadOptions> = {}): Promise<Load> {
  return startLoad({
    scenario,
    target: { kind: 'kafka', access: kafka },
    place: PLAIN_NAMESPACE,
    workers: 2,
    dir,
    runId: 'r1',
    clock: systemClock,
    signal: new AbortController().signal,
    ...more,
  });
}

async function ingest(result: LoadResult): Promise<void> {
  expect(await ingestFacts(facts, result)).toEqual([]);
}

async function count(condition: string): Promise<number> {
  const [row] = await facts.rows<{ n: number }>(
    `SELECT count(*)::BIGINT AS n FROM events WHERE ${condition}`,
  );
  return row?.n ?? -1;
}

const tapeBefore = (cutMs: number): TapeEvent[] => {
  const events: TapeEvent[] = [];
  for (const event of tapeOf(scenario, stores)) {
    if (event.dueMs >= cutMs) return events;
    events.push(event);
  }
  return events;
};

/** Values by stream and store, in order. */
function lanes(
  messages: readonly { readonly lane: string; readonly value: Uint8Array }[],
): Readonly<Record<string, readonly string[]>> {
  const lanes: Record<string, string[]> = {};
  for (const { lane, value } of messages) {
    lanes[lane] ??= [];
    lanes[lane].push(Buffer.from(value).toString('latin1'));
  }
  return lanes;
}

const consumedLanes = (consumed: readonly Consumed[]) =>
  lanes(consumed.map(({ topic, key, value }) => ({ lane: `${topic}/${key}`, value })));

/** What was handed over and answered, as the broker hands it out: place, stamps and size. */
async function factsAgreeWith(consumed: readonly Consumed[]): Promise<void> {
  const rows = await facts.rows(`
    SELECT stream, part, kafka_offset, store_id, kafka_ms, sent_ms, bytes FROM events
    WHERE acked_ms IS NOT NULL ORDER BY stream, part, kafka_offset`);
  expect(rows).toEqual(
    consumed.map((message) => ({
      stream: message.topic,
      part: message.part,
      kafka_offset: message.offset,
      store_id: Number(message.key),
      kafka_ms: message.kafkaMs,
      sent_ms: message.sentMs,
      bytes: message.value.byteLength,
    })),
  );
}

test('the tape arrives byte for byte and in order, though answers get lost and the load is cut', async () => {
  await using load = await start();
  await load.preload();
  const preloaded = await readTopics(kafka);
  const t0Ms = systemClock.nowMs() + 1_000;
  await load.begin(t0Ms);
  const stopped = load.stopAt(9_000);
  const canaries = [];
  for (const atMs of [1_500, 3_000, 4_500]) {
    await systemClock.sleep(t0Ms + atMs - systemClock.nowMs());
    kafka.proxy.loseAnswers(2);
    canaries.push(await load.canary(t0Ms + atMs));
  }
  const askedMs = systemClock.nowMs();
  const first = await load.markers(0);
  const cutMs = await stopped;
  const last = await load.markers(1);
  const result = await load.finish();
  expect(load.broken.aborted).toBe(false);
  expect(kafka.proxy.lost).toBe(6);
  await ingest(result);
  const consumed = await readTopics(kafka);

  // The opening stock was all there before the load began.
  const stock = [...preloadOf(scenario, stores)];
  expect(preloaded).toHaveLength(stock.length);
  const [opening] = await facts.rows<{ due_ms: number; event_id: string }>(
    `SELECT due_ms, event_id FROM events WHERE role = 'preload' LIMIT 1`,
  );
  const like = stock.find(({ id }) => id === opening?.event_id) as TapeEvent;
  const stockT0Ms = (opening?.due_ms as number) - like.dueMs;

  // No loss, no duplicate, no reorder, and nothing due at or after the cut.
  expect(cutMs).toBe(9_000);
  const tape = tapeBefore(cutMs);
  expect(tape.length).toBeGreaterThan(500);
  const wanted = [
    ...stock.map((event) => ({ event, value: encode(event, stockT0Ms) })),
    ...tape.map((event) => ({ event, value: encode(event, t0Ms) })),
  ].map(({ event, value }) => ({ lane: `${event.stream}/${event.store}`, value }));
  const ours = new Set([...first, ...last].flatMap(({ good, bad }) => [good, bad]));
  const marks = [...ours, ...canaries].map((mark) => `${mark.stream}/${mark.part}/${mark.offset}`);
  const theirs = consumed.filter((m) => !marks.includes(`${m.topic}/${m.part}/${m.offset}`));
  expect(theirs).toHaveLength(consumed.length - marks.length);
  expect(consumedLanes(theirs)).toEqual(lanes(wanted));
  for (const { key, part } of theirs) expect(part).toBe(partitionOf(Number(key), PARTITIONS));

  // The facts say of every message what the broker says.
  await factsAgreeWith(consumed);
  expect(await count('acked_ms IS NULL')).toBe(0);
  expect(result.scheduled).toBe(wanted.length);
  expect(result.acknowledged).toBe(wanted.length);
  const logs = await appendedLogs({ kind: 'kafka', access: kafka }, PLAIN_NAMESPACE, STREAMS);
  for (const part of await appendedCounts(facts.rows, logs)) {
    expect(part.appended, `${part.stream}/${part.part}`).toBe(part.acknowledged);
    expect(part.unanswered).toBe(0);
  }

  // Every partition of every topic carries both markers, after everything that was due before them.
  expect(first).toHaveLength(STREAMS.length * PARTITIONS);
  for (const { good, bad } of last) {
    const behind = consumed.filter(
      ({ topic, part, offset }) =>
        topic === good.stream && part === good.part && offset > good.offset,
    );
    expect(behind.map(({ offset }) => offset)).toEqual([bad.offset]);
  }
  for (const { good } of first) {
    const late = await count(`stream = '${good.stream}' AND part = ${good.part}
      AND due_ms < ${askedMs} AND role <> 'canary' AND kafka_offset > ${good.offset}`);
    expect(late).toBe(0);
  }

  // What CONTRACT expects, recomputed from the offsets alone.
  expect(await count(`(fault IS NOT DISTINCT FROM 'malformed') <> (expect = 'dead_letter')`)).toBe(
    0,
  );
  const [contract] = await facts.rows<{ wrong: number; duplicates: number }>(`
    WITH told AS (
      SELECT expect, row_number() OVER (PARTITION BY stream, event_id ORDER BY part, kafka_offset) AS nth
      FROM events WHERE stream <> 'inventory' AND expect <> 'dead_letter')
    SELECT count(*) FILTER ((nth = 1) <> (expect = 'row')) AS wrong,
      count(*) FILTER (expect = 'duplicate') AS duplicates FROM told`);
  expect(contract?.wrong).toBe(0);
  expect(contract?.duplicates).toBeGreaterThan(0);
});

test('a broker that stops answering shows as slip of everything due meanwhile', async () => {
  await using load = await start({ workers: 1 });
  const t0Ms = systemClock.nowMs() + 1_000;
  await load.begin(t0Ms);
  await systemClock.sleep(t0Ms + 2_000 - systemClock.nowMs());
  const pausedMs = systemClock.nowMs();
  kafka.pause();
  await systemClock.sleep(3_000);
  expect(load.progress.behindMs).toBeGreaterThan(1_000);
  expect(load.progress.scheduled).toBeGreaterThan(load.progress.handedOver);
  const resumedMs = systemClock.nowMs();
  kafka.resume();
  const cutMs = await load.stopAt(7_000);
  await ingest(await load.finish());
  expect(await count('true')).toBe(tapeBefore(cutMs).length);

  // At most the one batch that was to find out was handed over; the rest waited until it went on.
  expect(await count(`due_ms BETWEEN ${pausedMs} AND ${resumedMs}`)).toBeGreaterThan(50);
  const [handed] = await facts.rows<{ batches: number }>(`
    SELECT count(DISTINCT sent_ms) AS batches FROM events
    WHERE sent_ms > ${pausedMs + 200} AND sent_ms < ${resumedMs}`);
  expect(handed?.batches).toBeLessThanOrEqual(1);
  const [slip] = await facts.rows<{ worst: number; least: number }>(
    'SELECT max(sent_ms - due_ms) AS worst, min(sent_ms - due_ms) AS least FROM events',
  );
  expect(slip?.worst).toBeGreaterThan(2_000);
  expect(slip?.least).toBeGreaterThanOrEqual(0);
  const [seconds] = await facts.rows<{ scheduled: number; handed_over: number }>(`
    SELECT sum(scheduled)::BIGINT AS scheduled, sum(handed_over)::BIGINT AS handed_over FROM load
    WHERE at_ms BETWEEN ${pausedMs} AND ${resumedMs - 1_000}`);
  expect(seconds?.scheduled).toBeGreaterThan(seconds?.handed_over ?? 0);
  expect(await facts.rows('SELECT 1 FROM loop_delay LIMIT 1')).toHaveLength(1);
});

test('a cut that is past already moves, and what was sent is the tape before it', async () => {
  await using load = await start();
  const t0Ms = systemClock.nowMs() + 500;
  await load.begin(t0Ms);
  await systemClock.sleep(t0Ms + 2_000 - systemClock.nowMs());
  const cutMs = await load.stopAt(100);
  expect(cutMs).toBeGreaterThan(100);
  await ingest(await load.finish());
  const wanted = tapeBefore(cutMs).map((event) => event.id);
  const sent = await facts.rows<{ event_id: string }>('SELECT event_id FROM events');
  expect(sent.map((row) => row.event_id).sort()).toEqual(wanted.sort());
});

test('an abort in the middle ends soon, and the facts know every message that reached the broker', async () => {
  await kafka.freshTopics(PARTITIONS);
  const stop = new AbortController();
  await using load = await start({ signal: stop.signal });
  await load.begin(systemClock.nowMs() + 200);
  await systemClock.sleep(2_000);
  kafka.pause();
  await systemClock.sleep(500);
  stop.abort(new Error('enough'));
  await expect(load.markers(0)).rejects.toThrow('enough');
  // It does not wait for the broker, which is paused.
  const result = await load.abort();
  kafka.resume();
  expect(result.threadsLost).toBe(0);
  await ingest(result);
  expect(await count('acked_ms IS NOT NULL')).toBe(result.acknowledged);
  expect(await count('acked_ms IS NULL')).toBe(result.handedOver - result.acknowledged);
  expect(result.handedOver).toBeGreaterThan(result.acknowledged);
  const consumed = await readTopics(kafka);
  expect(consumed.length).toBeGreaterThanOrEqual(result.acknowledged);
  expect(consumed.length).toBeLessThanOrEqual(result.handedOver);
});

test('a topic without LogAppendTime breaks the load, with the next command', async () => {
  await kafka.freshTopics(PARTITIONS, 'CreateTime');
  await using load = await start({ workers: 1 });
  await load.begin(systemClock.nowMs());
  await expect(load.stopAt(60_000)).rejects.toMatchObject({
    name: 'DoorbusterError',
    exitCode: 3,
    message: expect.stringContaining('does not stamp its messages'),
    hint: expect.stringContaining('message.timestamp.type=LogAppendTime'),
  });
  expect(load.broken.aborted).toBe(true);
});
