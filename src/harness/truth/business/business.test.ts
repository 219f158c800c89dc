import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  AT,
  copy,
  damaged,
  factsWithTables,
  HOUR_MS,
  labelled,
  receipt,
  short,
  tables,
} from '../../../../test/support/scores.ts';
import type { Facts } from '../../facts.ts';
import { distanceFromBook, takings } from './business.ts';

let facts: Facts;
beforeEach(async () => {
  facts = await factsWithTables();
});
afterEach(() => facts.close());

/** The table as a pipeline makes it that keeps CONTRACT and reads everything rightly. */
async function rightly(): Promise<void> {
  await facts.run(`
    INSERT INTO got_pos (event_id, store_id, kafka_ms, event_ts, total_cents, training)
      SELECT event_id, store_id, 1, occurred_ms,
        CASE WHEN contains(coalesce(labels, ''), 'training') THEN 700 ELSE cents END,
        contains(coalesce(labels, ''), 'training')
      FROM events WHERE stream = 'pos' AND expect = 'row'`);
}

const scores = async (which = tables) => short(await distanceFromBook(facts.rows, which));

test('without faults there are no findings', async () => {
  await facts.append('events', [receipt('a', 500)]);
  await rightly();
  expect(await scores()).toEqual({});
  expect(await takings(facts.rows, tables)).toEqual({ book: 500, shown: 500 });
});

test('each kind of fault answers for what it dropped and what it leaked, at 0 too', async () => {
  await facts.append('events', [
    receipt('a', 500),
    receipt('a', 500, copy('identical')),
    receipt('a-again', 500, { ...copy('new_id'), expect: 'row' }),
    receipt('const', 10, { fault: 'duplicate', how: 'constant_id' }),
    receipt('const', 20, { fault: 'duplicate', how: 'constant_id', expect: 'duplicate' }),
    receipt('const', -30, { fault: 'duplicate', how: 'constant_id', expect: 'duplicate' }),
    receipt('cut', 70, damaged),
  ]);
  await rightly();
  expect(await scores()).toEqual({
    constant_id: { injected: 3, dropped: 2, cents: 20 + 30 },
    identical: { injected: 1 },
    malformed: { injected: 1, dropped: 1, cents: 70 },
    new_id: { injected: 1, leaked: 1, cents: 500 },
  });
  const { constant_id, new_id } = await distanceFromBook(facts.rows, tables);
  expect(constant_id?.dropped.examples).toEqual(['const', 'const']);
  expect(new_id?.leaked?.examples).toEqual(['a-again']);
});

test('a pipeline without deduplication leaks every repetition, and drops nothing', async () => {
  await facts.append('events', [
    receipt('a', 500),
    receipt('a', 500, copy('identical')),
    receipt('b', 500),
    receipt('b', 400, copy('changed_payload')),
    receipt('const', 10, { fault: 'duplicate', how: 'constant_id' }),
    receipt('const', 20, { fault: 'duplicate', how: 'constant_id', expect: 'duplicate' }),
  ]);
  await facts.run(`INSERT INTO got_pos (event_id, store_id, event_ts, total_cents, training)
    SELECT event_id, 1, occurred_ms, cents, false FROM events`);
  expect(await scores()).toEqual({
    changed_payload: { injected: 1, leaked: 1, cents: 400 },
    constant_id: { injected: 2 },
    identical: { injected: 1, leaked: 1, cents: 500 },
  });
});

test('a pipeline that keeps the last of an id shows the changed amount: one row, and wrong', async () => {
  await facts.append('events', [receipt('b', 500), receipt('b', 500, copy('changed_payload'))]);
  await facts.run(`INSERT INTO got_pos (event_id, store_id, event_ts, total_cents, training)
    VALUES ('b', 1, ${AT}, 400, false)`);
  expect(await scores()).toEqual({ changed_payload: { injected: 1, leaked: 1, cents: 100 } });
});

/** Receipts with every label that is about one, as BOOK has them. */
async function labelledReceipts(): Promise<void> {
  await facts.append('events', [
    receipt('plain', 100),
    receipt('practice', 0, labelled('training')),
    receipt('back', -300, labelled('return')),
    receipt('text', 1_999, labelled('type_widened')),
    receipt('more', 250, labelled('field_added')),
    receipt('again', 80, labelled('sequence_wrap')),
    receipt('slow', 60, labelled('late')),
    receipt('cut-off', 50, labelled('offline')),
    receipt('fast', 40, { ...labelled('clock_off'), claimed_ms: AT + HOUR_MS }),
    receipt('ahead', 30, { ...labelled('wrong_date'), claimed_ms: AT + 8_760 * HOUR_MS }),
    receipt('twice', 20, labelled('clock_change')),
  ]);
  await rightly();
}

const RIGHT = { injected: 1 };
const ALL_RIGHT = {
  training: RIGHT,
  return: RIGHT,
  type_widened: RIGHT,
  field_added: RIGHT,
  sequence_wrap: RIGHT,
  late: RIGHT,
  offline: RIGHT,
  clock_off: RIGHT,
  wrong_date: RIGHT,
  clock_change: RIGHT,
};

test('what is unusual and read rightly is caught, label by label', async () => {
  await labelledReceipts();
  expect(await scores()).toEqual(ALL_RIGHT);
  expect(await takings(facts.rows, tables)).toEqual({ book: 2_329, shown: 2_329 });
});

test.each([
  ['training', `SET training = false WHERE event_id = 'practice'`, { leaked: 1, cents: 700 }],
  ['return', `SET total_cents = 0 WHERE event_id = 'back'`, { leaked: 1, cents: 300 }],
  ['type_widened', `SET total_cents = NULL WHERE event_id = 'text'`, { leaked: 1, cents: 1_999 }],
  ['field_added', `SET total_cents = 2 WHERE event_id = 'more'`, { leaked: 1, cents: 248 }],
  ['clock_off', `SET event_ts = ${AT + HOUR_MS} WHERE event_id = 'fast'`, { leaked: 1 }],
  ['wrong_date', `SET event_ts = 0 WHERE event_id = 'ahead'`, { leaked: 1 }],
  ['clock_change', `SET event_ts = ${AT - HOUR_MS} WHERE event_id = 'twice'`, { leaked: 1 }],
  ['none', `SET total_cents = 1 WHERE event_id = 'plain'`, { leaked: 1, cents: 99 }],
  ['none', `SET training = true WHERE event_id = 'plain'`, { leaked: 1, cents: 100 }],
  ['none', `SET event_ts = 0 WHERE event_id = 'plain'`, { leaked: 1 }],
])('a row that stands and is wrong is missed by %s alone: %s', async (label, wrong, missed) => {
  await labelledReceipts();
  await facts.run(`UPDATE got_pos ${wrong}`);
  const injected = label === 'none' ? {} : RIGHT;
  expect(await scores()).toEqual({ ...ALL_RIGHT, [label]: { ...injected, ...missed } });
});

test.each([
  ['sequence_wrap', 'again', 80],
  ['late', 'slow', 60],
  ['offline', 'cut-off', 50],
  ['wrong_date', 'ahead', 30],
  ['type_widened', 'text', 1_999],
  ['none', 'plain', 100],
])('an event of which no row stands is dropped for %s', async (label, id, cents) => {
  await labelledReceipts();
  await facts.run(`DELETE FROM got_pos WHERE event_id = '${id}'`);
  const injected = label === 'none' ? {} : RIGHT;
  expect(await scores()).toEqual({ ...ALL_RIGHT, [label]: { ...injected, dropped: 1, cents } });
});

test('an event with two labels counts with both; a copy is no event', async () => {
  const both = labelled('late', 'return');
  await facts.append('events', [
    receipt('a', -5, both),
    receipt('a', -5, { ...copy('identical'), ...both }),
  ]);
  expect(await scores()).toEqual({
    identical: { injected: 1 },
    late: { injected: 1, dropped: 1, cents: 5 },
    return: { injected: 1, dropped: 1, cents: 5 },
  });
});

test('what a table has no column for is not scored, and is not called 0', async () => {
  await labelledReceipts();
  await facts.run('UPDATE got_pos SET training = NULL, event_ts = NULL, total_cents = NULL');
  const absent = ['pos.training', 'pos.event_ts', 'pos.total_cents'];
  const blind = { injected: 1, leaked: 'not scored', cents: 'not scored' };
  const told = { injected: 1, cents: 'not scored' };
  expect(await scores({ ...tables, absent })).toEqual({
    ...Object.fromEntries(Object.keys(ALL_RIGHT).map((label) => [label, blind])),
    late: told,
    offline: told,
  });
  expect(await takings(facts.rows, { ...tables, absent })).toBeNull();
  // Without the mark alone the totals still tell of everything but training.
  await facts.run('DELETE FROM got_pos');
  await rightly();
  await facts.run(`UPDATE got_pos SET training = NULL, total_cents = 0 WHERE event_id = 'back'`);
  const unmarked = await distanceFromBook(facts.rows, { ...tables, absent: ['pos.training'] });
  expect(unmarked.training?.leaked).toBeNull();
  expect(unmarked.return?.leaked?.count).toBe(1);
});
