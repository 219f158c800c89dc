import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseScenario } from '../../scenario/parse.ts';
import type { Recording } from '../../scenario/recording.ts';
import { packageRoot } from '../entry.ts';
import { withRecording } from './open.ts';

const EXPORTS = join(packageRoot, 'test/fixtures/tape/exports');
const documented = readFileSync(join(packageRoot, 'docs/recordings.md'), 'utf8');

/** The maps of docs/recordings.md, as they stand there, by the file that they read. */
const maps = new Map(
  [...documented.matchAll(/```yaml\n(tape: .*?)```/gs)].map(([, text = '']) => {
    const pos = parse(text) as { readonly tape: string };
    return [pos.tape, pos];
  }),
);

async function recordingOf(file: string): Promise<Recording> {
  const text = JSON.stringify({
    name: 'exported',
    retail: { stores: 2, skus: 20 },
    traffic: { pos: maps.get(file) },
    phases: [{ name: 'only', for: '10s' }],
  });
  const parsed = {
    ...parseScenario(text, { file: 'exported.yaml' }),
    file: 'exported.yaml',
    dir: EXPORTS,
  };
  const { scenario } = await withRecording(parsed, EXPORTS, null);
  const recording = scenario.traffic.pos?.tape?.recording;
  if (!recording) throw new Error(`${file} was not read`);
  return recording;
}

/** Per receipt: when, its store and member, and quantity, amount and discount of each line. */
function receiptsOf(recording: Recording) {
  const { atMs, store, member, firstLine, quantity, amountCents, discountCents } = recording;
  return Array.from(atMs, (ms, i) => ({
    minute: ms / 60_000,
    store: store[i],
    member: member[i],
    lines: Array.from(
      { length: (firstLine[i + 1] as number) - (firstLine[i] as number) },
      (_, k) => {
        const line = (firstLine[i] as number) + k;
        return [quantity[line], amountCents[line], discountCents[line]];
      },
    ),
  }));
}

test('every export is documented, and every documented map has its export', () => {
  expect([...maps.keys()].sort()).toEqual(readdirSync(EXPORTS).sort());
});

test('UCI Online Retail: unit prices, US dates, cancellations, a bad debt, Latin-1', async () => {
  const recording = await recordingOf('online-retail.csv');
  expect(recording).toMatchObject({ stores: 1, members: 3, measures: 0, turned: 0 });
  expect([recording.from, recording.to]).toEqual(['2010-12-01T08:26:00', '2011-08-12T14:51:00']);
  expect(receiptsOf(recording).map(({ member, lines }) => ({ member, lines }))).toEqual([
    {
      member: 0,
      lines: [
        [6, 1_530, 0],
        [6, 2_034, 0],
      ],
    },
    { member: 0, lines: [[6, 1_110, 0]] },
    { member: 1, lines: [[-1, -339, 0]] },
    {
      member: -1,
      lines: [
        [56, 0, 0],
        [1, 31, 0],
      ],
    },
    { member: 2, lines: [[74_215, 7_718_360, 0]] },
    { member: -1, lines: [[1, -1_106_206, 0]] },
  ]);
  expect(Math.min(...recording.priceCents)).toBe(0);
});

test('Dunnhumby: days as numbers, times without zeros, negative discounts, fuel', async () => {
  const recording = await recordingOf('transaction_data.csv');
  expect(recording).toMatchObject({ stores: 3, members: 3, measures: 1 });
  expect([recording.from, recording.to]).toEqual(['2017-01-01T00:05:00', '2017-01-04T09:05:00']);
  expect(receiptsOf(recording).map(({ minute, lines }) => ({ minute, lines }))).toEqual([
    {
      minute: 0,
      lines: [
        [1, 219, 0],
        [2, 500, 98],
      ],
    },
    {
      minute: 16 * 60 + 26,
      lines: [
        [1, 139, 60],
        [1, 82, 0],
      ],
    },
    { minute: 3 * 1_440 + 9 * 60, lines: [[1, 3_020, 0]] },
  ]);
});

test('Square: dollar signs, thousands, a weight, a refund, no member', async () => {
  const recording = await recordingOf('square-items.csv');
  expect(recording).toMatchObject({ stores: 2, members: 2, measures: 1, turned: 0 });
  expect(receiptsOf(recording).map(({ member, lines }) => ({ member, lines }))).toEqual([
    {
      member: 0,
      lines: [
        [1, 450, 0],
        [2, 630, 70],
      ],
    },
    { member: -1, lines: [[1, 1_225, 0]] },
    { member: 1, lines: [[1, 129_900, 0]] },
    { member: 0, lines: [[-1, -450, 0]] },
  ]);
});

test('Shopify: several rows of an order, a note of two lines, offsets of two seasons', async () => {
  const recording = await recordingOf('orders_export_1.csv');
  expect([recording.from, recording.to]).toEqual(['2025-03-03T09:00:00', '2025-03-10T09:00:00']);
  expect(receiptsOf(recording).map(({ member, lines }) => ({ member, lines }))).toEqual([
    {
      member: 0,
      lines: [
        [2, 1_800, 200],
        [1, 2_000, 0],
      ],
    },
    { member: -1, lines: [[1, 1_000, 0]] },
    { member: 1, lines: [[1, 2_000, 0]] },
  ]);
});

test('a German till: semicolons, a decimal comma, a value for no member, gzipped', async () => {
  const recording = await recordingOf('kassenbons.csv.gz');
  expect(recording).toMatchObject({ stores: 2, members: 2, measures: 1 });
  expect(receiptsOf(recording).map(({ member, lines }) => ({ member, lines }))).toEqual([
    {
      member: -1,
      lines: [
        [4, 160, 0],
        [1, 498, 0],
      ],
    },
    { member: 0, lines: [[1, 129_900, 0]] },
    { member: 1, lines: [[-2, -80, 0]] },
  ]);
});
