import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import type { MaintenanceRecord } from '../record/record.ts';
import { maintenanceSection } from './maintenance.ts';

const record = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);

type Run = MaintenanceRecord['runs'][number];

/** As records had it before there was more of a run. */
const OLD: Run = {
  ...{ by: 'spark', actions: ['rewrite', 'expire'], trigger: 'time', phase: 'spike' },
  ...{ outcome: 'committed', tables: ['inventory'], startMs: 20_000, endMs: 26_000 },
  ...{ wallMs: 6_000, startupMs: 9_000, coreSeconds: 7, startupCoreSeconds: 12 },
  ...{ rewrittenFiles: 20, addedFiles: 1, rewrittenBytes: 4_096, removedDeleteFiles: 19 },
  ...{ rewrittenManifests: 0, expiredFiles: 8, staleness: [], queries: [] },
};

const files = (dataFiles: number) => {
  return { dataFiles, equalityDeleteFiles: dataFiles, positionDeleteFiles: 0, bytes: 4_096 };
};
const NEW: Run = {
  ...{ ...OLD, actions: ['rewrite', 'orphans'], trigger: 'amoro minor', removedOrphans: 3 },
  ...{ before: files(20), after: files(2), writtenBytes: 2_048, lacking: [] },
  s3: { requests: 140, bytesIn: 4_096, bytesOut: 8_192 },
  s3Before: { requests: 90, bytesIn: 4_096, bytesOut: 8_192 },
  payback: { kind: 'pays back', rounds: 2, interval: { low: 1.8, high: 2.4 }, n: 10 },
  gainLastsMs: 40_000,
  steps: [
    {
      ...{ action: 'rewrite', startMs: 20_000, endMs: 24_000, coreSeconds: 5 },
      ...{ before: files(20), after: files(1), s3: null },
    },
  ],
};

/** By table, each row as its texts by column. */
function tables(...runs: Run[]) {
  const maintenance = { runs, waitedMs: { phase: 0, queries: 0 } };
  const section = maintenanceSection({ ...record, maintenance });
  const rows = section?.tables.map(({ columns, rows }) =>
    rows.map((row) =>
      Object.fromEntries(row.map(({ text }, i) => [columns[i]?.name ?? `${i}`, text])),
    ),
  );
  return { rows, notes: section?.notes.map(({ text }) => text) };
}

test('each run has what it did, what went on meanwhile, and what it was worth', () => {
  const { rows, notes } = tables(NEW);
  expect(rows?.[0]?.[0]).toMatchObject({
    ...{ 'because of': 'amoro minor', orphans: '3', expired: '–', 'deletes gone': '19' },
  });
  expect(rows?.[1]?.[0]).toMatchObject({
    ...{ 'files before → after': '40 → 4', 'read → written': '4.0 KiB → 2.0 KiB' },
    ...{ 'S3 requests': '140', 'before it': '90', 'gain lasts': '40.0 s' },
    'pays back after': expect.stringMatching(/^2\.0.* rounds$/),
  });
  expect(rows?.[2]).toMatchObject([
    {
      action: 'rewrite',
      took: '4.00 s',
      'files before → after': '40 → 2',
      'S3 requests': 'no data',
    },
  ]);
  expect(notes).toEqual([]);
});

test('what is unknown is no number, and has its reason; a record of before has none', () => {
  const reason = 'scan has only 4 answers in a round';
  const lacking = ['S3 requests: the object store was not sampled'];
  const { rows, notes } = tables(OLD, {
    ...{ ...NEW, s3: null, s3Before: null, lacking },
    payback: { kind: 'no data', reason },
  });
  expect(rows?.[1]?.[0]).toMatchObject({
    ...{ 'files before → after': '– → –', 'read → written': '–', 'pays back after': '–' },
  });
  expect(rows?.[1]?.[1]).toMatchObject({ 'S3 requests': 'no data', 'pays back after': 'no data' });
  expect(notes).toEqual([`run 2, payback: no data — ${reason}`, `run 2, ${lacking[0]}`]);
});
