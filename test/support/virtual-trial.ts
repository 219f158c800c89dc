import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openLab } from '../../src/harness/experiment/lab.ts';
import type { Trial } from '../../src/harness/experiment/trial-context.ts';
import { judgeRun } from '../../src/harness/measure/verdict.ts';
import type { Artifacts } from '../../src/harness/setup/artifacts.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { alonePipeline } from './alone.ts';
import { VirtualClock } from './virtual-clock.ts';

const SCENARIO = `
name: virtual
seed: 7
starts_at: 2026-11-27T09:00
retail: { stores: 4, skus: 40, assortment: 20, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  wms: {}
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 5%, delay: 500ms, delay_max: 4s }
    malformed: { rate: 1% }
pipeline: { use: PIPELINE, commit_every: 2s }
queries: { every: 2s, timeout: 10s, round_samples: 10, round_budget: 10s, cold: 0 }
phases:
  - { name: warmup, for: 2s, measured: false }
  - { name: spike, for: 30s, load: 3x, shape: doorbuster }
  - { name: after, do: query }
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
  - never_visible(inventory) during spike == 0
  - staleness(inventory).p99 during spike < 10s
`;

/** Folder of the trials of a test file. */
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-in-process-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/**
 * Runs one trial of a pipeline in this process, on a clock that advances only while the process is idle: seconds take
 * milliseconds. `inject`: the defects of the stage.
 */
export async function virtualTrial(
  name: string,
  inject: string,
  edit = (text: string) => text,
  {
    abortOnFail = false,
    reportSoFar = false,
    onEvent = () => {},
  }: Partial<Pick<Trial, 'abortOnFail' | 'reportSoFar' | 'onEvent'>> = {},
) {
  const pipeline = alonePipeline(dir, name, inject);
  const file = `${name}.yaml`;
  const parsed = { ...parseScenario(edit(SCENARIO.replace('PIPELINE', pipeline)), { file }), file };
  using clock = new VirtualClock(Date.UTC(2026, 10, 27, 9));
  const { signal } = new AbortController();
  await using lab = await openLab({
    ...{ scenarios: [parsed], baseDir: dir, runtime: 'processes', keep: false, clock, signal },
    // None of these artifacts is started or loaded.
    artifacts: { versions: {}, duckdbExtensions: {} } as unknown as Artifacts,
    onLine: () => {},
  });
  // Awaited here, because the clock stops on return.
  return await lab.run({
    ...{ parsed, baseDir: dir, resultsDir: join(dir, 'results'), signal },
    ...{ abortOnFail, reportSoFar, onEvent },
    reproduce: 'doorbuster run virtual.yaml',
  });
}

/** The record of a completed trial. */
export function completedRecord({ record }: { readonly record: RunRecord }) {
  if (record.outcome !== 'completed') throw new Error(JSON.stringify(record.headline));
  return record;
}

/** The verdict apart from time that other machines took, which is real in a trial on a virtual clock as well. */
export function verdictOf(record: ReturnType<typeof completedRecord>) {
  const invalid = record.invalid.filter(({ rule }) => rule !== 'steal');
  return judgeRun({ ...record, invalid }).verdict;
}

/** Staleness of the stock during the spike, ms. */
export function spikeStaleness(record: ReturnType<typeof completedRecord>) {
  const found = record.metrics.find(
    (one) => one.name === 'staleness' && one.of === 'inventory' && one.phase === 'spike',
  );
  if (found?.shape !== 'distribution') throw new Error(`no distribution of the staleness`);
  return { n: found.n, p50: found.stats.p50 ?? Number.NaN, max: found.stats.max ?? Number.NaN };
}
