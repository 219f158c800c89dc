import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { EVERYTHING, needsOf } from '../../src/harness/setup/needs.ts';
import { passingRun } from './support/passing-run.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders } from './support/stacks.ts';

/** The Iceberg sink of Kafka Connect on its real servers, which are killed: so it has a stack of its own. */

const dir = ownFolders('connect');

const SCENARIO = `
name: connect-truth
seed: 7
starts_at: 2026-11-27T10:00
retail: { stores: 6, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 1200/store/h }
  inventory: { via: bulk }
  faults:
    malformed: { rate: 2%, kinds: { truncated: 40%, wrong_type: 30%, bad_utf8: 30% } }
pipeline: { use: kafka-connect, commit_every: 2s }
stack: { partitions: 2, jit: c1 }
queries: { every: 2s, timeout: 20s }
drain_within: 3m
staleness_target: 10s
phases: [{ name: load, for: 10s }]
faults:
  - { do: kill, server: connect, during: load, at: 4s, for: 1s }
checks:
  - lost == 0
  - wrong == 0
  - never_visible(inventory) during load == 0
`;

test('a run agrees with the oracles, although Connect is killed', {
  timeout: 600_000,
}, async () => {
  const file = 'connect-truth.yaml';
  const lock = readLock();
  const needs = needsOf(lock, { ...EVERYTHING, starts: ['connect'] });
  const artifacts = locateArtifacts(defaultCacheDir(), lock, needs.artifacts);
  const record = await passingRun(
    { chosen: { kind: 'own', runtime: runtime.kind }, artifacts, clock },
    SCENARIO,
    {
      file,
      resultsDir: join(dir(), 'results'),
    },
  );
  const tables = record.truth?.tables ?? [];
  expect(tables.map(({ table, copies }) => [table, copies])).toEqual([
    ['pos', 'kept'],
    ['inventory', 'kept'],
    ['dead_letter', 'kept'],
  ]);
  expect(tables.every(({ expected }) => expected > 0)).toBe(true);
  // What the killed worker had sent to the dead letters since its last commit, it sends again (ADR 51).
  const ofRecords = tables.filter(({ table }) => table !== 'dead_letter');
  expect(ofRecords.map(({ duplicated }) => duplicated)).toEqual([0, 0]);
  expect(Object.keys(record.environment.versions)).toEqual(
    expect.arrayContaining(['connect', 'connect-iceberg']),
  );
});
