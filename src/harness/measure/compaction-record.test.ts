import { expect, test } from 'vitest';
import type { PhaseCompaction } from '../pipelines/compactions/compaction.ts';
import { compactionRecord } from './compaction-record.ts';

const T0 = 1_795_788_000_000;
const result: PhaseCompaction = {
  phase: 'compact',
  ...{ by: 'spark', outcome: 'committed', error: null, tables: ['ice.retail.inventory'] },
  ...{ startedMs: T0, engineReadyMs: T0 + 1_000, committedMs: T0 + 5_000, wallMs: 4_000 },
  ...{ startupMs: 1_000, coreSeconds: 3, startupCoreSeconds: 1 },
  ...{ rewrittenFiles: 3, addedFiles: 1, rewrittenBytes: 90, removedDeleteFiles: 3, output: '' },
  ...{ rewrittenManifests: 0, expiredFiles: 0, removedOrphans: 0, removedOrphanBytes: 0 },
  steps: [{ action: 'rewrite', startMs: T0 + 1_000, endMs: T0 + 5_000, coreSeconds: 3 }],
};
const files = { dataFiles: 3, equalityDeleteFiles: 2, positionDeleteFiles: 1, bytes: 100 };

test('each compaction has the files at its own marks, and what was measured of it', () => {
  const at = (mark: string, dataFiles: number) => ({
    ...{ mark, tMs: 0, table: 'inventory' },
    ...{ ...files, dataFiles },
  });
  const layout = {
    ...{ commits: [], bucket: null },
    marks: [at('one:start', 90), at('one', 5), at('two:start', 40), at('two', 7)],
  };
  const measured = ['two', 'one'].map((phase) => ({
    ...{ phase, staleness: [], queries: [] },
    payback: { kind: 'no data' as const, reason: phase },
  }));
  const records = ['one', 'two'].map((phase) =>
    compactionRecord({ ...result, phase }, { compactions: measured, layout, t0Ms: T0 }),
  );
  expect(records).toMatchObject([
    {
      phase: 'one',
      before: { dataFiles: 90 },
      after: { dataFiles: 5 },
      payback: { reason: 'one' },
    },
    {
      phase: 'two',
      before: { dataFiles: 40 },
      after: { dataFiles: 7 },
      payback: { reason: 'two' },
    },
  ]);
});

test('files that were not listed are absent from a compaction, and not 0', () => {
  const layout = {
    ...{ commits: [], bucket: null },
    marks: [{ mark: 'compact:start', tMs: 0, table: 'inventory', ...files }],
  };
  const record = compactionRecord(result, { compactions: [], layout, t0Ms: T0 });
  expect(record.before).toEqual(files);
  expect(record).not.toHaveProperty('after');
});

test('what maintenance did is in its record, and not in that of a rewrite alone', () => {
  const none = { compactions: [], layout: { commits: [], bucket: null, marks: [] }, t0Ms: T0 };
  const kept = {
    ...{ actions: ['orphans', 'expire'] as const, rewrittenManifests: 0, expiredFiles: 12 },
    ...{ removedOrphans: 2, removedOrphanBytes: 300 },
  };
  expect(compactionRecord({ ...result, ...kept }, none)).toMatchObject({
    ...kept,
    steps: [{ action: 'rewrite', startMs: 1_000, endMs: 5_000, coreSeconds: 3 }],
  });
  expect(compactionRecord(result, none)).not.toHaveProperty('expiredFiles');
  expect(compactionRecord(result, none)).not.toHaveProperty('removedOrphans');
});
