import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { loaders } from './support/loaders.ts';
import { passingRun } from './support/passing-run.ts';
import { ownFolders } from './support/stacks.ts';

/** A loader into DuckLake, on the real servers. */

const artifacts = locateArtifacts(defaultCacheDir(), readLock());
const dir = ownFolders('ducklake');
let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

const SCENARIO = `
name: ducklake-truth
seed: 7
starts_at: 2026-11-27T10:00
retail: { stores: 6, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 1200/store/h }
  wms: { delist: 20% }
  cart: { sessions: 2/s }
  loyalty: {}
  inventory: { via: bulk }
  faults:
    duplicates: { rate: 10%, delay: 1s, delay_max: 4s }
    malformed: { rate: 2% }
    redelivery: { every: 6s, last: 20 }
# A load has more receipts than that, and fewer points.
pipeline: { use: ducklake, commit_every: 2s, stages: { ducklake-load: { inline_rows: 4 } } }
stack: { partitions: 2 }
queries: { every: 2s, timeout: 20s }
drain_within: 3m
phases: [{ name: load, for: 16s }]
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
  - never_visible(inventory) during load == 0
  - cost(loader) > 0
`;

test('a run agrees with the oracles, with rows in files and in the catalog, and a loader that is killed', {
  timeout: 600_000,
}, async () => {
  let killed = 0;
  const record = await passingRun({ chosen: { kind: 'shared', on }, artifacts, clock }, SCENARIO, {
    file: 'ducklake-truth.yaml',
    resultsDir: join(dir(), 'results'),
    onEvent(event) {
      if (event.kind !== 'tick' || event.tick.phase !== 'load' || killed > 0) return;
      for (const pid of loaders()) killed += Number(process.kill(pid, 'SIGKILL'));
    },
  });
  expect(killed).toBe(1);
  expect(record.canaries).toMatchObject({ never: 0, disjoint: 0 });
  expect(record.truth?.tables.map(({ lost, duplicated }) => lost + duplicated)).toEqual(
    Array(6).fill(0),
  );
  expect(record.truth?.tables.every(({ expected }) => expected > 0)).toBe(true);
});
