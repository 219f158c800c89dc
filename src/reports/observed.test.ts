import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { formats } from './formats.ts';
import { stalenessSection } from './observed.ts';
import { summarize } from './summary.ts';

const record = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);

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

test('each of several compactions has a section, a figure and a line of its own', () => {
  const [one] = record.compactions;
  if (one?.before === undefined) throw new Error('the fixture has no a compaction');
  const again = { ...one, phase: 'again', before: { ...one.before, dataFiles: 77_777 } };
  const both = { ...record, compaction: again, compactions: [{ ...one, phase: 'first' }, again] };
  const { sections } = summarize(both);
  expect(
    sections.filter(({ id }) => id.startsWith('compaction')).map(({ title }) => title),
  ).toEqual(['Compaction by spark: first', 'Compaction by spark: again']);
  for (const text of [formats.markdown, formats.html].map(({ render }) =>
    render(both, { color: false, columns: 100 }),
  )) {
    expect(text).toContain('Compaction by spark: first');
    expect(text).toContain('77,777');
  }
});

test('maintenance says what it did besides the rewrite, and what it did not do is not said', () => {
  const [one] = record.compactions;
  if (one === undefined) throw new Error('the fixture has no compaction');
  const section = (more: object) =>
    summarize({ ...record, compactions: [{ ...one, ...more }] }).sections.find(
      ({ id }) => id === 'compaction',
    );
  const counts = { rewrittenManifests: 3, expiredFiles: 120, removedOrphans: 2 };
  const actions = ['rewrite', 'manifests', 'orphans', 'expire'];
  const all = section({ actions, ...counts, removedOrphanBytes: 4_096 });
  expect(all?.title).toBe('Maintenance by spark');
  expect(all?.notes.map(({ text }) => text)).toContain(
    'rewrite, manifests, orphans, expire; 3 manifests rewritten; 2 orphan files removed (4.0 KiB); 120 files of expired snapshots deleted',
  );
  const rewrite = section({ actions: ['rewrite'], rewrittenManifests: 0, expiredFiles: 0 });
  expect(rewrite?.notes.map(({ text }) => text)).toContain('rewrite');
  expect(
    section({})
      ?.notes.map(({ text }) => text)
      .join(),
  ).not.toContain('manifest');
});
