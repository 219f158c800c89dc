import { expect, test } from 'vitest';
import type { CompactionResult } from '../pipelines/compact.ts';
import { compactionRecord } from './compaction-record.ts';

const T0 = 1_795_788_000_000;
const result: CompactionResult = {
  ...{ outcome: 'committed', error: null, tables: ['ice.retail.inventory'] },
  ...{ startedMs: T0, engineReadyMs: T0 + 1_000, committedMs: T0 + 5_000, wallMs: 4_000 },
  ...{ startupMs: 1_000, coreSeconds: 3, startupCoreSeconds: 1 },
  ...{ rewrittenFiles: 3, addedFiles: 1, rewrittenBytes: 90, removedDeleteFiles: 3, output: '' },
};
const files = { dataFiles: 3, equalityDeleteFiles: 2, positionDeleteFiles: 1, bytes: 100 };

test('files that nobody looked at are left out of a compaction, and are not 0', () => {
  const layout = {
    ...{ commits: [], bucket: null },
    marks: [{ mark: 'compact:start', tMs: 0, table: 'inventory', ...files }],
  };
  const marks = { before: 'compact:start', after: 'compact' };
  const record = compactionRecord(result, null, layout, marks, T0);
  expect(record.before).toEqual(files);
  expect(record).not.toHaveProperty('after');
});
