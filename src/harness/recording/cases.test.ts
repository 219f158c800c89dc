import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { RECEIPTS_MAP } from '../../../test/support/tape.ts';
import { quoted } from '../../core/sql.ts';
import type { Recording, TapeMap } from '../../scenario/recording.ts';
import { openDatabase } from '../clients/duckdb.ts';
import { packageRoot } from '../entry.ts';
import { LineCollector, wantedBy } from './lines.ts';
import { RecordingProblem } from './problem.ts';
import { readRecording } from './read.ts';

/** Small files that were once read wrongly. */
const CASES = join(packageRoot, 'test/fixtures/tape/cases');
const dir = mkdtempSync(join(tmpdir(), 'doorbuster-cases-'));
afterAll(() => rmSync(dir, { recursive: true }));

const COLUMNS = {
  ...{
    receipt: 'receipt',
    store: 'store',
    at: 'at',
    sku: 'sku',
    quantity: 'qty',
    amount: 'amount',
  },
};
const PLAIN: TapeMap = { ...RECEIPTS_MAP, columns: COLUMNS, atZone: null };
const map = (columns: Partial<TapeMap['columns']>, rest: Partial<TapeMap> = {}): TapeMap => ({
  ...PLAIN,
  ...rest,
  columns: { ...COLUMNS, ...columns },
});
const MEMBER = map({ member: 'card' });
const DISCOUNT = map({ discount: 'saved' });
const LATIN = map({}, { encoding: 'windows-1252' });
const US_DATES = map({}, { atFormat: '%m/%d/%y %H:%M' });

const list = (column: Int32Array | Float64Array) => [...column];

interface Case {
  readonly file: string;
  readonly with?: TapeMap;
  /** What of the recording is right. */
  readonly read?: (recording: Recording) => unknown;
  readonly is?: unknown;
  /** How it is refused. */
  readonly refused?: string;
}

const cases: readonly Case[] = [
  { file: '01d-hash-few.csv', read: ({ atMs }) => atMs.length, is: 6 },
  {
    file: '20b-cat-drift-late.csv',
    refused: 'line 402 has 7 fields, and the header has 6',
  },
  {
    file: '08d-zones.csv',
    read: ({ from, atMs }) => [from, list(atMs)],
    is: ['2025-03-03T08:00:00', [0, 3_600_000, 3_600_000]],
  },
  {
    file: '10g-offset.ndjson',
    read: ({ from, to }) => [from, to],
    is: ['2025-03-03T08:00:00', '2025-03-03T08:01:00'],
  },
  {
    file: '02-year2.csv',
    refused:
      'line 2: at is "12/1/10 8:26", and must be a timestamp, like 2017-11-24 09:30:00 (map.at_format',
  },
  {
    file: '02-year2.csv',
    with: US_DATES,
    read: ({ from, to }) => [from, to],
    is: ['2010-12-01T08:26:00', '2010-12-09T08:34:00'],
  },
  {
    file: '13-refund-pos-amount.csv',
    read: ({ quantity, amountCents, turned }) => [list(quantity), list(amountCents), turned],
    is: [[-1, 1], [-999, 999], 1],
  },
  {
    file: '13d-baddebt.csv',
    read: ({ amountCents, priceCents }) => [list(amountCents), list(priceCents)],
    is: [
      [-1_106_206, 999],
      [0, 999],
    ],
  },
  {
    file: '10b-emptymember.ndjson',
    with: MEMBER,
    read: ({ member }) => list(member),
    is: [-1, -1, 0],
  },
  {
    file: '10-empty.ndjson',
    with: DISCOUNT,
    read: ({ discountCents }) => list(discountCents),
    is: [50, 0],
  },
  { file: '10l-emptystore.ndjson', refused: 'line 1: receipt is empty' },
  {
    file: '10d-mixedstore.ndjson',
    read: ({ stores, priceCents, firstLine }) => [stores, priceCents.length, list(firstLine)],
    is: [1, 1, [0, 2]],
  },
  {
    file: '10c-mixed.ndjson',
    read: ({ stores, quantity }) => [stores, list(quantity)],
    is: [1, [1, 1]],
  },
  { file: '10f-bigid22.ndjson', read: ({ atMs }) => atMs.length, is: 2 },
  { file: '10i-dmy-date.ndjson', refused: 'line 1: at is "03-04-2025", and must be a timestamp' },
  { file: '10k-bom.ndjson', read: ({ atMs }) => atMs.length, is: 1 },
  { file: '07-idr.csv', refused: 'line 2: amount is "25000000", and must be within ±21474836.47' },
  {
    file: '05-latin1.csv',
    refused: 'line 2 is not UTF-8: map.encoding says what it is, like windows-1252',
  },
  { file: '05-latin1.csv', with: LATIN, read: ({ atMs }) => atMs.length, is: 1 },
  { file: '12g-mixed-eol.csv', read: ({ amountCents }) => list(amountCents), is: [100, 100] },
  { file: '12-trailing.csv', refused: 'line 2 has 6 fields, and the header has 7' },
];

async function refusal(path: string, by: TapeMap): Promise<string> {
  const error = await readRecording(path, by).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RecordingProblem);
  return (error as RecordingProblem).message;
}

test('every file of the fixtures has its case', () => {
  expect([...new Set(cases.map(({ file }) => file))].sort()).toEqual(readdirSync(CASES).sort());
});

test.each(cases)('$file: $refused', async ({ file, with: by = PLAIN, read, is, refused }) => {
  const path = join(CASES, file);
  if (refused !== undefined) expect(await refusal(path, by)).toContain(refused);
  else expect(read?.(await readRecording(path, by))).toEqual(is);
});

const HEAD = 'receipt,store,at,sku,qty,amount\n';
const row = (n: number, sku = 'x') => `${n},a,2025-03-03 09:00:00,${sku},1,1.00\n`;

function written(name: string, text: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

test('a field is quoted for the first time after 30,000 plain lines', async () => {
  const plain = Array.from({ length: 30_000 }, (_, i) => row(i)).join('');
  const path = written('late-quote.csv', `${HEAD}${plain}${row(30_000, '"beans, tinned"')}`);
  const { atMs, priceCents } = await readRecording(path, PLAIN);
  expect([atMs.length, priceCents.length]).toEqual([30_001, 2]);
});

test('a recording has a limit, which is named', () => {
  const gatherer = new LineCollector(PLAIN, wantedBy(PLAIN), 2);
  const line = ['1', 'a', '2025-03-03 09:00:00', 'x', '1', '1.00'];
  gatherer.take(line);
  gatherer.take(line);
  expect(() => gatherer.take(line)).toThrow('is longer than 2 lines, which must fit into memory');
});

test('the name of a file is no pattern', async () => {
  written('a1.csv', HEAD + row(1) + row(2));
  written('ab.csv', HEAD + row(1) + row(2));
  for (const name of ['a[1].csv', 'a*.csv', 'a?.csv']) {
    expect((await readRecording(written(name, HEAD + row(1)), PLAIN)).atMs.length).toBe(1);
  }
});

test('folders called at=… or store=… do not count, in Parquet neither; its own name is no pattern', async () => {
  const folder = join(dir, 'at=2025-01-01', 'store=north');
  mkdirSync(folder, { recursive: true });
  const csv = join(folder, 'a.csv');
  writeFileSync(csv, HEAD + row(1) + row(2).replace(',a,', ',b,'));
  const database = await openDatabase(':memory:', { memoryMb: 256, threads: 1 });
  const connection = await database.connect();
  const parquet = join(folder, 'p[1]*?.parquet');
  try {
    await connection.run(
      `COPY (FROM read_csv(${quoted(csv)}, hive_partitioning = false)) TO ${quoted(parquet)}`,
    );
    await connection.run(
      `COPY (FROM read_csv(${quoted(csv)}) LIMIT 1) TO ${quoted(join(folder, 'p1xy.parquet'))}`,
    );
  } finally {
    connection.close();
    database.close();
  }
  for (const path of [csv, parquet]) {
    const { from, stores } = await readRecording(path, PLAIN);
    expect([from, stores]).toEqual(['2025-03-03T09:00:00', 2]);
  }
});

test('numbers of pandas: an id column of floats is whole numbers, and NaN is no member', async () => {
  const database = await openDatabase(':memory:', { memoryMb: 256, threads: 1 });
  const connection = await database.connect();
  const path = join(dir, 'pandas.parquet');
  try {
    await connection.run(
      `COPY (SELECT * FROM (VALUES
        (1, 12.0::DOUBLE, TIMESTAMP '2025-03-03 09:00:00', 7.0::DOUBLE, 1, 1.5::DOUBLE, 17850.0::DOUBLE),
        (2, 12.0::DOUBLE, TIMESTAMP '2025-03-03 09:01:00', 7.0::DOUBLE, 1, 1.5::DOUBLE, 'NaN'::DOUBLE))
        AS t(receipt, store, "at", sku, qty, amount, card)) TO ${quoted(path)}`,
    );
  } finally {
    connection.close();
    database.close();
  }
  expect(list((await readRecording(path, MEMBER)).member)).toEqual([0, -1]);
  const text = written(
    'nan.csv',
    `${HEAD.trim()},card\n${row(1).trim()},NaN\n${row(2).trim()},0\n${row(3).trim()},m\n`,
  );
  expect(list((await readRecording(text, { ...MEMBER, noMember: ['0'] })).member)).toEqual([
    -1, -1, 0,
  ]);
});

test('a gzipped file is the same recording', async () => {
  const plain = join(packageRoot, 'test/fixtures/receipts.csv');
  const packed = join(dir, 'receipts.csv.gz');
  await pipeline(createReadStream(plain), createGzip(), createWriteStream(packed));
  const [a, b] = [
    await readRecording(plain, RECEIPTS_MAP),
    await readRecording(packed, RECEIPTS_MAP),
  ];
  expect(JSON.stringify({ ...b, sha256: a.sha256 })).toBe(JSON.stringify(a));
  expect(await refusal(written('cut.csv.gz', 'no gzip'), PLAIN)).toContain(
    'cannot be read: incorrect header check',
  );
});

test.each([
  [
    'utf-16le',
    Buffer.from(`\ufeff${HEAD}${row(1)}`, 'utf16le'),
    'the recording is UTF-16: map.encoding has to be utf-16le',
  ],
  ['no mark', Buffer.from(HEAD + row(1), 'utf16le'), 'line 1 has a byte 0, as UTF-16 has'],
  ['an endless line', 'x'.repeat(2 ** 20 + 2 ** 19), 'line 1 is longer than 1048576 bytes'],
  [
    'an open quote',
    `${HEAD}${row(1)}${row(2, '"beans')}${row(3)}`,
    'begins a quote that is never closed',
  ],
  [
    'an open quote before much',
    `${HEAD}${row(1, '"beans')}${row(3).repeat(40_000)}`,
    'has a row longer than 1048576 bytes, as after a quote that is not closed',
  ],
  [
    'a quote within',
    `${HEAD}${row(1)}${row(2, '5" pipe')}`,
    'line 3 has a quote within a field that does not begin with one',
  ],
  ['text after a quote', `${HEAD}${row(1, '"a"b')}`, 'line 2 has text after a closing quote'],
  [
    'a column twice',
    `${HEAD.replace('sku', 'store')}${row(1)}`,
    'the recording has the column "store" more than once',
  ],
  [
    'a wanted column twice',
    `${HEAD.trim()},sku\n${row(1).trim()},y\n`,
    'has the column "sku" more than once',
  ],
  [
    'a number again',
    `${HEAD}${row(1)}${row(1).replace('03-03', '03-05')}`,
    'line 3: receipt "1" has other lines more than a day away: its number is not unique in its store',
  ],
  [
    'control characters',
    `${HEAD}${row(1).replace('1.00', '"\u001b[2J"')}`,
    'line 2: amount is "\\u001b[2J", and must be an amount',
  ],
  [
    'after a quoted line feed',
    `${HEAD}${row(1, '"two\nlines"')}${row(2).replace('1.00', 'x')}`,
    'line 4: amount is "x"',
  ],
])('refused: %s', async (_name, text, message) => {
  expect(await refusal(written('refused.csv', text), PLAIN)).toContain(message);
});

test.each([
  ['infinity', 'at'],
  ['epoch', 'at'],
  ['2025-02-29 09:00:00', 'at'],
])('no time: %s', async (time) => {
  const text = HEAD + row(1).replace('2025-03-03 09:00:00', time);
  expect(await refusal(written('time.csv', text), PLAIN)).toContain(`line 2: at is "${time}"`);
  const json = `{"receipt":1,"store":"a","at":"${time}","sku":"x","qty":1,"amount":1}\n`;
  expect(await refusal(written('time.ndjson', json), PLAIN)).toContain(`line 1: at is "${time}"`);
});

test.each([
  ['[1]', 'line 1 is not a JSON object'],
  ['{"receipt":1,"store":{"id":1}}', 'line 1: store is JSON, and must be text or a number'],
  ['{"receipt":1}{"receipt":2}', 'line 1 is not JSON: at character 14'],
])('NDJSON that is refused: %s', async (text, message) => {
  expect(await refusal(written('wrong.ndjson', text), PLAIN)).toContain(message);
});
