import { afterEach, beforeEach, expect, test } from 'vitest';
import { images } from '../../../test/support/datasets.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { type FactRow, type Facts, openFacts } from '../facts.ts';
import type { MaintenanceWork, MeasureContext } from './context.ts';
import { type MaintenanceMeasured, measureMaintained } from './maintained.ts';
import { measuringOf } from './measure.ts';

const T0 = 1_795_788_000_000;
const { scenario } = parseScenario(
  `name: by-hand
retail: { stores: 2 }
traffic: { pos: {}, inventory: {} }
pipeline: { compaction: { by: spark, trigger: { every: 60s } } }
phases: [{ name: calm, for: 10m }]
`,
  { file: 'by-hand.yaml' },
);

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
});
afterEach(() => facts.close());

/** A run of maintenance that spent so many core-seconds; times are seconds since t0. */
function work(fromS: number, toS: number, more: Partial<MaintenanceWork> = {}): MaintenanceWork {
  return {
    ...{ startMs: T0 + fromS * 1_000, endMs: T0 + toS * 1_000, coreSeconds: 6 },
    ...{ committed: true, tables: ['inventory'], steps: [], ...more },
  };
}

async function measured(...maintained: MaintenanceWork[]): Promise<MaintenanceMeasured[]> {
  const context: MeasureContext = {
    ...{ scenario, t0Ms: T0, endedMs: T0 + 600_000, datasets: [images('upsert')], maintained },
    ...{ engine: 'duckdb', cores: 2, servers: null, clockApartMs: 0, flinkOnOurClock: true },
    ...{ appended: null, incidents: [], compactions: [], truth: null, promises: null },
  };
  const sql = await facts.connect();
  try {
    return await measureMaintained(await measuringOf(sql, context));
  } finally {
    sql.close();
  }
}

/** Background queries, one a second from `fromS` on, with the core-seconds of each. */
async function queries(fromS: number, cpuS: readonly number[], more: FactRow = {}): Promise<void> {
  await facts.append(
    'queries',
    cpuS.map((cpu_s, i) => {
      const at = T0 + (fromS + i) * 1_000;
      const times = { intended_ms: at, start_ms: at, end_ms: at + 500 };
      return {
        name: 'scan',
        phase: 'calm',
        mode: 'trickle',
        ...times,
        cpu_s,
        outcome: 'ok',
        ...more,
      };
    }),
  );
}

const times = (n: number, cpuS: number) => Array<number>(n).fill(cpuS);

test('it pays back by the ten answers nearest to it: what files cost long before it does not count', async () => {
  await queries(0, [...times(40, 9), ...times(10, 3)]);
  await queries(70, [...times(10, 1), ...times(40, 9)]);
  const [run] = await measured(work(60, 68));
  expect(run).toMatchObject({ roundBefore: 3, roundAfter: 1 });
  expect(run?.payback).toEqual({
    ...{ kind: 'pays back', rounds: 3, interval: { low: 3, high: 3 }, n: 10 },
  });
});

test('a run belongs to the time between the run before it and the one after it', async () => {
  await queries(0, times(20, 3));
  await queries(30, times(9, 1));
  await queries(50, times(20, 1));
  const [first, second] = await measured(work(20, 29), work(40, 49));
  const few = { kind: 'no data', reason: expect.stringContaining('scan has only 9 answers') };
  expect(first?.payback).toMatchObject(few);
  expect(second?.payback).toMatchObject(few);
});

test('one that failed saved nothing, and ends what the one before it gained', async () => {
  await queries(0, times(10, 3));
  await queries(20, times(5, 1));
  await queries(40, times(20, 1));
  const [first, failed] = await measured(work(12, 18), work(30, 35, { committed: false }));
  expect(first?.payback).toMatchObject({ reason: expect.stringContaining('only 5 answers') });
  expect(failed?.payback).toEqual({ kind: 'no data', reason: 'the run did not commit' });
});

test('an answer that is missing among the nearest leaves no round, and a skipped query is no answer', async () => {
  await queries(0, times(10, 3));
  await queries(20, times(3, 0), { outcome: 'skipped' });
  await queries(23, times(10, 1));
  const run = work(12, 18);
  expect((await measured(run))[0]?.payback).toMatchObject({ kind: 'pays back', rounds: 3 });
  await queries(19, [1], { outcome: 'timeout' });
  expect((await measured(run))[0]?.payback).toMatchObject({
    reason: 'no round after the compaction in which every query gave an answer',
  });
});

test('traffic is that of its time, in proportion at its ends, and that of as long before it', async () => {
  const sample = (s: number, requests: number) => ({
    ...{ at_ms: T0 + s * 1_000, api: '*', requests, bytes_in: 10 * requests, bytes_out: requests },
  });
  // 1 a second until 20, 5 a second from then on; the store restarts at 24.
  await facts.append('s3', [
    ...[sample(10, 100), sample(20, 110), sample(22, 120), sample(24, 10), sample(30, 40)],
  ]);
  const [run] = await measured(work(20, 25));
  // 10 until 22, 10 after the restart, and a sixth of the 30 after that.
  expect(run?.s3).toEqual({ requests: 25, bytesIn: 250, bytesOut: 25 });
  expect(run?.s3Before).toEqual({ requests: 5, bytesIn: 50, bytesOut: 5 });
  const [late] = await measured(work(28, 32));
  expect(late?.s3).toBeNull();
  expect(late?.lacking).toEqual([
    'staleness: nothing was due while it ran',
    'query latency: no query was intended while it ran',
    'S3 requests: the object store was not sampled from its start to its end',
  ]);
});

test('each action has its own files and traffic', async () => {
  await facts.append(
    's3',
    [0, 10, 20, 30].map((s) => ({
      ...{ at_ms: T0 + s * 1_000, api: '*', requests: s, bytes_in: 0, bytes_out: 0 },
    })),
  );
  await facts.append('commits', [
    { table_name: 'inventory', sequence_number: 1, snapshot_ms: T0 + 1_000, data_files: 9 },
    { table_name: 'inventory', sequence_number: 2, snapshot_ms: T0 + 12_000, data_files: 1 },
  ]);
  const at = (s: number) => T0 + s * 1_000;
  const steps = [
    { startMs: at(10), endMs: at(14) },
    { startMs: at(14), endMs: at(24) },
  ];
  const [run] = await measured(work(10, 24, { steps }));
  expect(run?.steps).toMatchObject([
    { before: { dataFiles: 9 }, after: { dataFiles: 1 }, s3: { requests: 4 } },
    { before: { dataFiles: 1 }, after: { dataFiles: 1 }, s3: { requests: 10 } },
  ]);
});

test('files are those of the last commits until it began and until it ended, of its tables alone', async () => {
  const commit = (n: number, s: number, files: number, more: FactRow = {}) => ({
    ...{ table_name: 'inventory', snapshot_id: `s${n}`, sequence_number: n, operation: 'append' },
    ...{ snapshot_ms: T0 + s * 1_000, missed_ms: null, seen_ms: T0 + s * 1_000 + 50 },
    ...{ data_files: files, equality_delete_files: files, position_delete_files: 0 },
    ...{ live_bytes: files * 100, added_bytes: 100, ...more },
  });
  await facts.append('commits', [
    ...[
      commit(1, 1, 5),
      commit(2, 9, 8),
      commit(4, 14, 2, { operation: 'replace', added_bytes: 700 }),
    ],
    ...[commit(3, 12, 9), commit(5, 30, 3), commit(9, 9, 50, { table_name: 'pos' })],
  ]);
  const [run, none] = await measured(work(10, 15), work(40, 41, { tables: ['other'] }));
  expect(run?.before).toEqual({
    ...{ dataFiles: 8, equalityDeleteFiles: 8, positionDeleteFiles: 0, bytes: 800 },
  });
  expect(run?.after).toMatchObject({ dataFiles: 2, bytes: 200 });
  expect(run?.writtenBytes).toBe(700);
  expect(none).not.toHaveProperty('before');
});
