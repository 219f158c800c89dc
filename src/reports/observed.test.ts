import { expect, test } from 'vitest';
import { readRecord } from '../record/read.ts';
import { stalenessSection } from './observed.ts';

const record = readRecord(new URL('../../test/fixtures/black-friday', import.meta.url).pathname);

test('what staleness is known to is printed, at the median and at its widest', () => {
  const known = {
    ...record,
    metrics: record.metrics.map((metric) =>
      metric.name === 'staleness' && metric.of === 'inventory' && metric.phase === 'spike'
        ? { ...metric, resolution: 78, resolutionMax: 1_250 }
        : metric,
    ),
  };
  const rows = (of: typeof record) =>
    (stalenessSection(of)?.tables[0]?.rows ?? []).filter((row) =>
      row.some(({ text }) => text === 'known to ±'),
    );
  // A record of before has a median over commits alone, which says nothing of the rows.
  expect(rows(record)).toEqual([]);
  const [row, ...more] = rows(known);
  expect(more).toEqual([]);
  expect(row?.map(({ text }) => text)).toContain('78 ms, max 1.25 s');
});
