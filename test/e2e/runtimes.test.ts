import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { querySql } from '../../src/record/query-sql.ts';
import { readRecord } from '../../src/record/read.ts';
import { endOf } from '../support/completed.ts';

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-runtimes-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SCENARIO = `name: both
seed: 8
retail: { stores: 6, skus: 100, assortment: 40, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  wms: {}
  cart: { sessions: 2/s }
  loyalty: {}
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 5%, delay: 300ms, delay_max: 1s }
    malformed: { rate: 1% }
pipeline: { commit_every: 2s }
stack: { jit: c1 }
queries: { every: 3s, cold: 0 }
phases:
  - { name: only, for: 20s }
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
`;

/** What was sent in the phase, in every role and with every fault, and what became of it. */
const COUNTS = `
  SELECT stream, role, fault, how, labels, expect, count(*)::INTEGER AS n,
    sum(cents)::VARCHAR AS cents, count(acked_ms)::INTEGER AS acked
  FROM events JOIN phases ON due_ms >= start_ms AND due_ms < end_ms
  WHERE name = 'only' AND role IN ('original', 'copy') GROUP BY ALL ORDER BY ALL`;

async function recordOn(runtime: 'processes' | 'containers') {
  const scenario = join(dir, 'both.yaml');
  writeFileSync(scenario, SCENARIO);
  const results = join(dir, runtime);
  const binary = join(packageRoot, 'bin/doorbuster.js');
  const set = ['--set', `stack.runtime=${runtime}`];
  // The machine may be too busy for a valid verdict: what is asked here are counts.
  await promisify(execFile)(
    process.execPath,
    [binary, 'run', scenario, ...set, '--results', results],
    { cwd: dir, env: { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: dir }, maxBuffer: 2 ** 26 },
  ).catch((error: { code?: number; stderr?: string }) =>
    expect(EXIT.invalid, error.stderr).toBe(error.code),
  );
  const folder = join(results, readdirSync(results)[0] as string);
  return { record: readRecord(folder), counts: (await querySql(folder, COUNTS)).rows };
}

describe.skipIf(process.env.DOORBUSTER_TEST_RUNTIME !== 'containers')('one scenario', () => {
  test('on processes and in containers is the same to the last event', async () => {
    const processes = await recordOn('processes');
    const containers = await recordOn('containers');
    expect(processes.record.environment.runtime).toBe('processes');
    expect(containers.record.environment.runtime).toBe('containers');
    expect(containers.record.environment.lane).not.toBe(processes.record.environment.lane);
    expect(processes.counts.length).toBeGreaterThan(10);
    expect(containers.counts).toEqual(processes.counts);
    for (const { record } of [processes, containers]) {
      expect(endOf(record)).toBe('completed');
      expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
    }
    expect(containers.record.truth?.keysCompared).toBe(processes.record.truth?.keysCompared);
    // Of every stream in the phase as many were measured, visible or not.
    const measured = ({ record }: typeof processes) =>
      record.metrics
        .filter(({ name, phase }) => name === 'staleness' && phase === 'only')
        .map(({ of, n }) => [of, n]);
    expect(measured(processes).length).toBeGreaterThan(4);
    expect(measured(containers)).toEqual(measured(processes));
    const kinds = ({ record }: typeof processes) =>
      record.truth?.distance.map(({ fault }) => fault);
    expect(kinds(containers)).toEqual(kinds(processes));
  });
});
