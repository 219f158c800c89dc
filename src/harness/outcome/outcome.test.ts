import { join } from 'node:path';
import { expect, test } from 'vitest';
import { completedRecord } from '../../../test/support/completed.ts';
import { stackBroke } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { parseRecord } from '../../record/read.ts';
import type { CompletedRecord, MeasuredEnd, RunEnd, RunRecord } from '../../record/record.ts';
import { recordText, startedRecord } from '../../record/write.ts';
import { packageRoot } from '../entry.ts';
import { ChecksFailed, endOfFailed, endOfMeasured } from './outcome.ts';

const endedBy = (judged: MeasuredEnd | null, error: Error, signal: AbortSignal) =>
  endOfFailed({ judged }, { error, cause: error }, signal);

const going = new AbortController().signal;
const judged: MeasuredEnd = {
  ...completedRecord(join(packageRoot, 'test', 'fixtures', 'black-friday')),
  headline: { text: 'pos was p50 3 s stale', warnings: ['the machine was busy'] },
};

test('a judged run stays judged when its servers cannot be stopped, and names the failure', () => {
  const record = endedBy(judged, stackBroke('minio did not stop within 30 s'), going);
  expect(record).toMatchObject({ outcome: 'completed', verdict: 'PASS', exitCode: EXIT.pass });
  expect(record).toMatchObject({ metrics: judged.metrics });
  expect(record.failures).toMatchObject([{ message: 'minio did not stop within 30 s' }]);
  expect(record.headline).toEqual({
    text: 'pos was p50 3 s stale',
    warnings: [
      'the machine was busy',
      'a step after the verdict failed: minio did not stop within 30 s',
    ],
  });
});

test('one that was interrupted while its servers stopped has no verdict, and keeps its numbers', () => {
  const record = endedBy(judged, new Error('aborted'), AbortSignal.abort());
  expect(record).toMatchObject({ outcome: 'interrupted', verdict: null, failures: [] });
  expect(record).toMatchObject({ exitCode: EXIT.interrupted, metrics: judged.metrics });
});

test('one that had nothing judged is what broke it', () => {
  const broke = endedBy(null, stackBroke('kafka exited'), going);
  expect(broke).toMatchObject({ outcome: 'stack-broke', exitCode: EXIT.stackBroke, verdict: null });
  const before: MeasuredEnd = { ...judged, outcome: 'stack-broke', verdict: null };
  expect(endedBy(before, new Error('and then this'), going)).toBe(before);
});

test('every end makes a valid record of the one of the beginning', () => {
  const first = startedRecord(judged as CompletedRecord);
  const error = stackBroke('kafka exited');
  const cause = { reason: error };
  const exceeded = new ChecksFailed([
    {
      ...{ text: 'files < 1', line: 3, verdict: 'FAIL', unit: 'count', limit: 1, n: 2 },
      reason: 'at least 7 already',
    },
  ]);
  const ends: readonly (readonly [RunEnd, string])[] = [
    [endOfMeasured(judged, undefined, going), 'completed'],
    [endOfMeasured(judged, cause, going), 'stack-broke'],
    [endOfMeasured(judged, undefined, AbortSignal.abort()), 'interrupted'],
    [endOfMeasured(judged, { reason: exceeded }, going), 'aborted'],
    [endOfMeasured(judged, { reason: exceeded }, AbortSignal.abort()), 'interrupted'],
    [endedBy(judged, error, going), 'completed'],
    [endedBy(null, error, going), 'stack-broke'],
    [endedBy(null, new TypeError('x'), going), 'crashed'],
    [
      {
        ...{ outcome: 'part', exitCode: EXIT.pass, t0Ms: 1, headline: first.headline },
        shard: {
          ...{ load: 'friday', number: 1, of: 2, cores: 2 },
          clock: { offsetMs: 0, widthMs: 1, driftMs: 0, apartMs: 0 },
        },
      },
      'part',
    ],
  ];
  for (const [end, outcome] of ends) {
    const record: RunRecord = { ...first, ...end, tookMs: 1_000 };
    expect(parseRecord(recordText(record), 'record.json')).toMatchObject({ outcome });
  }
});
