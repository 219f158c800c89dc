import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { scaledRecord } from '../../test/support/scaled-record.ts';
import type { CompletedRecord } from '../record/record.ts';
import type { RecordedTrial } from '../record/series.ts';
import { againstMarkdown, againstOf, renderAgainst } from './against.ts';
import { DEFAULT_METRICS } from './gate-metrics.ts';

const fixture = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);
const plan = { id: 'a', reproduce: 'doorbuster gate --against x', wanted: DEFAULT_METRICS };

/** Trials with the times of a real run multiplied. */
function trials(factors: readonly number[], how: Partial<CompletedRecord> = {}): RecordedTrial[] {
  return factors.map((factor, i) => ({
    ...{ number: i + 1, seed: 7 + i },
    record: { ...scaledRecord(fixture, factor), verdict: 'PASS', ...how } as CompletedRecord,
  }));
}

const five = [1, 1.01, 0.99, 1.02, 1.005];
const against = (
  base: readonly RecordedTrial[],
  head: readonly RecordedTrial[],
  { strict = false } = {},
) =>
  againstOf(
    plan,
    { base: { label: 'base x', trials: base }, head: { label: 'head y', trials: head } },
    strict,
  );

test('a head that is worse is found, as advice; with --strict it is the exit code', () => {
  const worse = trials(five.map((factor) => factor * 1.3));
  const advice = against(trials(five), worse);
  expect(advice).toMatchObject({ verdict: 'FAIL', exitCode: 0, strict: false, exact: true });
  const [staleness] = advice.metrics;
  expect(staleness).toMatchObject({ id: 'staleness-p99', found: 'worse' });
  // All ten values are apart: one of 252 splits.
  expect(staleness?.p).toBeCloseTo(1 / 252, 10);
  expect(staleness?.estimate).toBeCloseTo(0.3, 2);
  const strict = against(trials(five), worse, { strict: true });
  expect(strict).toMatchObject({ verdict: 'FAIL', exitCode: 4 });
  for (const text of [
    renderAgainst(advice, { color: false, columns: 100 }),
    againstMarkdown(advice),
  ]) {
    expect(text).toMatch(/advice,\s+and not the exit code/);
    expect(text).toMatch(/another time/);
    expect(text).toMatch(/permutation\s+test/);
  }
  expect(againstMarkdown(strict)).not.toContain('advice');
});

test('a head that is alike or better passes, and three against three can still find a change', () => {
  expect(against(trials(five), trials(five), { strict: true })).toMatchObject({
    ...{ verdict: 'PASS', exitCode: 0 },
  });
  expect(against(trials(five), trials([0.5, 0.51, 0.52, 0.5, 0.49]))).toMatchObject({
    verdict: 'PASS',
  });
  const three = against(trials([1, 1.01, 0.99]), trials([1.5, 1.51, 1.49]));
  expect(three.metrics[0]).toMatchObject({ found: 'worse', p: 1 / 20 });
});

test('too few trials, and values that scatter, are undecided', () => {
  const few = against(trials(five), trials([1, 1]), { strict: true });
  expect(few).toMatchObject({ verdict: 'UNDECIDED', exitCode: 6 });
  expect(few.metrics.every(({ found }) => found === 'no data')).toBe(true);
  const scattered = against(trials([1, 2, 3, 1, 2]), trials([2, 1, 3, 2, 1]), { strict: true });
  expect(scattered).toMatchObject({ verdict: 'UNDECIDED', exitCode: 6 });
});

test('trials that are INVALID do not count, and are named', () => {
  const invalid = trials([9], { verdict: 'INVALID' }).map((one) => ({ ...one, number: 6 }));
  const found = against(trials(five), [...trials(five), ...invalid]);
  expect(found).toMatchObject({ verdict: 'PASS', head: { counted: 5 } });
  expect(found.warnings.join()).toContain('does not count');
  expect(against(trials(five), invalid, { strict: true })).toMatchObject({
    ...{ verdict: 'INVALID', exitCode: 5 },
  });
});

test('rows that the head lost need no statistics, and an interrupted gate is no pass', () => {
  const lossy = trials(five, { truth: { ...fixture.truth, lost: 3 } });
  const found = against(trials(five), lossy, { strict: true });
  expect(found).toMatchObject({ verdict: 'FAIL', exitCode: 4 });
  expect(found.truth[0]).toContain('3 rows lost');
  const interrupted = { ...fixture, outcome: 'interrupted', verdict: null, exitCode: 130 } as const;
  const cut = [...trials(five), { number: 6, seed: 12, record: interrupted }];
  expect(against(trials(five), cut)).toMatchObject({ exitCode: 130 });
});
