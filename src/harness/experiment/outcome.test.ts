import { expect, test } from 'vitest';
import { stackBroke } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import type { RunRecord } from '../../record/record.ts';
import { brokenOff } from './outcome.ts';

const endedBy = (judged: Partial<RunRecord> | null, error: Error, signal: AbortSignal) =>
  brokenOff({ judged }, { error, cause: error }, signal);

const going = new AbortController().signal;
const judged: Partial<RunRecord> = {
  ...{ outcome: 'completed', verdict: 'PASS', exitCode: EXIT.pass, failures: [] },
  ...{ headline: { text: 'pos was p50 3 s stale', warnings: ['the machine was busy'] } },
  metrics: [
    {
      ...{ name: 'lost', of: null, phase: null, unit: 'rows', better: 'lower' },
      ...{ n: 9, shape: 'scalar', value: 0 },
    },
  ],
};

test('a run that was judged stays so when its servers cannot be stopped, and says what failed', () => {
  const record = endedBy(judged, stackBroke('minio did not stop within 30 s'), going);
  expect(record).toMatchObject({ outcome: 'completed', verdict: 'PASS', exitCode: EXIT.pass });
  expect(record.metrics).toBe(judged.metrics);
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
  const before: Partial<RunRecord> = { outcome: 'stack-broke', metrics: judged.metrics ?? [] };
  expect(endedBy(before, new Error('and then this'), going)).toBe(before);
});
