import { join } from 'node:path';
import { expect, test } from 'vitest';
import { completedRecord } from '../../../test/support/completed.ts';
import { stackBroke } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import type { MeasuredEnd } from '../../record/record.ts';
import { packageRoot } from '../entry.ts';
import { brokenOff } from './outcome.ts';

const endedBy = (judged: MeasuredEnd | null, error: Error, signal: AbortSignal) =>
  brokenOff({ judged }, { error, cause: error }, signal);

const going = new AbortController().signal;
const judged: MeasuredEnd = {
  ...completedRecord(join(packageRoot, 'test', 'fixtures', 'black-friday')),
  headline: { text: 'pos was p50 3 s stale', warnings: ['the machine was busy'] },
};

test('a run that was judged stays so when its servers cannot be stopped, and says what failed', () => {
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
