import { join } from 'node:path';
import { expect, test } from 'vitest';
import { completedRecord } from '../../../test/support/completed.ts';
import type { CompletedRecord } from '../../record/record.ts';
import { packageRoot } from '../entry.ts';
import { drainWarnings, headlineOf } from './headline.ts';

const record = completedRecord(join(packageRoot, 'test', 'fixtures', 'black-friday'));

test('tells how stale the spike was, and what compaction did to the main query, with n', () => {
  expect(headlineOf(record)).toBe(
    'inventory was p50 3.29 s, p99 5.99 s stale during spike (5x, n 4,017); 150 files had accumulated; ' +
      'compaction took full-aggregate from p50 2.60 s to 688 ms (n 1 and 1), paid back after 7.0 rounds',
  );
});

test('the query is not chosen by the latencies that are reported', () => {
  const with50 = (query: string, p50: number): CompletedRecord => ({
    ...record,
    queries: {
      ...record.queries,
      results: record.queries.results.map((result) =>
        result.query === query ? { ...result, stats: { ...result.stats, p50 } } : result,
      ),
    },
  });
  expect(headlineOf(with50('low-stock', 60_000))).toContain('took full-aggregate from p50 2.60 s');
  // A check says which one matters; without one it is the query that reads every row.
  const [check] = record.checks;
  const checks = check ? [{ ...check, text: 'query(revenue).p50 after / before < 0.8' }] : [];
  expect(headlineOf({ ...record, checks })).toContain('took revenue from p50 201 ms to 162 ms');
  expect(headlineOf({ ...record, checks: [] })).toContain('took full-aggregate from');
});

test('payback has its interval', () => {
  const payback = {
    kind: 'pays back',
    rounds: 7,
    interval: { low: 6.12, high: 8.3 },
    n: 10,
  } as const;
  const compactions = record.compactions.map((one) => ({ ...one, payback }));
  expect(headlineOf({ ...record, compactions })).toMatch(
    /after 7\.0 rounds \(95 % 6\.1 to 8\.3\)$/,
  );
});

test('of several compactions it tells what the last one did, by the rounds around it alone', () => {
  const kindOf = (name: string) => (name.startsWith('compact') ? 'compact' : 'query');
  const several = (...names: readonly string[]): CompletedRecord => ({
    ...record,
    phases: names.map((name, i) => ({
      ...{ name, kind: kindOf(name), measured: true, load: 1, shape: 'flat', drain: null },
      ...{ startMs: i * 1_000, endMs: (i + 1) * 1_000 },
    })),
    compactions: names
      .filter((name) => kindOf(name) === 'compact')
      .flatMap((phase) => record.compactions.map((one) => ({ ...one, phase }))),
  });
  // What the fixture calls `before` and `after` are the rounds around the second one here.
  expect(headlineOf(several('compact', 'before', 'compact-2', 'after'))).toMatch(
    /^the last compaction took full-aggregate from p50 2\.60 s to 688 ms/,
  );
  expect(headlineOf(several('before', 'compact', 'compact-2', 'after'))).toBe(
    'nothing was measured',
  );
});

test('a change that was never visible is shown by how long it was watched', () => {
  const never: CompletedRecord = {
    ...record,
    metrics: record.metrics.map((metric) =>
      metric.shape === 'distribution' && metric.name === 'staleness' && metric.phase === 'spike'
        ? { ...metric, stats: { ...metric.stats, p99: null } }
        : metric,
    ),
    queries: {
      ...record.queries,
      results: record.queries.results.map((result) =>
        result.query === 'full-aggregate' && result.phase === 'before'
          ? { ...result, stats: { ...result.stats, p50: null } }
          : result,
      ),
    },
  };
  const headline = headlineOf(never);
  // The last drain ended 104.1 s after the spike did; a query is given up after 30 s.
  expect(headline).toContain('p50 3.29 s, p99 ≥ 104.1 s stale during spike');
  expect(headline).toContain(
    'compaction took full-aggregate from p50 ≥ 30.0 s to 688 ms (n 1 and 1)',
  );
});

test('each incomplete drain has its consequence', () => {
  const drain = (drained: boolean) => ({ drained, tookMs: 60_100, withinMs: 60_000, tables: [] });
  const phases = [{ name: 'before', drain: drain(false) }];
  expect(drainWarnings({ opening: drain(false), final: drain(false) }, phases)).toEqual([
    'not drained within 60 s: at t0 the pipeline had not finished the opening stock',
    'not drained within 60 s: the queries of before did not see everything that was due before',
    'not drained within 60 s: what is called lost is "not seen by then"',
  ]);
  expect(drainWarnings({ opening: drain(true), final: null }, [])).toEqual([]);
});

test('a pipeline that falls behind is named, with its backlog and where changes waited more than before', () => {
  const spike = {
    of: 'inventory',
    phase: 'spike',
    n: 9,
    better: 'lower',
    shape: 'scalar',
  } as const;
  const growing = (value: number, low: number): CompletedRecord => ({
    ...record,
    metrics: [
      ...record.metrics.filter(({ name }) => !name.startsWith('backlog')),
      { ...spike, name: 'backlog', unit: 'count', value: 1_234 },
      { ...spike, name: 'backlog_growth', unit: 'events/s', value, interval: { low, high: value } },
    ],
  });
  const { startMs, endMs } = record.phases.find(({ name }) => name === 'spike') as {
    startMs: number;
    endMs: number;
  };
  const perS = Math.round(4_017_000 / (endMs - startMs));
  expect(headlineOf(growing(30, 21))).toContain(
    `(5x, n 4,017); inventory did not keep up: 1,234 changes were not visible at the end of spike, ` +
      `30 more every second of ${perS}; they waited most in `,
  );
  // A trend that may be none, and one too small to matter.
  for (const [value, low] of [
    [30, -0.1],
    [perS * 0.04, perS * 0.03],
  ] as const) {
    expect(headlineOf(growing(value, low))).not.toContain('did not keep up');
  }
});
