import { afterEach, beforeEach, expect, test } from 'vitest';
import { events, images, rejected } from '../../../../test/support/datasets.ts';
import { type FactRow, type Facts, openFacts } from '../../facts.ts';
import { readDatasets, type TablesUnderTest } from '../tables-under-test.ts';
import { foundSql, judgeContract } from './oracle.ts';

const tables: TablesUnderTest = {
  datasets: [events('pos'), images('upsert'), rejected()],
  copies: { pos: 'got_pos', inventory: 'got_inventory', dead_letter: 'got_dead_letter' },
  absent: [],
  notRead: [],
  readBy: {},
};

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.run(`
    CREATE TABLE got_pos (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT);
    CREATE TABLE got_inventory (store_id INTEGER, sku_id INTEGER, version BIGINT, on_hand INTEGER,
      deleted BOOLEAN);
    CREATE TABLE got_dead_letter (topic VARCHAR, part INTEGER, kafka_offset BIGINT)`);
});
afterEach(() => facts.close());

let offset = 0;
/** An acknowledged message, of store 1 by default. */
function sent(stream: string, eventId: string, more: FactRow = {}): FactRow {
  const at = 1_000 + offset;
  return {
    ...{ stream, event_id: eventId, store_id: 1, role: 'original', expect: 'row' },
    ...{ occurred_ms: at, due_ms: at, sent_ms: at, acked_ms: at + 2, kafka_ms: at + 1 },
    ...{ part: 0, kafka_offset: offset++, bytes: 100 },
    ...more,
  };
}
const copy = (how: string, of: string, expectation: string) => ({
  ...{ role: 'copy', fault: 'duplicate', how, copy_of: of, expect: expectation },
});
const redelivered = (of: string) => ({
  ...{ role: 'copy', fault: 'redelivery', how: 'connector', copy_of: of, expect: 'guarded' },
});
const image = (sku: number, version: number, onHand: number) => ({
  ...{ sku_id: sku, version, on_hand: onHand, deleted: false },
});

/** Puts the row of every message that CONTRACT wants into the tables. */
async function perfectPipeline(): Promise<void> {
  await facts.run(`
    INSERT INTO got_pos SELECT event_id, store_id, kafka_ms FROM events
      WHERE stream = 'pos' AND expect = 'row';
    INSERT INTO got_inventory SELECT store_id, sku_id, max(version), arg_max(on_hand, version),
        arg_max(deleted, version)
      FROM events WHERE stream = 'inventory' AND expect = 'row' GROUP BY ALL;
    INSERT INTO got_dead_letter SELECT stream, part, kafka_offset FROM events
      WHERE expect = 'dead_letter'`);
}

async function aDay(): Promise<void> {
  offset = 0;
  await facts.append('events', [
    sent('pos', 'a', { kafka_ms: 10 }),
    sent('pos', 'b', { kafka_ms: 11 }),
    sent('pos', 'b', { ...copy('identical', 'b', 'duplicate'), kafka_ms: 12 }),
    sent('pos', 'b2', { ...copy('new_id', 'b', 'row'), kafka_ms: 13 }),
    sent('pos', 'c', { fault: 'malformed', how: 'truncated', expect: 'dead_letter' }),
    sent('pos', 'marker-x', { store_id: 0, role: 'marker' }),
    sent('pos', 'marker-x-bad', { store_id: 0, role: 'marker', expect: 'dead_letter' }),
    sent('inventory', 'i1', image(5, 1, 10)),
    sent('inventory', 'i2', image(5, 2, 7)),
    sent('inventory', 'i3', image(6, 1, 4)),
    sent('inventory', 'canary-1', { ...image(9_000_001, 1, 0), role: 'canary' }),
  ]);
}

test('a perfect pipeline has nothing to answer for, and what was demanded is counted', async () => {
  await aDay();
  await perfectPipeline();
  const judgement = await judgeContract(facts.rows, tables);
  expect(judgement).toEqual({
    lost: { count: 0, examples: [] },
    duplicated: { count: 0, examples: [] },
    duplicatedByKind: {},
    wrongCopy: { count: 0, examples: [] },
    wrong: { count: 0, examples: [], units: 0 },
    examples: [],
    byDataset: {
      pos: { lost: 0, duplicated: 0, demanded: 3 },
      inventory: { lost: 0, duplicated: 0, demanded: 2, wrong: 0 },
      dead_letter: { lost: 0, duplicated: 0, demanded: 1 },
    },
    demanded: 6,
    keys: 2,
    failed: [],
  });
});

test('what was found leaves the records of the harness out', async () => {
  await aDay();
  await perfectPipeline();
  await facts.run(`
    INSERT INTO got_pos VALUES ('surplus', 1, 14);
    INSERT INTO got_dead_letter VALUES ('pos', 0, 99)`);
  const found = readDatasets(tables).map(async (read) => {
    const [counted] = await facts.rows<{ n: number }>(foundSql(read));
    return [read.dataset.name, counted?.n];
  });
  expect(Object.fromEntries(await Promise.all(found))).toEqual({
    pos: 3 + 1,
    inventory: 2,
    dead_letter: 1 + 1,
  });
});

test('what is missing is lost, with its id: a row, the newest version of a key, a dead letter', async () => {
  await aDay();
  await perfectPipeline();
  await facts.run(`
    DELETE FROM got_pos WHERE event_id = 'a';
    UPDATE got_inventory SET version = 1, on_hand = 10 WHERE sku_id = 5;
    DELETE FROM got_inventory WHERE sku_id = 6;
    DELETE FROM got_dead_letter WHERE kafka_offset = 4`);
  const { lost, wrong, byDataset } = await judgeContract(facts.rows, tables);
  expect(lost).toEqual({ count: 4, examples: ['a', '1/5', '1/6', 'c'] });
  expect(wrong).toEqual({ count: 2, examples: ['1/5', '1/6'], units: 3 + 4 });
  expect(byDataset).toMatchObject({
    pos: { lost: 1 },
    inventory: { lost: 2 },
    dead_letter: { lost: 1 },
  });
});

test('surplus rows are counted by the kind of duplicate that leaked', async () => {
  await aDay();
  await perfectPipeline();
  await facts.run(`
    INSERT INTO got_pos VALUES ('b', 1, 12), ('a', 1, 10), ('a', 1, 10), ('c', 1, 14), ('zz', 1, 1);
    INSERT INTO got_inventory VALUES (1, 5, 2, 7, false), (1, 77, 1, 3, false);
    INSERT INTO got_dead_letter VALUES ('pos', 0, 4), ('pos', 0, 0)`);
  const { lost, duplicated, duplicatedByKind, wrong } = await judgeContract(facts.rows, tables);
  expect(lost.count).toBe(0);
  expect(duplicated.count).toBe(9);
  expect(duplicatedByKind).toEqual({
    identical: { count: 1, examples: ['b'] },
    none: { count: 2 + 1 + 1, examples: ['a', '1/5', 'c'] },
    damaged: { count: 1, examples: ['c'] },
    unknown: { count: 1 + 1, examples: ['zz', '1/77'] },
    sound: { count: 1, examples: ['a'] },
  });
  expect(wrong).toEqual({ count: 1, examples: ['1/77'], units: 3 });
});

test('a row of a later append than the first is the wrong copy', async () => {
  await aDay();
  await perfectPipeline();
  await facts.run(`UPDATE got_pos SET kafka_ms = 12 WHERE event_id = 'b'`);
  const { wrongCopy, lost, duplicated } = await judgeContract(facts.rows, tables);
  expect(wrongCopy).toEqual({ count: 1, examples: ['b'] });
  expect([lost.count, duplicated.count]).toEqual([0, 0]);
});

test('a message without an answer may be shown or not', async () => {
  await facts.append('events', [
    sent('pos', 'shown', { acked_ms: null, kafka_ms: null, kafka_offset: null }),
    sent('pos', 'not shown', { acked_ms: null, kafka_ms: null, kafka_offset: null }),
  ]);
  await facts.run(`INSERT INTO got_pos VALUES ('shown', 1, 5)`);
  const { lost, duplicated, wrongCopy } = await judgeContract(facts.rows, tables);
  expect([lost.count, duplicated.count, wrongCopy.count]).toEqual([0, 0, 0]);
});

const ledger: TablesUnderTest = {
  ...tables,
  datasets: [events('pos'), images('ledger'), rejected()],
};

/** The same day in a pipeline that keeps every image of a row. */
async function perfectLedger(): Promise<void> {
  await aDay();
  await facts.append('events', [
    // A retry under a new id is no second image, and of a late one nothing is known but that it came.
    sent('inventory', 'i2-again', { ...image(5, 2, 7), ...copy('new_id', 'i2', 'guarded') }),
    sent('inventory', 'i0', { ...image(6, 0, 9), expect: 'guarded' }),
    sent('inventory', 'i9', { ...image(6, 2, 3), acked_ms: null, kafka_offset: null }),
  ]);
  await perfectPipeline();
  await facts.run(`
    DELETE FROM got_inventory;
    INSERT INTO got_inventory SELECT DISTINCT store_id, sku_id, version, on_hand, deleted
      FROM events WHERE stream = 'inventory' AND acked_ms IS NOT NULL`);
}

test('of a ledger every version is demanded once, those that a newer one hides too', async () => {
  await perfectLedger();
  const judgement = await judgeContract(facts.rows, ledger);
  expect(judgement).toMatchObject({
    lost: { count: 0 },
    duplicated: { count: 0 },
    wrong: { count: 0, units: 0 },
    byDataset: { inventory: { demanded: 4 } },
    keys: 2,
  });
  // What was never acknowledged may be there as well.
  await facts.run('INSERT INTO got_inventory VALUES (1, 6, 2, 3, false)');
  expect(await judgeContract(facts.rows, ledger)).toEqual(judgement);
});

test('an old version that a ledger lost or holds twice is found, though no reader would see it', async () => {
  await perfectLedger();
  await facts.run(`
    DELETE FROM got_inventory WHERE sku_id = 5 AND version = 1;
    INSERT INTO got_inventory VALUES (1, 6, 0, 9, false), (1, 5, 2, 7, false), (1, 77, 1, 3, false)`);
  const { lost, duplicatedByKind, wrong, byDataset } = await judgeContract(facts.rows, ledger);
  expect(lost).toEqual({ count: 1, examples: ['1/5 v1'] });
  expect(duplicatedByKind).toEqual({
    none: { count: 1, examples: ['1/6 v0'] },
    new_id: { count: 1, examples: ['1/5 v2'] },
    unknown: { count: 1, examples: ['1/77 v1'] },
  });
  expect(wrong).toEqual({ count: 1, examples: ['1/77'], units: 3 });
  expect(byDataset.inventory).toEqual({ lost: 1, duplicated: 3, demanded: 4, wrong: 3 });
});

test('a ledger is wrong by what its newest versions say, and by what its old ones do', async () => {
  await perfectLedger();
  await facts.run(`
    DELETE FROM got_inventory WHERE sku_id = 5 AND version = 2;
    UPDATE got_inventory SET on_hand = 90 WHERE sku_id = 6 AND version = 0`);
  const { lost, wrong } = await judgeContract(facts.rows, ledger);
  expect(lost).toEqual({ count: 1, examples: ['1/5 v2'] });
  // Without its newest version key 5 reads 10 for 7.
  expect(wrong).toEqual({ count: 2, examples: ['1/5', '1/6 v0'], units: 3 + 81 });
});

test.each([
  ['an upsert', tables],
  ['a ledger', ledger],
])(
  'a deletion that is shown as a row is lost in %s, and one undone by an older image too',
  async (_, which) => {
    offset = 0;
    const gone = { ...image(5, 2, 7), deleted: true };
    await facts.append('events', [
      sent('inventory', 'i1', image(5, 1, 10)),
      sent('inventory', 'i2', gone),
      sent('inventory', 'i1', { ...image(5, 1, 10), ...redelivered('i1') }),
    ]);
    const rows =
      which === ledger ? '(1, 5, 1, 10, false), (1, 5, 2, 7, true)' : '(1, 5, 2, 7, true)';
    await facts.run(`INSERT INTO got_inventory VALUES ${rows}`);
    expect(await judgeContract(facts.rows, which)).toMatchObject({
      lost: { count: 0 },
      duplicated: { count: 0 },
      wrong: { count: 0 },
    });
    await facts.run('UPDATE got_inventory SET deleted = false');
    expect((await judgeContract(facts.rows, which)).lost.count).toBe(1);
    // A table without the column says nothing of deletions, and is not held to them.
    const without = { ...which, absent: ['inventory.deleted'] };
    expect((await judgeContract(facts.rows, without)).lost.count).toBe(0);
  },
);

test('an image that a connector sent again is a surplus row of a ledger, counted under its kind', async () => {
  offset = 0;
  await facts.append('events', [
    sent('inventory', 'i1', image(5, 1, 10)),
    sent('inventory', 'i1', { ...image(5, 1, 10), ...redelivered('i1') }),
  ]);
  await facts.run('INSERT INTO got_inventory VALUES (1, 5, 1, 10, false), (1, 5, 1, 10, false)');
  const { duplicatedByKind } = await judgeContract(facts.rows, ledger);
  expect(duplicatedByKind).toEqual({ redelivery: { count: 1, examples: ['1/5 v1'] } });
});

test('of two datasets of one stream each is judged by its own semantics', async () => {
  await aDay();
  await perfectPipeline();
  await facts.run(`
    CREATE TABLE got_every_image AS SELECT store_id, sku_id, version, on_hand, deleted FROM events
      WHERE stream = 'inventory' AND version <> 1 OR sku_id = 6`);
  const datasets = [images('ledger', 'every_image'), images('upsert', 'stock'), rejected()];
  const copies = { every_image: 'got_every_image', stock: 'got_inventory' };
  const { byDataset, lost, keys } = await judgeContract(facts.rows, {
    ...tables,
    datasets,
    copies,
  });
  expect(byDataset).toEqual({
    every_image: { lost: 1, duplicated: 0, demanded: 3, wrong: 0 },
    stock: { lost: 0, duplicated: 0, demanded: 2, wrong: 0 },
  });
  expect(lost).toEqual({ count: 1, examples: ['1/5 v1'] });
  expect(keys).toBe(2);
});

test('a subset answers for the rows that it was ever seen to hold, and for no other', async () => {
  await facts.run('CREATE TABLE got_hot AS FROM got_inventory');
  const dataset = { ...images('upsert', 'hot'), visibility: 'redis', subset: 'hot' } as const;
  const hot = { ...tables, datasets: [...tables.datasets, dataset] };
  const copies = { ...tables.copies, hot: 'got_hot' };
  const found = async () => {
    const { byDataset, examples } = await judgeContract(facts.rows, { ...hot, copies });
    return [byDataset.hot, examples.filter((one) => one.dataset === 'hot').map(({ id }) => id)];
  };
  await aDay();
  await perfectPipeline();
  expect(await found()).toEqual([{ lost: 0, duplicated: 0, demanded: 0, wrong: 0 }, []]);
  // It came in with version 1, of which version 2 is known to be the newest.
  const seen = { table_name: 'hot', snapshot_id: 's', store_id: 1, sku_id: 5, version: 1 };
  await facts.append('sightings', [seen]);
  expect(await found()).toEqual([
    { lost: 1, duplicated: 0, demanded: 1, wrong: 7 },
    ['1/5', '1/5'],
  ]);
  await facts.run('INSERT INTO got_hot VALUES (1, 5, 1, 10, false)');
  expect(await found()).toEqual([
    { lost: 1, duplicated: 0, demanded: 1, wrong: 3 },
    ['1/5', '1/5'],
  ]);
  await facts.run('UPDATE got_hot SET version = 2, on_hand = 7');
  expect(await found()).toEqual([{ lost: 0, duplicated: 0, demanded: 1, wrong: 0 }, []]);
  await facts.run('INSERT INTO got_hot VALUES (1, 7, 1, 1, false)');
  expect(await found()).toEqual([
    { lost: 0, duplicated: 1, demanded: 1, wrong: 1 },
    ['1/7', '1/7'],
  ]);
});
