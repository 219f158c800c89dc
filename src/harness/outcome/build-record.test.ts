import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXIT } from '../../core/exit-codes.ts';
import { readRecord } from '../../record/read.ts';
import { type RunRecord, recordSchema } from '../../record/record.ts';
import { startedRecord } from '../../record/write.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { parseManifest } from '../../topology/manifest.ts';
import { type Facts, openFacts } from '../facts.ts';
import { noneRead } from '../truth/read-tables.ts';
import type { TableCopies } from '../truth/tables-under-test.ts';
import { buildRecord } from './build-record.ts';
import type { Observed } from './observed.ts';

/** What goes wrong once everything is measured must not take the measurements along. */

const T0 = 1_795_770_000_000;
const first = startedRecord(
  readRecord(fileURLToPath(new URL('../../../test/fixtures/black-friday', import.meta.url))),
);
const { scenario } = parseScenario(
  `
name: receipts
retail: { stores: 1, skus: 20, assortment: 10 }
traffic: { pos: {} }
phases: [{ name: only, for: 10s }]
checks: ['staleness(pos).p50 during only < 6s', 'lost == 0']
`,
  { file: 'receipts.yaml' },
);
const manifest = parseManifest(
  `
name: mine
tier: 3
headline: one table of receipts
datasets:
  receipts: { carries: pos, semantics: append, first_of: [event_id] }
  refused: { carries: rejected, semantics: append, first_of: [topic, part, kafka_offset] }
queries: {}
`,
  'mine/pipeline.yaml',
);

let dir: string;
let facts: Facts;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-conclude-'));
  facts = await openFacts();
  const rows = Array.from({ length: 40 }, (_, i) => ({ id: `r${i}`, atMs: T0 + i * 200 }));
  await facts.append(
    'events',
    rows.map(({ id, atMs }, i) => ({
      ...{ stream: 'pos', event_id: id, store_id: 1, role: 'original', expect: 'row' },
      ...{ occurred_ms: atMs, claimed_ms: atMs, due_ms: atMs, sent_ms: atMs, acked_ms: atMs + 1 },
      ...{ kafka_ms: atMs + 1, part: 0, kafka_offset: i, bytes: 10, cents: 100 },
    })),
  );
  await facts.append('phases', [
    { name: 'only', kind: 'load', measured: true, start_ms: T0, end_ms: T0 + 10_000 },
  ]);
  await facts.append('commits', [
    {
      ...{ table_name: 'receipts', snapshot_id: '1', sequence_number: 1, operation: 'append' },
      ...{
        snapshot_ms: T0 + 8_500,
        missed_ms: T0 + 8_900,
        seen_ms: T0 + 9_000,
        read_ms: T0 + 9_100,
      },
      ...{ added_data_files: 1, added_equality_delete_files: 0, added_position_delete_files: 0 },
      ...{ added_dvs: 0, added_rows: 40, added_bytes: 400, data_files: 1, live_bytes: 400 },
      ...{ equality_delete_files: 0, position_delete_files: 0, live_rows: 40, manifests: 1 },
      ...{ manifest_bytes: 100, snapshots: 1 },
    },
  ]);
  await facts.append(
    'sightings',
    rows.map(({ id, atMs }) => ({
      ...{ table_name: 'receipts', snapshot_id: '1', event_id: id, store_id: 1 },
      ...{ occurred_ms: atMs, due_ms: atMs, kafka_ms: atMs + 1, flink_ms: atMs + 2 },
    })),
  );
  await facts.run(`
    CREATE TABLE receipts AS SELECT event_id, store_id, kafka_ms::BIGINT AS kafka_ms,
      claimed_ms::BIGINT AS event_ts, cents AS total_cents, false AS training,
      1::BIGINT AS terminal_id, '2026-11-27' AS business_day, 1::BIGINT AS sequence_number FROM events;
    CREATE TABLE refused (topic VARCHAR, part INTEGER, kafka_offset BIGINT)`);
});
afterEach(async () => {
  await facts.close();
  await rm(dir, { recursive: true, force: true });
});

const READ: TableCopies = {
  ...{ copies: { receipts: 'receipts', refused: 'refused' }, absent: [] },
  ...{ notRead: [], readBy: { receipts: 'DuckDB', refused: 'DuckDB' } },
};

async function concluded(tables: TableCopies, more: Partial<Observed> = {}): Promise<RunRecord> {
  const observed: Observed = {
    ...{
      completed: true,
      t0Ms: T0,
      cutMs: 10_000,
      endedMs: T0 + 20_000,
      cores: 2,
      servers: null,
      clockApartMs: 0,
    },
    phases: [
      {
        ...{ name: 'only', kind: 'load', measured: true, load: 1, shape: 'constant', drain: null },
        ...{ startMs: T0, endMs: T0 + 10_000 },
      },
    ],
    ...{ incidents: [], drains: { opening: null, final: null }, compactions: [] },
    ...{ logs: [{ stream: 'pos', part: 0, appended: 40 }], tables, tablesDir: dir, bucket: null },
    maintained: null,
    views: [],
    missing: [],
    ...more,
  };
  const part = await buildRecord(
    { facts, scenario, manifest, observed, dir, note: () => {} },
    first,
  );
  return recordSchema.parse({ ...first, ...part, tookMs: 30_000 }) as RunRecord;
}

const staleness = ({ metrics }: RunRecord) =>
  metrics.find(
    ({ name, of, phase }) => name === 'staleness' && of === 'receipts' && phase === 'only',
  );

test('of a table that is judged nothing is missing, and what no table has is absent and not 0', async () => {
  const record = await concluded(READ);
  expect(record.truth).toMatchObject({ lost: 0, duplicated: 0 });
  expect(record.truth?.tables.map(({ table, readBy }) => `${table} ${readBy}`)).toEqual([
    'receipts DuckDB',
    'refused DuckDB',
  ]);
  for (const absent of ['notJudged', 'wrong', 'bookUnits', 'keysCompared']) {
    expect(record.truth).not.toHaveProperty(absent);
  }
  expect(record.truth?.tables.every((row) => row.wrong === undefined)).toBe(true);
  expect(record.checks.map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS']);
});

test('tables that could not be read are not judged: the measurements stay, and it is no pass', async () => {
  const whole = await concluded(READ);
  await facts.run('DELETE FROM book');
  const cause = new Error('the query engine died: signal SIGKILL');
  const record = await concluded(noneRead(manifest.datasets, cause));
  expect(staleness(record)).toMatchObject({ n: 40 });
  expect(staleness(record)).toEqual(staleness(whole));
  expect(record.truth).toMatchObject({
    tables: [],
    notJudged: [
      { what: 'receipts', reason: cause.message },
      { what: 'refused', reason: cause.message },
    ],
  });
  expect(record.truth).not.toHaveProperty('lost');
  expect(record.metrics.filter(({ name }) => name === 'lost')).toEqual([]);
  expect(record.checks.map(({ verdict }) => verdict)).toEqual(['PASS', 'NO_DATA']);
  // This fixture has no samples of the machine and the threads, which the oracles do not need.
  expect(record).toMatchObject({ outcome: 'completed', failures: [] });
  expect(['INVALID', 'NO_DATA']).toContain(record.verdict);
});

test('one table that was not read leaves the findings of the others', async () => {
  await facts.run(`DELETE FROM receipts WHERE event_id = 'r7'`);
  const reason = 'DuckDB timeout after 300 s';
  const record = await concluded({
    ...READ,
    copies: { receipts: 'receipts' },
    notRead: [{ dataset: 'refused', reason }],
  });
  expect(record.truth).toMatchObject({
    lost: 1,
    tables: [{ table: 'receipts', lost: 1 }],
    notJudged: [{ what: 'refused', reason }],
  });
  // What is lost is lost, whatever else could not be judged.
  expect(record).toMatchObject({ verdict: 'FAIL', exitCode: EXIT.checkFailed });
});

test('an oracle that breaks off takes neither the other one nor a number along', async () => {
  // No such column: as an engine that gives up on one statement.
  await facts.run('ALTER TABLE receipts DROP COLUMN total_cents');
  const record = await concluded(READ);
  expect(record.truth).toMatchObject({
    ...{ lost: 0, duplicated: 0, distance: [] },
    notJudged: [{ what: 'BOOK', reason: expect.stringContaining('total_cents') }],
  });
  await facts.run('DROP TABLE refused; CREATE TABLE refused (topic VARCHAR)');
  const both = await concluded(READ);
  expect(both.truth?.notJudged?.map(({ what }) => what)).toEqual(['refused', 'BOOK']);
  expect(both.truth?.tables.map(({ table }) => table)).toEqual(['receipts']);
  expect(staleness(both)).toMatchObject({ n: 40 });
});

test('files that cannot be written are named, and the rest of the record is there', async () => {
  await mkdir(join(dir, 'commits.parquet', 'in the way'), { recursive: true });
  await writeFile(join(dir, 'dimensions'), 'no folder');
  const record = await concluded(READ);
  expect(record.headline.warnings).toEqual([
    expect.stringContaining('commits.parquet was not written: '),
    expect.stringContaining('the dimensions were not written: '),
  ]);
  expect(record).toMatchObject({ outcome: 'completed', truth: { lost: 0 } });
  expect(staleness(record)).toMatchObject({ n: 40 });
  const [events] = await facts.rows<{ n: number }>(
    `SELECT count(*)::INTEGER AS n FROM read_parquet('${join(dir, 'events.parquet')}')`,
  );
  expect(events?.n).toBe(40);
});
