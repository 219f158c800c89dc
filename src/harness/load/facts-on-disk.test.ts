import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { firstIds } from '../../../test/support/first-ids.ts';
import { countBy, EVERYTHING, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import { contract } from '../../generators/contract.ts';
import { openFacts } from '../facts.ts';
import { type EventFact, eventRow } from './event-facts.ts';
import { FactFile, ingestSql, threadFiles, unclosedFiles } from './fact-file.ts';
import { ingestFacts } from './ingest-facts.ts';
import { Tally } from './tally.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-facts-'));
});
afterEach(() => rm(dir, { recursive: true }));

const SENT_MS = 1_795_770_000_207;
const handed: EventFact = {
  stream: 'inventory',
  id: 'inv-1,"quoted"',
  store: 7,
  row: { sku: 5, version: 9_007_199_254_740_991, onHand: -3, available: -3, deleted: false },
  role: 'copy',
  fault: { kind: 'duplicate', how: 'new_id' },
  copyOf: 'inv-0',
  labels: ['offline', 'deleted'],
  cents: null,
  occurredMs: 1_795_770_000_123,
  claimedMs: 1_795_770_003_600,
  dueMs: 1_795_770_000_200,
  part: 2,
  bytes: 345,
  expect: 'guarded',
};

const alone = (
  files: readonly ReturnType<typeof unclosedFiles>[number][],
  threadsLost: number,
) => ({
  ...{ files, threadsLost, workers: 1 },
});

test('a message is the row of facts that its columns say, answered or not', async () => {
  await using facts = await openFacts();
  const file = new FactFile('events', join(dir, "it's events.csv"));
  const answer = { offset: 41, kafkaMs: 1_795_770_000_210, ackedMs: 1_795_770_000_215 };
  file.append(eventRow(handed, SENT_MS, answer));
  const plain = {
    ...handed,
    stream: 'pos',
    row: null,
    fault: null,
    copyOf: null,
    labels: [],
  } as const;
  file.append(eventRow(plain, SENT_MS, null));
  await file.close();
  await facts.run(ingestSql(file.ref));
  expect(await facts.rows('SELECT * FROM events ORDER BY stream')).toEqual([
    {
      stream: 'inventory',
      event_id: 'inv-1,"quoted"',
      store_id: 7,
      sku_id: 5,
      version: 9_007_199_254_740_991,
      on_hand: -3,
      available: -3,
      deleted: false,
      role: 'copy',
      fault: 'duplicate',
      how: 'new_id',
      copy_of: 'inv-0',
      labels: 'offline+deleted',
      cents: null,
      occurred_ms: 1_795_770_000_123,
      claimed_ms: 1_795_770_003_600,
      due_ms: 1_795_770_000_200,
      sent_ms: 1_795_770_000_207,
      acked_ms: 1_795_770_000_215,
      kafka_ms: 1_795_770_000_210,
      part: 2,
      kafka_offset: 41,
      bytes: 345,
      expect: 'guarded',
    },
    expect.objectContaining({
      stream: 'pos',
      sku_id: null,
      fault: null,
      labels: null,
      acked_ms: null,
      kafka_ms: null,
      kafka_offset: null,
    }),
  ]);
});

test('the tally keeps each step in its own second', async () => {
  await using facts = await openFacts();
  const file = new FactFile('load', join(dir, 'load.csv'));
  const tally = new Tally(file, 1);
  tally.count('scheduled', 'pos', 1_000);
  tally.count('scheduled', 'pos', 1_999);
  tally.count('handedOver', 'pos', 2_000, 2);
  tally.count('bytes', 'pos', 2_000, 700);
  tally.count('acknowledged', 'pos', 3_500, 2);
  tally.writeAll();
  await file.close();
  await facts.run(ingestSql(file.ref));
  expect(
    await facts.rows('SELECT at_ms, scheduled, handed_over, acknowledged, bytes FROM load'),
  ).toEqual([
    { at_ms: 1_000, scheduled: 2, handed_over: 0, acknowledged: 0, bytes: 0 },
    { at_ms: 2_000, scheduled: 0, handed_over: 2, acknowledged: 0, bytes: 700 },
    { at_ms: 3_000, scheduled: 0, handed_over: 0, acknowledged: 2, bytes: 0 },
  ]);
  expect(tally.totals.pos).toEqual({ scheduled: 2, handedOver: 2, acknowledged: 2, bytes: 700 });
});

/** An hour of counts, the last of them for its first second. */
function countHour(tally: Tally): void {
  for (let second = 0; second < 3_600; second++) tally.count('scheduled', 'pos', second * 1_000);
  tally.count('scheduled', 'pos', 500, 2);
}

test('the tally writes an hour as it goes, and loses no count, however late it comes', async () => {
  await using facts = await openFacts();
  const file = new FactFile('load', join(dir, 'load.csv'));
  countHour(new Tally(file, 1));
  await file.close();
  await facts.run(ingestSql(file.ref));
  // All but the newest two minutes.
  const [early] = await facts.rows<{ n: number }>('SELECT count(*) AS n FROM load');
  expect(early?.n).toBeGreaterThanOrEqual(3_600 - 120);

  const whole = new FactFile('load', join(dir, 'whole.csv'));
  const tally = new Tally(whole, 1);
  countHour(tally);
  tally.writeAll();
  await whole.close();
  await facts.run(`DELETE FROM load; ${ingestSql(whole.ref)}`);
  expect(
    await facts.rows(`SELECT count(DISTINCT at_ms) AS seconds, sum(scheduled) AS n,
      sum(scheduled) FILTER (at_ms = 0) AS first FROM load`),
  ).toEqual([{ seconds: 3_600, n: 3_602, first: 3 }]);
});

test('repeated ids are marked as CONTRACT judges them, over a tape with every fault', async () => {
  const tape = tapeUntil(scenarioOf(...EVERYTHING), 40_000);
  const [known, unknown] = [contract(firstIds()), contract(() => true)];
  const file = new FactFile('events', threadFiles(dir, 0).events);
  const expected = tape.map((event) => {
    const { stream, id, store, truth } = event;
    const fact = { ...handed, ...truth, stream, id, store, expect: unknown(event) };
    file.append(eventRow(fact, SENT_MS, null));
    return { stream, id, expect: known(event) };
  });
  await file.close();
  await using facts = await openFacts();
  expect(await ingestFacts(facts, alone([file.ref], 0))).toEqual([]);
  const found = await facts.rows('SELECT stream, event_id AS id, expect FROM events');
  expect(found).toEqual(expected);
  const counts = countBy(expected, ({ expect: what }) => what);
  for (const what of ['row', 'duplicate', 'guarded', 'dead_letter']) {
    expect(counts[what], what).toBeGreaterThan(5);
  }
});

test('a disk that refuses is an error, not a silent gap', async () => {
  const file = new FactFile('load', join(dir, 'missing', 'load.csv'));
  file.append([1]);
  await expect(file.close()).rejects.toThrow('ENOENT');
});

/** A thread's file of three messages, ids with quotes and newlines among them, closed in good order. */
async function threeMessages(): Promise<FactFile> {
  const file = new FactFile('events', threadFiles(dir, 0).events);
  for (const id of ['one', 'two\nlines, "quoted"', 'three']) {
    file.append(eventRow({ ...handed, id }, SENT_MS, null));
  }
  await file.close();
  return file;
}

test('a line that was torn when its thread was lost is cut and counted, and the rest is kept', async () => {
  const file = await threeMessages();
  const text = await readFile(file.ref.path);
  const ends = [0];
  for (const id of ['one', 'two', 'three']) {
    const from = text.indexOf(`inventory,${id === 'two' ? '"two' : id}`);
    ends.push(text.indexOf(',guarded\n', from) + ',guarded\n'.length);
  }
  expect(ends.at(-1)).toBe(text.length);
  // Torn at one byte in 23, from the end to the beginning.
  for (let bytes = text.length; bytes >= 0; bytes -= 23) {
    await writeFile(file.ref.path, text.subarray(0, bytes));
    await using facts = await openFacts();
    const missing = await ingestFacts(facts, alone(unclosedFiles(dir, 0), 1));
    const whole = ends.filter((end) => end <= bytes).length - 1;
    const torn = bytes - (ends[whole] as number);
    const [lost, ...cut] = missing;
    expect(lost).toMatch(/^1 of 1 producing threads/);
    expect(cut).toEqual(
      torn === 0
        ? []
        : [expect.stringContaining(`1 torn line (${torn} bytes) was cut from the end of events-0`)],
    );
    const ids = await facts.rows<{ event_id: string }>('SELECT event_id FROM events');
    expect(ids.map(({ event_id }) => event_id)).toEqual(
      ['one', 'two\nlines, "quoted"', 'three'].slice(0, whole),
    );
    expect((await stat(file.ref.path)).size).toBe(ends[whole]);
  }
});

test('in a file that was closed in good order a torn line is damage, and no guess', async () => {
  const file = await threeMessages();
  expect(file.ref.closed).toBe(true);
  await truncate(file.ref.path, (await stat(file.ref.path)).size - 30);
  await using facts = await openFacts();
  await expect(ingestFacts(facts, alone([file.ref], 0))).rejects.toThrow('events-0.csv');
});
