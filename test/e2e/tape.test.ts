import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { querySql } from '../../src/record/query-sql.ts';
import { readRecord } from '../../src/record/read.ts';
import { endOf } from '../support/completed.ts';

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-tape-e2e-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const csv = join(packageRoot, 'test/fixtures/receipts.csv');

const SCENARIO = `name: recorded
seed: 5
retail: { stores: 3, skus: 30, assortment: 30, hours: flat }
traffic:
  pos:
    receipts: 9000/store/h
    tape: receipts.csv
    map: { receipt: receipt, store: shop, at: rung_up_at, at_zone: America/New_York, sku: item, quantity: units, amount: paid, discount: saved, member: card }
  wms: {}
  inventory: {}
  faults:
    duplicates: { rate: 5%, delay: 300ms, delay_max: 1s }
    malformed: { rate: 1% }
pipeline: { use: PIPELINE, commit_every: 2s }
phases:
  - { name: only, for: 15s }
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
`;

/** What one lap of test/fixtures/receipts.csv comes to: 69 receipts. */
const LAP = { receipts: 69, lines: 194 };

/** It needs no server: what a tape replays is the same in front of any pipeline (integration/real-grocer). */
const PIPELINE = join(packageRoot, 'test/pipelines/in-process');

test('a recorded CSV is replayed, begins again, and is judged like any other tape', async () => {
  copyFileSync(csv, join(dir, 'receipts.csv'));
  writeFileSync(join(dir, 'recorded.yaml'), SCENARIO.replace('PIPELINE', PIPELINE));
  const results = join(dir, 'results');
  const binary = join(packageRoot, 'bin/doorbuster.js');
  const run = ['run', join(dir, 'recorded.yaml'), '--results', results];
  // The machine may be too busy for a valid verdict: what is asked here are counts.
  await promisify(execFile)(process.execPath, [binary, ...run], {
    cwd: dir,
    env: { ...process.env, NO_COLOR: '1' },
    maxBuffer: 64 * 2 ** 20,
  }).catch((error: { code?: number }) =>
    expect([EXIT.checkFailed, EXIT.invalid]).toContain(error.code),
  );
  const [name] = readdirSync(results);
  const folder = join(results, name as string);
  const record = readRecord(folder);
  expect(endOf(record)).toBe('completed');
  expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
  const { recording } = record.scenario;
  expect(recording).toMatchObject({ file: 'receipts.csv', ...LAP, stores: 5, measures: 2 });
  expect(recording?.replayed).toBeGreaterThan(LAP.receipts);
  // The first lap, till by till and fault by fault, takes what was recorded.
  const { rows } = await querySql(
    folder,
    `SELECT sum(cents)::INTEGER FROM (
       SELECT cents FROM events WHERE stream = 'pos' AND role = 'original'
       ORDER BY occurred_ms LIMIT ${LAP.receipts})`,
  );
  const paid = readFileSync(csv, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => Math.round(Number(line.split(',').at(-3)) * 100));
  expect(rows).toEqual([[paid.reduce((sum, cents) => sum + cents, 0)]]);
});
