import { afterEach, beforeEach, expect, test } from 'vitest';
import { images } from '../../../../test/support/datasets.ts';
import {
  AT,
  copy,
  damaged,
  factsWithTables,
  HOUR_MS,
  image,
  labelled,
  redelivered,
  short,
  tables,
} from '../../../../test/support/scores.ts';
import type { FactRow, Facts } from '../../facts.ts';
import type { TablesUnderTest } from '../tables-under-test.ts';
import { distanceFromBook } from './business.ts';

const upsert: TablesUnderTest = { ...tables, copies: { inventory: 'got_inventory' } };
const ledger: TablesUnderTest = { ...upsert, datasets: [images('ledger')] };

let facts: Facts;
beforeEach(async () => {
  facts = await factsWithTables();
});
afterEach(() => facts.close());

const book = (sku: number, onHand: number, deleted = false): FactRow => ({
  ...{ store_id: 1, sku_id: sku, on_hand: onHand, committed: 0, unavailable: 0, deleted },
});
/** Cents are of receipts, and there are none here. */
const NO_TAKINGS = { cents: 'not scored' };

async function scores(which = upsert) {
  return short(await distanceFromBook(facts.rows, which));
}

/** The highest sound version of each key, as an upsert that keeps CONTRACT shows it. */
async function guarded(): Promise<void> {
  await facts.run(`
    INSERT INTO got_inventory SELECT store_id, sku_id, max(version), arg_max(on_hand, version),
      arg_max(deleted, version), ${AT}
    FROM events WHERE expect <> 'dead_letter' AND role <> 'copy' GROUP BY ALL`);
}

/** Every sound image once, as a ledger that keeps CONTRACT holds them. */
async function kept(): Promise<void> {
  await facts.run(`
    INSERT INTO got_inventory SELECT DISTINCT store_id, sku_id, version, on_hand, deleted, ${AT}
    FROM events WHERE expect <> 'dead_letter' AND role <> 'copy'`);
}

const show = (values: string) => facts.run(`INSERT INTO got_inventory VALUES ${values}`);

test('stock that is as BOOK has it has nothing to answer for, deleted rows among it', async () => {
  await facts.append('events', [
    image([1, 1, 9], { role: 'preload' }),
    image([1, 2, 8]),
    image([2, 1, 4]),
    image([2, 2, 4], { deleted: true, ...labelled('deleted') }),
  ]);
  await facts.append('book', [book(1, 8), book(2, 4, true)]);
  await guarded();
  expect(await scores()).toEqual({ deleted: { injected: 1, ...NO_TAKINGS } });
  await facts.run('DELETE FROM got_inventory');
  await kept();
  expect(await scores(ledger)).toEqual({ deleted: { injected: 1, ...NO_TAKINGS } });
});

test('of two datasets that carry the stock only the view of it is held against BOOK, once', async () => {
  await facts.append('events', [image([1, 1, 9]), image([1, 2, 4], damaged)]);
  await facts.append('book', [book(1, 4)]);
  await guarded();
  const both: TablesUnderTest = {
    ...tables,
    datasets: [images('ledger', 'every_image'), images('upsert', 'stock')],
    copies: { every_image: 'got_inventory', stock: 'got_inventory' },
  };
  expect(await scores(both)).toEqual(await scores(upsert));
});

test('stock is off by what the damaged newest image would have said, and by nothing else', async () => {
  await facts.append('events', [
    image([1, 1, 9]),
    image([1, 2, 4], damaged),
    image([2, 1, 7], damaged),
    image([2, 2, 6]),
    image([2, 2, 6], copy('new_id')),
  ]);
  await facts.append('book', [book(1, 4), book(2, 6)]);
  await guarded();
  expect(await scores()).toEqual({
    malformed: { injected: 2, dropped: 1, keys: 1, units: 5, ...NO_TAKINGS },
    new_id: { injected: 1, ...NO_TAKINGS },
  });
  await facts.run('DELETE FROM got_inventory');
  await kept();
  // Of a ledger each damaged image is a row that it does not have, hidden by a newer one or not.
  expect(await scores(ledger)).toMatchObject({ malformed: { dropped: 2, keys: 1, units: 5 } });
});

test('what no fault explains is counted under none', async () => {
  await facts.append('events', [image([1, 1, 9])]);
  await facts.append('book', [book(1, 9)]);
  expect(await scores()).toEqual({ none: { dropped: 1, keys: 1, units: 9, ...NO_TAKINGS } });
});

test('an image that differs from BOOK is found, even if every table shows it', async () => {
  await facts.append('events', [image([1, 1, 9]), image([1, 1, 9], copy('identical'))]);
  await facts.append('book', [book(1, 7)]);
  await guarded();
  expect(await scores()).toEqual({
    identical: { injected: 1, ...NO_TAKINGS },
    none: { keys: 1, units: 2, ...NO_TAKINGS },
  });
});

test('a connector that sends old images again: guarded, overwriting, and as rows too many', async () => {
  await facts.append('events', [
    image([1, 1, 9]),
    image([1, 2, 4]),
    image([1, 1, 9], redelivered),
    image([1, 2, 4], redelivered),
  ]);
  await facts.append('book', [book(1, 4)]);
  await guarded();
  expect(await scores()).toEqual({ redelivery: { injected: 2, ...NO_TAKINGS } });

  await facts.run('UPDATE got_inventory SET version = 1, on_hand = 9');
  const overwritten = { injected: 2, leaked: 1, keys: 1, units: 5, ...NO_TAKINGS };
  expect(await scores()).toEqual({ redelivery: overwritten });

  await facts.run('DELETE FROM got_inventory');
  await show(`(1, 1, 1, 9, false, ${AT}), (1, 1, 1, 9, false, ${AT}), (1, 1, 2, 4, false, ${AT})`);
  expect(await scores(ledger)).toEqual({
    redelivery: { injected: 2, leaked: 1, ...NO_TAKINGS },
  });
});

test('a retry with another amount that replaced its original', async () => {
  await facts.append('events', [image([1, 1, 9]), image([1, 1, 10], copy('changed_payload'))]);
  await facts.append('book', [book(1, 9)]);
  await show(`(1, 1, 1, 10, false, ${AT})`);
  expect(await scores()).toEqual({
    changed_payload: { injected: 1, leaked: 1, keys: 1, units: 1, ...NO_TAKINGS },
  });
});

test('a late image that overwrote a newer one, without a version guard', async () => {
  await facts.append('events', [
    image([1, 2, 4]),
    image([1, 1, 9], { ...labelled('offline'), expect: 'guarded' }),
  ]);
  await facts.append('book', [book(1, 4)]);
  await show(`(1, 1, 1, 9, false, ${AT})`);
  expect(await scores()).toEqual({
    offline: { injected: 1, leaked: 1, keys: 1, units: 5, ...NO_TAKINGS },
  });
});

test('a late image that was let fall is dropped, and its units are missing', async () => {
  await facts.append('events', [image([1, 1, 9]), image([1, 2, 4], labelled('late'))]);
  await facts.append('book', [book(1, 4)]);
  await show(`(1, 1, 1, 9, false, ${AT})`);
  expect(await scores()).toEqual({
    late: { injected: 1, dropped: 1, keys: 1, units: 5, ...NO_TAKINGS },
  });
});

/** A row that was taken off the list, and an older image of it that came later. */
async function deletion(): Promise<void> {
  await facts.append('events', [
    image([1, 1, 9]),
    image([1, 3, 5], { deleted: true, ...labelled('deleted') }),
    image([1, 1, 9], redelivered),
  ]);
  await facts.append('book', [book(1, 5, true)]);
}

test.each([
  ['that stands is caught', `(1, 1, 3, 5, true, ${AT})`, {}],
  ['that is shown as a row', `(1, 1, 3, 5, false, ${AT})`, { leaked: 1, keys: 1, units: 5 }],
  ['of an empty row, shown', `(1, 1, 3, 0, false, ${AT})`, { leaked: 1, keys: 1 }],
])('a deletion %s', async (_, rows, missed) => {
  await deletion();
  await show(rows);
  expect(await scores()).toEqual({
    deleted: { injected: 1, ...missed, ...NO_TAKINGS },
    redelivery: { injected: 1, ...NO_TAKINGS },
  });
});

test('a deletion that an older image undid is missed once, by both', async () => {
  await deletion();
  await show(`(1, 1, 1, 9, false, ${AT})`);
  const revived = { injected: 1, leaked: 1, keys: 1, units: 9, ...NO_TAKINGS };
  expect(await scores()).toEqual({ deleted: revived, redelivery: revived });
});

test('a row that is not deleted and shown as if it were', async () => {
  await facts.append('events', [image([1, 1, 9])]);
  await facts.append('book', [book(1, 9)]);
  await show(`(1, 1, 1, 9, true, ${AT})`);
  expect(await scores()).toEqual({ none: { keys: 1, units: 9, ...NO_TAKINGS } });
});

test('without a mark for deletions they are not scored, and no key is off for it', async () => {
  await deletion();
  await show(`(1, 1, 3, 5, NULL, ${AT})`);
  expect(await scores({ ...upsert, absent: ['inventory.deleted'] })).toEqual({
    deleted: { injected: 1, leaked: 'not scored', ...NO_TAKINGS },
    redelivery: { injected: 1, ...NO_TAKINGS },
  });
});

test('a misread number and a wrong clock are missed by their labels', async () => {
  await facts.append('events', [
    image([1, 1, 19], labelled('type_widened')),
    image([2, 1, 6], { ...labelled('clock_off'), claimed_ms: AT + HOUR_MS }),
  ]);
  await facts.append('book', [book(1, 19), book(2, 6)]);
  await guarded();
  expect(await scores()).toEqual({
    clock_off: { injected: 1, ...NO_TAKINGS },
    type_widened: { injected: 1, ...NO_TAKINGS },
  });
  await facts.run(`
    UPDATE got_inventory SET on_hand = 1 WHERE sku_id = 1;
    UPDATE got_inventory SET event_ts = ${AT + HOUR_MS} WHERE sku_id = 2`);
  expect(await scores()).toEqual({
    clock_off: { injected: 1, leaked: 1, ...NO_TAKINGS },
    type_widened: { injected: 1, leaked: 1, keys: 1, units: 18, ...NO_TAKINGS },
  });
});
