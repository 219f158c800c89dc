import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { registrations } from '../../src/harness/stack/registry.ts';
import { readJournal } from '../../src/record/journal.ts';
import { querySql } from '../../src/record/query-sql.ts';
import { readRecord } from '../../src/record/read.ts';
import { endOf } from '../support/completed.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';
import { processesNaming } from '../support/processes.ts';

/** A server goes away because the scenario says so, through the built binary, in whichever runtime. */
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A run of a minute, on a machine that may have work for a quarter of an hour. */
const WITHIN = { timeout: 1_800_000 };

const runtime = process.env.DOORBUSTER_TEST_RUNTIME ?? 'processes';

const SCENARIO = `name: away
seed: 9
retail: { stores: 6, skus: 100, assortment: 40, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 5%, delay: 300ms, delay_max: 1s }
    malformed: { rate: 1% }
pipeline: { commit_every: 1s }
stack: { jit: c1, runtime: ${runtime} }
queries: { every: 3s, cold: 0 }
drain_within: 120s
phases:
  - { name: calm, for: 5s }
  - { name: outage, for: 65s }
faults:
  - { do: kill, server: flink-taskmanager, during: outage, at: 2s, for: 2s }
  - { do: pause, server: kafka, during: outage, at: 30s, for: 3s }
  - { do: kill, server: catalog, during: outage, at: 40s, for: 3s }
  - { do: kill, server: minio, during: outage, at: 50s, for: 3s }
staleness_target: 10s
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
  - recovery(flink-taskmanager) < 10m
`;

/** A run in a folder of its own. */
function doorbuster(scenario: string) {
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-faults-'));
  folders.push(dir);
  mkdirSync(join(dir, 'tmp'));
  writeFileSync(join(dir, 'away.yaml'), scenario);
  const started = startDoorbuster(dir, 'run', 'away.yaml', '--results', 'results');
  return { ...started, dir, folder: () => runIn(join(dir, 'results')) };
}

const FAULTS = [
  { act: 'kill', server: 'flink-taskmanager' },
  { act: 'pause', server: 'kafka' },
  { act: 'kill', server: 'catalog' },
  { act: 'kill', server: 'minio' },
] as const;

// Side by side: each waits for most of its time.
test.concurrent(
  'TaskManager, broker, catalog and object store, one after the other, lose nothing and double nothing',
  WITHIN,
  async () => {
    const run = doorbuster(SCENARIO);
    const code = await run.ended;
    // The machine may be too busy for a valid verdict, or for a recovery within the run: asked here is the truth.
    expect([EXIT.pass, EXIT.invalid, EXIT.checkFailed], run.said()).toContain(code);
    const folder = run.folder() as string;
    const record = readRecord(folder);
    expect(endOf(record)).toBe('completed');
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, bookUnits: 0 });
    expect(record.truth?.keysCompared).toBe(6 * 40);
    expect(record.producing?.total.appended).toBe(record.producing?.total.acknowledged);
    expect(record.checks.map(({ verdict }) => verdict).slice(0, 3)).toEqual(Array(3).fill('PASS'));

    expect(record.faults).toMatchObject(FAULTS);
    for (const { server, startMs, backMs } of record.faults ?? []) {
      expect(backMs, server).toBeGreaterThan((startMs as number) + 2_000);
    }
    const [killed] = record.faults ?? [];
    expect(killed).toMatchObject({ during: 'outage', intendedMs: 7_000 });
    expect(killed?.startMs).toBeGreaterThanOrEqual(7_000);
    // Both numbers show the outage: without running jobs nothing is committed.
    const ages = killed?.streams.map(({ ageMaxMs }) => ageMaxMs) ?? [];
    expect(Math.max(...ages)).toBeGreaterThan(2_000);
    for (const name of ['recovery', 'area_above_target']) {
      const found = record.metrics.filter((one) => one.name === name);
      expect(found.map(({ of }) => of).toSorted(), name).toEqual(
        FAULTS.map(({ server }) => server).toSorted(),
      );
      for (const { n } of found) expect(n, name).toBe(1);
    }

    // Nothing is distrusted for what the scenario asked for.
    const rules = record.invalid.map(({ rule }) => rule);
    expect(rules).not.toContain('the census read every commit');
    expect(rules).not.toContain('acknowledged is appended');
    // A server that takes long to come back does so while the next one is away.
    const { entries } = readJournal(folder);
    for (const { server } of FAULTS) {
      const states = entries.flatMap((entry) =>
        entry.kind === 'fault' && entry.server === server ? [entry.state] : [],
      );
      expect(states, server).toEqual(['asked', 'away', 'back']);
    }
    const { rows } = await querySql(
      folder,
      'SELECT act, server, back_ms > away_ms AS back FROM faults ORDER BY away_ms',
    );
    expect(rows).toEqual(FAULTS.map(({ act, server }) => [act, server, true]));
  },
);

test.concurrent('an interrupt while a server is paused leaves nothing behind', WITHIN, async () => {
  const frozen = SCENARIO.replace(
    /^faults:\n(?: {2}- .*\n)+/m,
    'faults:\n  - { do: pause, server: kafka, during: outage, at: 0s, for: 40s }\n',
  )
    .replaceAll('recovery(flink-taskmanager)', 'recovery(kafka)')
    // Flink has no part in it.
    .replace('pipeline: {', 'pipeline: { use: batch,');
  const run = doorbuster(frozen);
  const away = () => {
    const folder = run.folder();
    return (
      folder !== undefined &&
      existsSync(join(folder, 'events.ndjson')) &&
      readJournal(folder).entries.some((one) => one.kind === 'fault' && one.state === 'away')
    );
  };
  while (!away()) {
    expect(run.child.exitCode, run.said()).toBeNull();
    await clock.sleep(100);
  }
  run.child.kill('SIGINT');
  expect(await run.ended, run.said()).toBe(EXIT.interrupted);
  const record = readRecord(run.folder() as string);
  expect(record.outcome).toBe('interrupted');
  expect(record.faults).toMatchObject([{ act: 'pause', server: 'kafka', backMs: null }]);
  expect(record.faults?.[0]).not.toHaveProperty('recoveryMs');
  expect(processesNaming(join(run.dir, 'tmp'))).toEqual([]);
  expect(registrations(join(run.dir, 'doorbuster', 'stacks'))).toEqual([]);
  expect(readdirSync(join(run.dir, 'tmp'))).toEqual([]);
});
