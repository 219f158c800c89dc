import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Recording, TapeMap } from '../../scenario/recording.ts';
import { RecordingProblem } from './problem.ts';
import { readRecording } from './read.ts';

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-dialects-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A line of a receipt, before it is formatted. */
interface RungUp {
  readonly receipt: string;
  readonly store: string;
  readonly sku: string;
  readonly minute: number;
  readonly quantity: number;
  readonly cents: number;
  readonly offCents: number;
  readonly member: string;
}

/** How a file is written. */
interface Dialect {
  readonly format: 'csv' | 'tsv' | 'ndjson';
  readonly delimiter: ',' | ';' | '|';
  readonly newline: '\n' | '\r\n' | '\r';
  readonly quotes: 'all' | 'needed';
  readonly lastNewline: boolean;
  readonly mark: boolean;
  readonly blankLines: boolean;
  readonly comma: boolean;
  readonly utf16: boolean;
  readonly gzip: boolean;
  readonly twoColumns: boolean;
  readonly usDates: boolean;
  readonly price: boolean;
}

const awkward = fc.string({
  unit: fc.constantFrom(...'ab#"\',;|\t 0é€\n\r=-{}[]%'.split('')),
  minLength: 1,
  maxLength: 8,
});
const id = fc.oneof(
  fc.nat(3).map(String),
  awkward.filter((text) => text.trim() !== ''),
  fc.constantFrom('2025030312000100001234', '2025030312000100001235', '007', '7', 'NULL', '1e3'),
);
const line: fc.Arbitrary<RungUp> = fc
  .record({
    receipt: id,
    store: id,
    sku: id,
    minute: fc.nat(600),
    quantity: fc.integer({ min: -3, max: 9 }),
    cents: fc.nat(500_000),
    offCents: fc.nat(300),
    member: fc.oneof(fc.constant(''), id),
  })
  .map((own) => ({ ...own, cents: own.quantity < 0 ? -own.cents : own.cents }));
const dialect: fc.Arbitrary<Dialect> = fc.record({
  format: fc.constantFrom('csv', 'tsv', 'ndjson'),
  delimiter: fc.constantFrom(',', ';', '|'),
  newline: fc.constantFrom('\n', '\r\n', '\r'),
  quotes: fc.constantFrom('all', 'needed'),
  lastNewline: fc.boolean(),
  mark: fc.boolean(),
  blankLines: fc.boolean(),
  comma: fc.boolean(),
  utf16: fc.boolean(),
  gzip: fc.boolean(),
  twoColumns: fc.boolean(),
  usDates: fc.boolean(),
  price: fc.boolean(),
});

const START = Date.UTC(2025, 2, 3, 9);
const HEADER = ['receipt no', 'store', 'day', 'time', 'sku', 'qty', 'money', 'saved', 'card'];

function fieldsOf(own: RungUp, { comma, twoColumns, usDates, price }: Dialect): string[] {
  const [day, time] = new Date(START + own.minute * 60_000)
    .toISOString()
    .slice(0, 19)
    .split('T') as [string, string];
  const [year, month, dom] = day.split('-') as [string, string, string];
  const date = usDates ? `${Number(month)}/${Number(dom)}/${year}` : day;
  const money = (cents: number) => {
    const text = (cents / 100).toFixed(2);
    return comma ? text.replace('.', ',') : text;
  };
  return [
    own.receipt,
    own.store,
    twoColumns ? date : `${date} ${time}`,
    time,
    own.sku,
    String(own.quantity),
    price ? money(Math.abs(own.cents)) : money(own.cents),
    own.offCents === 0 ? '' : money(own.offCents),
    own.member,
  ];
}

function mapOf({ twoColumns, usDates, price, comma, utf16 }: Dialect): TapeMap {
  return {
    columns: {
      ...{ receipt: 'receipt no', store: 'store', at: 'day', sku: 'sku', quantity: 'qty' },
      ...{ discount: 'saved', member: 'card' },
      ...(twoColumns ? { at_time: 'time' } : {}),
      ...(price ? { price: 'money' } : { amount: 'money' }),
    },
    atFormat: usDates ? '%m/%d/%Y %H:%M:%S' : null,
    ...{ atDayOne: null, atZone: null, unitsUpTo: 100, noMember: [] },
    decimal: comma ? 'comma' : 'point',
    encoding: utf16 ? 'utf-16le' : null,
  };
}

function fileOf(
  lines: readonly RungUp[],
  how: Dialect,
): { readonly name: string; readonly bytes: Buffer } {
  const { format, quotes, lastNewline, mark, blankLines, utf16, gzip } = how;
  const delimiter = format === 'tsv' ? '\t' : how.delimiter;
  const newline = format === 'ndjson' && how.newline === '\r' ? '\n' : how.newline;
  const special = new RegExp(`["\r\n${delimiter === '|' ? '\\|' : delimiter}]`);
  const cell = (text: string) =>
    quotes === 'all' || special.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const rows = lines.map((own) => fieldsOf(own, how));
  const written =
    format === 'ndjson'
      ? rows.map((row) =>
          JSON.stringify(Object.fromEntries(row.map((text, i) => [HEADER[i], text]))),
        )
      : [HEADER, ...rows].map((row) => row.map(cell).join(delimiter));
  const text =
    (mark || utf16 ? '\ufeff' : '') +
    written.join(blankLines ? newline + newline : newline) +
    (lastNewline ? newline : '');
  const bytes = Buffer.from(text, utf16 ? 'utf16le' : 'utf8');
  return { name: `tape.${format}${gzip ? '.gz' : ''}`, bytes: gzip ? gzipSync(bytes) : bytes };
}

/** What a recording says of each line, as text in an order of its own; names by their ranks are left out. */
function linesOf(recording: Recording): string[] {
  const { firstLine, atMs, member, quantity, amountCents, discountCents } = recording;
  const found: string[] = [];
  for (let receipt = 0; receipt < atMs.length; receipt++) {
    for (let i = firstLine[receipt] as number; i < (firstLine[receipt + 1] as number); i++) {
      const what = [
        atMs[receipt],
        quantity[i],
        amountCents[i],
        discountCents[i],
        (member[receipt] as number) >= 0,
      ];
      found.push(what.join(' '));
    }
  }
  return found.sort();
}

/** The same from what was rung up. */
function expectedOf(lines: readonly RungUp[], { price }: Dialect): string[] {
  const keyOf = ({ store, receipt }: RungUp) => JSON.stringify([store, receipt]);
  const first = Math.min(...lines.map(({ minute }) => minute));
  return lines
    .map((own) => {
      const receipt = lines.filter((one) => keyOf(one) === keyOf(own));
      const atMs = (Math.min(...receipt.map(({ minute }) => minute)) - first) * 60_000;
      const off = (own.quantity < 0 ? -1 : 1) * own.offCents || 0;
      const amount = price ? Math.abs(own.cents) * own.quantity - off : own.cents;
      return [
        atMs,
        own.quantity,
        amount || 0,
        off,
        receipt.some(({ member }) => member.trim() !== ''),
      ].join(' ');
    })
    .sort();
}

test('the tape has exactly the lines of the file, in any dialect', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 12 }),
      dialect,
      async (lines, how) => {
        const { name, bytes } = fileOf(lines, how);
        const path = join(dir, name);
        writeFileSync(path, bytes);
        const recording = await readRecording(path, mapOf(how));
        expect(linesOf(recording)).toEqual(expectedOf(lines, how));
        const count = (of: (own: RungUp) => string) => new Set(lines.map(of)).size;
        expect(recording.stores).toBe(count(({ store }) => store));
        expect(recording.priceCents.length).toBe(count(({ sku }) => sku));
        expect(recording.atMs.length).toBe(
          count(({ store, receipt }) => JSON.stringify([store, receipt])),
        );
      },
    ),
    { numRuns: 300 },
  );
});

/** Damage to a file: what is read then is what is written, or it is refused with a place and a reason. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(12),
  paste: fc.oneof(
    awkward,
    fc.constantFrom('\n', '"', ',', '1,2,3', '\ufeff', 'receipt no,store', '\u0000', 'infinity'),
  ),
});

test('a damaged file is read by its new content, or refused with line and reason', async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      dialect,
      damage,
      async (lines, given, { at, cut, paste }) => {
        const how: Dialect = { ...given, utf16: false, gzip: false };
        const { name, bytes } = fileOf(lines, how);
        const text = bytes.toString('utf8');
        const from = Math.floor(at * text.length);
        const path = join(dir, name);
        writeFileSync(path, text.slice(0, from) + paste + text.slice(from + cut));
        const outcome = await readRecording(path, mapOf(how)).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          refused++;
          expect(outcome).toBeInstanceOf(RecordingProblem);
          expect(outcome.message).toMatch(/line \d+|has no column|more than once|holds no line/);
        } else {
          const { firstLine, amountCents } = outcome as Recording;
          expect(firstLine.at(-1)).toBe(amountCents.length);
          expect(amountCents.every((cents) => Math.abs(cents) <= 2 ** 31)).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
  expect(refused).toBeGreaterThan(50);
});
