import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRecord } from '../record/read.ts';
import type { RunRecord } from '../record/record.ts';
import { packageRoot } from './entry.ts';
import { headlineOf } from './headline.ts';

const record = readRecord(join(packageRoot, 'test', 'fixtures', 'black-friday'));

test('tells how stale the spike was, and what compaction did to the slowest query', () => {
  expect(headlineOf(record)).toBe(
    'inventory was p50 3.65 s, p99 8.58 s stale during spike (5x, n 4285); 430 files had piled up; ' +
      'compaction took full-aggregate from 5.45 s to 1.20 s, paid back after 1.2 rounds',
  );
});

test('what never came is told as the reports tell it: by how long it was watched for', () => {
  const never: RunRecord = {
    ...record,
    metrics: record.metrics.map((metric) =>
      metric.shape === 'distribution' && metric.name === 'staleness' && metric.phase === 'spike'
        ? { ...metric, stats: { ...metric.stats, p99: null } }
        : metric,
    ),
    queries: record.queries && {
      ...record.queries,
      results: record.queries.results.map((result) =>
        result.query === 'low-stock' && result.phase === 'before'
          ? { ...result, stats: { ...result.stats, p50: null } }
          : result,
      ),
    },
  };
  const headline = headlineOf(never);
  // The last drain ended 87.5 s after the spike did; a query is given up after 10 s.
  expect(headline).toContain('p50 3.65 s, p99 ≥ 87.5 s stale during spike');
  expect(headline).toContain('compaction took low-stock from ≥ 10.0 s to 884 ms');
});
