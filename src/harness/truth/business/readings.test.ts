import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  AT,
  copy,
  factsWithTables,
  HOUR_MS,
  labelled,
  receipt,
  tables,
} from '../../../../test/support/scores.ts';
import type { Facts } from '../../facts.ts';
import { naiveReadings } from './readings.ts';

let facts: Facts;
beforeEach(async () => {
  facts = await factsWithTables();
  await facts.append('events', [
    receipt('sale', 1_000),
    receipt('sale-again', 1_000, copy('new_id')),
    receipt('back', -300, labelled('return')),
    receipt('practice', 0, labelled('training')),
    receipt('other-till', 50),
    receipt('wrapped', 80, labelled('sequence_wrap')),
    receipt('fast', 40, { ...labelled('clock_off'), claimed_ms: AT + HOUR_MS }),
  ]);
  const row = (id: string, cents: number, key: string, claimed = AT, training = false) =>
    `('${id}', 1, 1, ${claimed}, ${cents}, ${training}, ${key})`;
  await facts.run(`INSERT INTO got_pos VALUES
    ${row('sale', 1_000, `1, '2026-11-27', 7`)},
    ${row('sale-again', 1_000, `1, '2026-11-27', 7`)},
    ${row('back', -300, `1, '2026-11-27', 8`)},
    ${row('practice', 700, `1, '2026-11-27', 9`, AT, true)},
    ${row('other-till', 50, `2, '2026-11-27', 7`)},
    ${row('wrapped', 80, `1, '2026-11-27', 7`)},
    ${row('fast', 40, `1, '2026-11-28', 7`, AT + HOUR_MS)}`);
});
afterEach(() => facts.close());

test('each reading is off by the receipts that it does not understand', async () => {
  expect(await naiveReadings(facts.rows, tables)).toEqual([
    { name: 'returns-as-zero', rows: 1, cents: 300 },
    { name: 'training-counted', rows: 1, cents: 700 },
    { name: 'claimed-hour', rows: 1, cents: 40 },
    // The retry under a new id has the same number, and to drop that one is no mistake.
    { name: 'natural-key', rows: 1, cents: -80 },
  ]);
});

test('a reading whose columns the table lacks is left out; without receipts there is none', async () => {
  const names = async (absent: readonly string[]) =>
    (await naiveReadings(facts.rows, { ...tables, absent })).map(({ name }) => name);
  expect(await names(['pos.event_ts', 'pos.training'])).toEqual([
    'returns-as-zero',
    'training-counted',
    'natural-key',
  ]);
  expect(await names(['pos.total_cents'])).toEqual([]);
  const { pos: _, ...copies } = tables.copies;
  expect(await naiveReadings(facts.rows, { ...tables, copies })).toEqual([]);
});
