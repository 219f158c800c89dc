import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { scaledRecord } from '../../test/support/scaled-record.ts';
import type { CompletedRecord, RunRecord } from '../record/record.ts';
import { historyOf } from './history.ts';
import { historyHtml, renderHistory } from './history-text.ts';

const fixture = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);

/** Runs on successive days, with the times of a real run multiplied. */
function runs(factors: readonly number[], how: Partial<CompletedRecord> = {}): CompletedRecord[] {
  return factors.map((factor, i) => ({
    ...scaledRecord(fixture, factor),
    ...{ verdict: 'PASS', seed: i, id: `run-${i}`, startedAt: `2026-11-${10 + i}T09:00:00.000Z` },
    pipeline: { ...fixture.pipeline, commit: `commit-${i}` },
    ...how,
  }));
}

const level = [1, 1.02, 0.99, 1.01, 1, 0.98, 1.01, 1];
const step = [...level, ...level.map((one) => one * 1.4)];

test('a step is found at the run and the commit with which it began, as worse', () => {
  const { series, left } = historyOf(runs(step), ['staleness-p99', 'files-written']);
  expect(left).toEqual([]);
  expect(series).toHaveLength(1);
  const [staleness, files] = series[0]?.metrics ?? [];
  expect(staleness).toMatchObject({
    id: 'staleness-p99',
    changes: [{ run: 'run-8', commit: 'commit-8', at: 8, direction: 'worse' }],
  });
  const [change] = staleness?.changes ?? [];
  expect((change?.after ?? 0) / (change?.before ?? 1)).toBeCloseTo(1.4, 1);
  // The number of files was not multiplied.
  expect(files).toMatchObject({ id: 'files-written', changes: [] });
});

test('the order is that of time, whatever the order of the records', () => {
  const shuffled = runs(step).toReversed();
  expect(historyOf(shuffled, null)).toEqual(historyOf(runs(step), null));
});

test('other lanes, pipelines and traffic are series of their own, other seeds are not', () => {
  const other = { ...fixture.environment, lane: 'other' };
  const pipeline = { ...fixture.pipeline, name: 'other' };
  const { scenario } = fixture;
  const overrides = [{ path: 'retail.stores', value: '7' }];
  const { series } = historyOf(
    [
      ...runs(level),
      ...runs([1, 1], { environment: other }),
      ...runs([1], { pipeline }),
      ...runs([1], { scenario: { ...scenario, overrides } }),
    ],
    null,
  );
  expect(series.map((one) => one.runs).sort()).toEqual([1, 1, 2, 8]);
});

test('INVALID and incomplete runs are left out and named', () => {
  const [invalid] = runs([9], { verdict: 'INVALID', id: 'bad' });
  const cut = { ...fixture, id: 'cut', outcome: 'interrupted', verdict: null } as RunRecord;
  const { series, left } = historyOf([...runs(level), invalid as RunRecord, cut], null);
  expect(series.map((one) => one.runs)).toEqual([8]);
  expect(left).toEqual(['bad is INVALID', 'cut is interrupted']);
});

test('a table and a page show it, and say that it is advice', () => {
  const history = historyOf(runs(step), ['staleness-p99']);
  const text = renderHistory(history, { color: false, columns: 120 });
  expect(text).toMatch(/run-8 +commit-8 .* \+\d\d %/);
  expect(text).toContain('It is advice');
  const page = historyHtml(history);
  expect(page.match(/<circle/g)).toHaveLength(16);
  expect(page.match(/<line /g)).toHaveLength(1);
  expect(page.match(/<svg[\s\S]*?<\/svg>/g)?.join('')).not.toMatch(/NaN|undefined/);
  expect(renderHistory(historyOf(runs([1, 2]), null), { color: false, columns: 120 })).toContain(
    'too few runs',
  );
});
