import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DoorbusterError } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { packageRoot } from '../entry.ts';
import { type ScenarioOnDisk, withRecording } from './open.ts';
import { recordingSection } from './record.ts';

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-open-'));
afterAll(() => rmSync(dir, { recursive: true }));

const TEXT = `name: recorded
retail: { stores: 3, skus: 40 }
traffic:
  pos:
    tape: receipts.csv
    map: { receipt: receipt, store: shop, at: rung_up_at, sku: item, quantity: units, amount: paid }
phases:
  - { name: only, for: 10s }
`;

function scenario(text: string, set: readonly string[] = []): ScenarioOnDisk {
  const fixtures = join(packageRoot, 'test/fixtures');
  return {
    ...parseScenario(text, { file: 'recorded.yaml', set }),
    file: 'recorded.yaml',
    dir: fixtures,
  };
}

async function refusal(parsed: ScenarioOnDisk): Promise<string> {
  const error = await withRecording(parsed, dir, null).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DoorbusterError);
  expect((error as DoorbusterError).exitCode).toBe(EXIT.badInput);
  return (error as DoorbusterError).message;
}

test('a recording is found next to its scenario, and its content is in the hash and in the record', async () => {
  const parsed = scenario(TEXT);
  const opened = await withRecording(parsed, dir, null);
  expect(opened.hash).not.toBe(parsed.hash);
  expect(await withRecording(scenario(TEXT), dir, null)).toEqual(opened);
  expect(recordingSection(opened.scenario)).toMatchObject({
    file: 'receipts.csv',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    receipts: 69,
    lines: 194,
    stores: 5,
    measures: 2,
  });
  writeFileSync(
    join(dir, 'receipts.csv'),
    'receipt,shop,rung_up_at,item,units,paid\n1,a,2025-03-03,x,1,1\n',
  );
  const other = await withRecording({ ...parsed, dir }, dir, null);
  expect(other.hash).not.toBe(opened.hash);
});

test('returns are the recorded share', async () => {
  const { scenario: opened } = await withRecording(scenario(TEXT), dir, null);
  expect(opened.traffic.pos?.returns).toBeCloseTo(1 / 69, 9);
});

test('a scenario without a tape is left as it is', async () => {
  const parsed = scenario(TEXT.replace(/ {4}(tape|map):.*\n/g, '').replace('pos:', 'pos: {}'));
  expect(await withRecording(parsed, dir, null)).toBe(parsed);
});

test('an error in a recording is framed at its key in the scenario', async () => {
  expect(await refusal(scenario(TEXT.replace('sku: item', 'sku: itm')))).toMatchInlineSnapshot(`
    "recorded.yaml has a problem

    traffic.pos.map.sku: the recording has no column "itm": did you mean "item"? (known here: receipt, shop, rung_up_at, item, units, paid, saved, card)
      at recorded.yaml:6:64
      5 |     tape: receipts.csv
      6 |     map: { receipt: receipt, store: shop, at: rung_up_at, sku: itm, quantity: units, amount: pai…
        |                                                                ^^^"
  `);
  expect(await refusal(scenario(TEXT.replace('paid', 'item')))).toContain(
    'line 2: item is "apples", and must be an amount',
  );
});

test('no such file, a folder, an unknown data set, an unknown file of it: all framed', async () => {
  expect(await refusal(scenario(TEXT, ['traffic.pos.tape=none.csv']))).toMatch(
    /there is no file .*none\.csv\n {2}from --set traffic\.pos\.tape=none\.csv/,
  );
  expect(await refusal(scenario(TEXT, ['traffic.pos.tape=.']))).toContain('is not a file');
  expect(
    await refusal(scenario(TEXT.replace('receipts.csv', 'dataset:completejorney/x'))),
  ).toContain(
    'there is no data set "completejorney": did you mean "completejourney"?\n  at recorded.yaml:5:11',
  );
  expect(
    await refusal(
      scenario(TEXT.replace('receipts.csv', 'dataset:completejourney/transaction.parquet')),
    ),
  ).toContain('did you mean "transactions.parquet"?');
});

test('a data set that is not in the cache is left unread where nothing may be fetched', async () => {
  const parsed = scenario(
    TEXT.replace('receipts.csv', 'dataset:completejourney/transactions.parquet'),
  );
  expect(await withRecording(parsed, dir, null)).toBe(parsed);
});
