// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the pipelines stay as they are
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { labOn } from '../../src/harness/experiment/lab.ts';
import { pipelineFor } from '../../src/harness/pipelines/load.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { endOf } from '../support/completed.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { ownFolders } from './support/stacks.ts';

/** The tables of a pipeline may have any name: here the stock is in `stock`, and refused records in `refused`. */
const TABLES = { inventory: 'stock', dead_letter: 'refused' } as const;

const scenario = (checks: readonly string[]) => {
  const file = 'datasets.yaml';
  const text = `
name: datasets
seed: 32
starts_at: 2026-11-27T10:00
retail: { stores: 2, skus: 60, assortment: 30, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 2400/store/h }
  inventory: { via: bulk }
  faults: { malformed: { rate: 20% } }
pipeline: { use: ./renamed, commit_every: 2s }
stack: { partitions: 1 }
queries: { every: 2s, timeout: 20s }
canaries: { rate: 1/s }
drain_within: 3m
phases: [{ name: load, for: 12s }]
checks: [${checks.map((one) => `'${one}'`).join(', ')}]
`;
  return { ...parseScenario(text, { file }), file };
};
const CHECKS = [
  'staleness(inventory).p50 < 1h',
  'age(stock).max < 1h',
  'files(stock) < 1000',
  'files(refused) < 1000',
  'lost == 0',
  'duplicated == 0',
];

const dir = ownFolders('datasets')();
let on: SharedStack;
beforeAll(async () => {
  const renamed = join(dir, 'renamed');
  cpSync(join(packageRoot, 'pipelines/cdc-upsert'), renamed, { recursive: true });
  for (const file of readdirSync(renamed, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(sql|yaml)$/.test(file)) continue;
    let text = readFileSync(join(renamed, file), 'utf8');
    for (const [from, to] of Object.entries(TABLES)) {
      text = text
        .replaceAll(`\${namespace}.${from}`, `\${namespace}.${to}`)
        .replace(new RegExp(`^  ${from}:`, 'm'), `  ${to}:`);
    }
    writeFileSync(join(renamed, file), text);
  }
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

function metric(record: RunRecord, name: string, of: string) {
  return record.metrics.find(
    (one) => one.name === name && one.of === of && [null, 'load'].includes(one.phase),
  );
}

test('a stock table of another name is measured, checked, polled and judged', {
  timeout: 600_000,
}, async () => {
  const { record } = await labOn({
    chosen: { kind: 'shared', on },
    artifacts: locateArtifacts(defaultCacheDir(), readLock()),
    clock,
  }).run({
    parsed: scenario(CHECKS),
    resultsDir: join(dir, 'results'),
    baseDir: dir,
    signal: new AbortController().signal,
    reproduce: 'doorbuster run datasets.yaml',
    onEvent: () => {},
  });
  expect(endOf(record)).toBe('completed');
  for (const name of ['staleness', 'age', 'store_age', 'files', 'never_visible']) {
    expect(metric(record, name, 'stock')?.n, name).toBeGreaterThan(0);
    expect(metric(record, name, 'inventory'), name).toBeUndefined();
  }
  const ofStock = ['store-lookup', 'store-page', 'low-stock', 'full-aggregate'];
  expect(ofStock.some((query) => (metric(record, 'answer_age', query)?.n ?? 0) > 0)).toBe(true);
  expect(record.checks.map(({ text, verdict }) => [text, verdict])).toEqual(
    CHECKS.map((text) => [text, 'PASS']),
  );
  // What was inserted in bulk was acknowledged by its commit, and is in no log.
  const { acknowledged, appended } = record.producing?.total ?? {};
  expect(acknowledged).toBe(appended);
  expect(record.canaries?.sent).toBeGreaterThan(5);
  expect(record.canaries?.seen).toBeGreaterThan(0);
  expect(record.canaries).toMatchObject({ never: 0, disjoint: 0 });
  const judged = record.truth?.tables.map(({ table, lost, duplicated }) => [
    table,
    lost,
    duplicated,
  ]);
  expect(judged).toEqual([
    ['pos', 0, 0],
    ['stock', 0, 0],
    ['refused', 0, 0],
  ]);
  expect(record.truth?.tables.every(({ expected }) => expected > 0)).toBe(true);
  expect(record.truth).toMatchObject({ wrong: 0, notSeenWithinMs: null });
  expect(record.regressions).toMatchObject({ table: 'stock', count: 0 });
  expect(record.promises?.phases[0]?.line.promised).toBeGreaterThan(0);
  expect(record.drain?.tables.map(({ table }) => table)).toEqual(['pos', 'refused', 'stock']);
  expect(record.headline.text).toMatch(/^stock was p50 /);
});

test('the files of a table that the pipeline does not have are refused before anything starts', () => {
  expect(() => pipelineFor(scenario(['files(inventory) < 100']), dir)).toThrow(
    /inventory is carried by stock, so write files\(stock\)\n {2}at datasets\.yaml:16:17/,
  );
});
