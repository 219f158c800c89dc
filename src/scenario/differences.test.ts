import { expect, test } from 'vitest';
import { differencesOf } from './differences.ts';
import { parseScenario } from './parse.ts';

const TEXT = `
name: mine
retail: { stores: 12, skus: 400, assortment: 60 }
traffic:
  pos: { receipts: 600/store/h }
  inventory: { preload: assortment }
phases:
  - { name: warmup, for: 2s, measured: false }
  - { name: spike, for: 8s, load: 3x }
checks:
  - lost == 0
`;

const scenario = (...set: string[]) => parseScenario(TEXT, { file: 'mine.yaml', set }).scenario;

test('a scenario does not differ from itself, nor in its name and checks', () => {
  const other = parseScenario(TEXT.replace('mine', 'other').replace('lost == 0', 'wrong == 0'), {
    file: 'other.yaml',
  });
  expect(differencesOf([scenario(), other.scenario])).toEqual([]);
});

test('settings of the pipeline are no traffic', () => {
  const [one, ...others] = differencesOf([
    scenario(),
    scenario('pipeline.commit_every=10s'),
    scenario('pipeline.use=append-ledger'),
  ]);
  expect(one).toEqual({
    ...{ path: 'pipeline.use', traffic: false },
    values: ['cdc-upsert', 'cdc-upsert', 'append-ledger'],
  });
  expect(others.map(({ path }) => path)).toEqual(['pipeline.commitEveryMs']);
});

test('stores, seed, load and duration of a phase are traffic, and a phase has its name', () => {
  const found = differencesOf([
    scenario(),
    scenario('retail.stores=13', 'seed=7', 'phases.spike.load=4x', 'phases.spike.for=9s'),
  ]);
  expect(found.map(({ path }) => path)).toEqual([
    ...['seed', 'retail.stores', 'phases.spike.forMs', 'phases.spike.load'],
  ]);
  expect(found.every(({ traffic }) => traffic)).toBe(true);
});

test('a section that only one of them has differs key by key', () => {
  const found = differencesOf([scenario(), scenario('pipeline.compaction.by=flink')]);
  expect(found.every(({ path }) => path.startsWith('pipeline.compaction.'))).toBe(true);
  expect(found.find(({ path }) => path === 'pipeline.compaction.by')?.values).toEqual([
    'none',
    'flink',
  ]);
});
