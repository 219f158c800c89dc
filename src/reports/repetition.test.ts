import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { EXIT, type Verdict } from '../core/exit-codes.ts';
import type { CompletedRecord } from '../record/record.ts';
import type { RecordedTrial } from '../record/series.ts';
import { repetitionOf } from './repetition.ts';
import { renderRepetition } from './repetition-text.ts';

const fixture = completedRecord(new URL('../../test/fixtures/quick', import.meta.url).pathname);
const plan = { id: 'series', seeds: 'increment', reproduce: 'doorbuster run' } as const;

/** A trial whose only metric is `files` of one table at the end of a phase, and whose only check is on it. */
function trial(
  number: number,
  value: number | null | undefined,
  how: Partial<Pick<CompletedRecord, 'verdict' | 'exitCode' | 'invalid'>> = {},
): RecordedTrial & { readonly record: CompletedRecord } {
  const { verdict = 'PASS' } = how;
  const labels = {
    name: 'files',
    of: 'pos',
    phase: 'spike',
    unit: 'count',
    better: 'lower',
  } as const;
  const record: CompletedRecord = {
    ...fixture,
    ...{ id: `run-${number}`, outcome: 'completed', verdict: 'PASS', exitCode: 0, invalid: [] },
    metrics: value === undefined ? [] : [{ ...labels, n: 1, shape: 'scalar', value }],
    checks: [
      {
        ...{ text: 'files(pos) during spike < 9', line: 1, verdict },
        ...{ unit: 'count', limit: 9, n: 1, reason: null },
        ...(value === undefined ? {} : { measured: value }),
      },
    ],
    ...how,
  };
  return { number, seed: number, record };
}

/** A trial that something ended. */
function ended(
  number: number,
  value: number,
  how: { readonly outcome: 'interrupted' | 'stack-broke'; readonly exitCode: number },
): RecordedTrial {
  const { record, ...whole } = trial(number, value);
  return { ...whole, record: { ...record, ...how, verdict: null } };
}

const of = (trials: number, ...done: readonly RecordedTrial[]) =>
  repetitionOf({ ...plan, trials }, done);
const spread = (...done: readonly RecordedTrial[]) => of(done.length, ...done).metrics[0]?.spread;

test('median, extremes and variation are those of the numbers', () => {
  expect(spread(trial(1, 4), trial(2, 8), trial(3, 6))).toEqual({
    ...{ n: 3, missing: 0, median: 6, min: 4, max: 8, cv: expect.closeTo(1 / 3, 12) },
    values: [4, 8, 6].map((value, i) => ({ trial: i + 1, value })),
  });
  expect(spread(trial(1, 4), trial(2, 6))).toMatchObject({ median: 5, min: 4, max: 6 });
  expect(spread(trial(1, 4))).not.toHaveProperty('cv');
  expect(spread(trial(1, 0), trial(2, 0))).not.toHaveProperty('cv');
});

test('+∞ counts as +∞, and no number is never taken for one', () => {
  const one = spread(trial(1, 4), trial(2, null), trial(3, 6));
  expect(one).toMatchObject({ n: 3, median: 6, min: 4, max: null });
  expect(one).not.toHaveProperty('cv');
  // The mean of a number and +∞ is +∞.
  expect(spread(trial(1, 4), trial(2, null))).toMatchObject({ median: null, min: 4, max: null });
  expect(spread(trial(1, 4), trial(2, undefined))).toMatchObject({ n: 1, missing: 1, median: 4 });
  const none = of(1, trial(1, undefined)).checks[0]?.spread;
  expect(none).toEqual({ n: 0, missing: 1, values: [] });
});

test('an INVALID trial and a warm-up are named, and in no number', () => {
  const invalid = [{ rule: 'clocks apart', fact: '30 ms', limit: '20 ms' }];
  const found = of(
    3,
    trial(0, 1_000),
    trial(1, 4),
    trial(2, 900, { verdict: 'INVALID', exitCode: 5, invalid }),
    trial(3, 6),
  );
  expect(found).toMatchObject({ counted: 2, verdict: 'INVALID', exitCode: EXIT.invalid });
  expect(found.metrics[0]?.spread).toMatchObject({ n: 2, max: 6, median: 5 });
  expect(found.checks[0]?.verdicts).toEqual({ PASS: 2 });
  expect(found.runs.map(({ number, counted, reason }) => [number, counted, reason])).toEqual([
    [0, false, 'warm-up'],
    [1, true, null],
    [2, false, 'clocks apart: 30 ms'],
    [3, true, null],
  ]);
});

test('where no trial counts, every check is there without a number', () => {
  const found = of(1, trial(1, 900, { verdict: 'INVALID', exitCode: 5 }));
  expect(found).toMatchObject({ counted: 0, verdict: 'INVALID', metrics: [] });
  expect(found.checks).toMatchObject([
    { text: 'files(pos) during spike < 9', verdicts: {}, spread: { n: 0, missing: 0 } },
  ]);
  expect(renderRepetition(found, { color: false, columns: 100 })).toMatch(/none counted +no data/);
});

test('the verdict is PASS only where every planned trial passed', () => {
  const judged = (...verdicts: readonly Verdict[]) => {
    const done = verdicts.map((verdict, i) => trial(i + 1, 5, { verdict }));
    const { verdict, exitCode } = of(3, ...done);
    return [verdict, exitCode];
  };
  expect(judged('PASS', 'PASS', 'PASS')).toEqual(['PASS', EXIT.pass]);
  expect(judged('PASS', 'FAIL', 'INVALID')).toEqual(['FAIL', EXIT.checkFailed]);
  expect(judged('PASS', 'NO_DATA', 'PASS')).toEqual(['NO_DATA', EXIT.noData]);
  expect(judged('PASS', 'PASS')).toEqual([null, EXIT.interrupted]);
  const stopped = { outcome: 'interrupted', exitCode: 130 } as const;
  expect(of(2, trial(1, 5), ended(2, 7, stopped))).toMatchObject({
    ...{ verdict: null, exitCode: EXIT.interrupted, counted: 1 },
    metrics: [{ spread: { n: 1, median: 5 } }],
  });
  const broke = { outcome: 'stack-broke', exitCode: 3 } as const;
  expect(of(2, trial(1, 5, { verdict: 'FAIL' }), ended(2, 7, broke))).toMatchObject({
    ...{ verdict: 'FAIL', exitCode: EXIT.stackBroke },
  });
  // A warm-up decides nothing.
  expect(of(1, trial(0, 5, { verdict: 'FAIL' }), trial(1, 5))).toMatchObject({ verdict: 'PASS' });
});
