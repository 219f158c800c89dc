import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRecord } from '../record/read.ts';
import type { RunRecord } from '../record/record.ts';
import { packageRoot } from './entry.ts';
import { drainWarnings, headlineOf } from './headline.ts';

const record = readRecord(join(packageRoot, 'test', 'fixtures', 'black-friday'));

test('tells how stale the spike was, and what compaction did to the slowest query', () => {
  expect(headlineOf(record)).toBe(
    'inventory was p50 3.29 s, p99 5.99 s stale during spike (5x, n 4,017); 150 files had piled up; ' +
      'compaction took full-aggregate from 2.60 s to 688 ms, paid back after 7.0 rounds',
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
  // The last drain ended 104.1 s after the spike did; a query is given up after 30 s.
  expect(headline).toContain('p50 3.29 s, p99 ≥ 104.1 s stale during spike');
  expect(headline).toContain('compaction took low-stock from ≥ 30.0 s to 196 ms');
});

test('each drain that was not done in time is told by what it means', () => {
  const drain = (drained: boolean) => ({ drained, tookMs: 60_100, withinMs: 60_000, tables: [] });
  const phases = [{ name: 'before', drain: drain(false) }];
  expect(drainWarnings({ opening: drain(false), final: drain(false) }, phases)).toEqual([
    'not drained within 60 s: at t0 the pipeline was still behind with the opening stock',
    'not drained within 60 s: the queries of before did not see everything that was due before',
    'not drained within 60 s: what is called lost is "not seen by then"',
  ]);
  expect(drainWarnings({ opening: drain(true), final: null }, [])).toEqual([]);
});
