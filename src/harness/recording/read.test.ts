import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { RECEIPTS_MAP } from '../../../test/support/tape.ts';
import { quoted } from '../../core/sql.ts';
import type { Recording, TapeColumns } from '../../scenario/recording.ts';
import { openDatabase } from '../clients/duckdb.ts';
import { packageRoot } from '../entry.ts';
import { RecordingProblem } from './problem.ts';
import { readRecording } from './read.ts';

const csv = join(packageRoot, 'test/fixtures/receipts.csv');
const dir = mkdtempSync(join(tmpdir(), 'doorbuster-recording-'));
afterAll(() => rmSync(dir, { recursive: true }));

const recording = await readRecording(csv, RECEIPTS_MAP);

/** The file's own lines, by the simplest reader there is. */
const rows = readFileSync(csv, 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.replace('"beans, tinned"', 'beans tinned').split(','));

test('every line is read, in the order of time, with its amount', () => {
  expect(recording.product.length).toBe(rows.length);
  expect(recording.atMs.length).toBe(new Set(rows.map(([receipt]) => receipt)).size);
  expect(recording.firstLine.at(-1)).toBe(rows.length);
  const paid = rows.reduce((sum, row) => sum + Math.round(Number(row[5]) * 100), 0);
  expect(recording.amountCents.reduce((sum, cents) => sum + cents, 0)).toBe(paid);
  const saved = rows.reduce((sum, row) => sum + Math.round(Number(row[6]) * 100), 0);
  expect(recording.discountCents.reduce((sum, cents) => sum + cents, 0)).toBe(saved);
  expect([...recording.atMs]).toEqual([...recording.atMs].sort((a, b) => a - b));
  expect(recording.atMs[0]).toBe(0);
});

test('stores and products are numbered by how much there is of them', () => {
  const counts = (values: Int32Array, n: number) =>
    Array.from({ length: n }, (_, rank) => values.filter((value) => value === rank).length);
  const falling = (values: readonly number[]) =>
    values.every((value, i) => i === 0 || value <= (values[i - 1] as number));
  expect(falling(counts(recording.product, recording.priceCents.length))).toBe(true);
  expect(falling(counts(recording.store, recording.stores))).toBe(true);
  expect(recording.stores).toBe(5);
  expect(recording.members).toBe(4);
  expect(recording.member.includes(-1)).toBe(true);
});

test('a volume and a weight are one unit each and counted; nothing scanned and brought back stay', () => {
  expect(recording.measures).toBe(2);
  const lines = Array.from(recording.quantity, (quantity, i) => [
    quantity,
    recording.amountCents[i] as number,
  ]);
  for (const line of [
    [1, 4_190],
    [1, 783],
    [0, 0],
    [3, 500],
    [-1, -899],
  ]) {
    expect(lines).toContainEqual(line);
  }
});

test('times are those of the shops', async () => {
  // 09:01:04 UTC, five hours ahead of New York on 3 March.
  expect(recording.from).toBe('2025-03-03T04:01:04');
  expect(recording.hours.weekday.reduce((sum, n) => sum + n, 0)).toBe(recording.atMs.length);
  expect(recording.hours.weekday[4]).toBeGreaterThan(0);
  const local = await readRecording(csv, { ...RECEIPTS_MAP, atZone: null });
  expect(local.from).toBe('2025-03-03T09:01:04');
  expect([...local.atMs]).toEqual([...recording.atMs]);
});

test('CSV, NDJSON and Parquet of the same lines are the same recording', async () => {
  const database = await openDatabase(':memory:', { memoryMb: 256, threads: 1 });
  const connection = await database.connect();
  const plain = ({ sha256: _, ...columns }: Recording) => JSON.stringify(columns);
  try {
    for (const [ending, format] of [
      ['ndjson', 'JSON'],
      ['parquet', 'PARQUET'],
    ] as const) {
      const path = join(dir, `receipts.${ending}`);
      await connection.run(
        `COPY (FROM read_csv(${quoted(csv)})) TO ${quoted(path)} (FORMAT ${format})`,
      );
      const other = await readRecording(path, RECEIPTS_MAP);
      expect(plain(other)).toBe(plain(recording));
      expect(other.sha256).not.toBe(recording.sha256);
    }
  } finally {
    connection.close();
    database.close();
  }
});

test('its columns are in memory that threads share', () => {
  for (const column of [recording.atMs, recording.product, recording.quantity]) {
    expect(column.buffer).toBeInstanceOf(SharedArrayBuffer);
  }
});

const HEAD = 'receipt,shop,rung_up_at,item,units,paid,saved,card\n';
const LINE = '1,north,2025-03-03T09:01:04Z,apples,1,2.49,,\n';

test.each([
  ['holds no line', 'tape', HEAD, {}],
  ['did you mean "item"? (known here: receipt, shop,', 'sku', HEAD + LINE, { sku: 'itm' }],
  [
    'line 3: rung_up_at is "yesterday", and must be a timestamp, like 2017-11-24 09:30:00',
    'at',
    HEAD + LINE + LINE.replace('2025-03-03T09:01:04Z', 'yesterday'),
    {},
  ],
  [
    'line 2: units is "a few", and must be a number',
    'quantity',
    HEAD + LINE.replace(',1,2.49', ',a few,2.49'),
    {},
  ],
  [
    'line 2: paid is empty; 2 more rows are like it',
    'amount',
    HEAD + LINE.replace('2.49', '').repeat(3),
    {},
  ],
  [
    'line 2: saved is "lots", and must be an amount, like 0.50, or empty',
    'discount',
    HEAD + LINE.replace('2.49,', '2.49,lots'),
    {},
  ],
  ['line 2: shop is empty', 'store', HEAD + LINE.replace('north', ''), {}],
] as const)('a recording that is wrong: %s', async (message, key, text, map) => {
  const path = join(dir, 'wrong.csv');
  writeFileSync(path, text);
  const read = readRecording(path, {
    ...RECEIPTS_MAP,
    columns: { ...RECEIPTS_MAP.columns, ...(map as Partial<TapeColumns>) },
  });
  const problem = await read.catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(RecordingProblem);
  expect((problem as RecordingProblem).message).toContain(message);
  expect((problem as RecordingProblem).key).toBe(key);
});

test.each([
  ['receipts.xlsx', '', 'has an unknown format; known are .csv, .tsv, .ndjson, .jsonl, .parquet'],
  ['cut.parquet', 'PAR1', 'cannot be read: '],
  ['broken.ndjson', '{"receipt": 1\n', 'cannot be read: '],
  ['empty.csv', '', 'the recording has no column "receipt"'],
] as const)('a file that cannot be read: %s', async (name, text, message) => {
  const path = join(dir, name);
  writeFileSync(path, text);
  const problem = await readRecording(path, RECEIPTS_MAP).catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(RecordingProblem);
  expect((problem as RecordingProblem).message).toContain(message);
});
