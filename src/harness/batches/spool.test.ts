import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { event } from '../../../test/integration/support/wire.ts';
import { events, rejected } from '../../../test/support/datasets.ts';
import { openDatabase } from '../clients/duckdb.ts';
import { Spool } from './spool.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-spool-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const record = (offset: number, text: string | null) => ({
  ...{ part: 2, offset: String(offset), kafkaMs: 1_000 + offset },
  value: text === null ? null : Buffer.from(text, 'latin1'),
});

test('what was decoded is read with its place, and what was rejected byte by byte', async () => {
  const spool = await Spool.open(join(dir, 'spool'));
  const sound = event('pos', 'e-1', 3, { business_day: 'a\u0000b' });
  // JSON can escape half of a surrogate pair; no file in UTF-8 can hold it.
  const half = JSON.stringify(event('pos', 'e-2', 3)).replace('"sale"', '"\\ud800"');
  await spool.add('pos', [record(7, JSON.stringify(sound)), record(8, half)], 5_000);
  await spool.add('pos', [record(9, '\xff{'), record(10, null)], 6_000);
  const database = await openDatabase(':memory:', { memoryMb: 64, threads: 1 });
  const connection = await database.connect();
  try {
    const accepted = await connection.rows(
      `SELECT event_id, store_id, business_day, type, line_sku_ids::VARCHAR AS skus, kafka_ms, flink_ms,
         arrived_part, arrived_offset FROM ${spool.rowsOf(events('pos'))} ORDER BY arrived_offset`,
    );
    const common = { store_id: 3, skus: '[11, 12]', flink_ms: 5_000, arrived_part: 2 };
    expect(accepted).toEqual([
      {
        ...{ ...common, event_id: 'e-1', business_day: 'a\u0000b', type: 'sale' },
        ...{ kafka_ms: 1_007, arrived_offset: 7 },
      },
      {
        ...{ ...common, event_id: 'e-2', business_day: '2026-11-27', type: '\ufffd' },
        ...{ kafka_ms: 1_008, arrived_offset: 8 },
      },
    ]);
    expect(
      await connection.rows(
        `SELECT topic, part, kafka_offset, reason, hex(payload) AS payload
         FROM ${spool.rowsOf(rejected())} ORDER BY kafka_offset`,
      ),
    ).toEqual([
      { topic: 'pos', part: 2, kafka_offset: 9, reason: 'bad_utf8', payload: 'FF7B' },
      { topic: 'pos', part: 2, kafka_offset: 10, reason: 'tombstone', payload: null },
    ]);
  } finally {
    connection.close();
    database.close();
  }
  expect([spool.has('pos'), spool.has('rejected'), spool.has('cart')]).toEqual([true, true, false]);
  await spool.clear();
  expect(spool.has('pos')).toBe(false);
});
