import { readRecord } from '../../src/record/read.ts';
import type { CompletedRecord, RunRecord } from '../../src/record/record.ts';

/** The record of a completed run. */
export function completedRecord(path: string): CompletedRecord {
  const record = readRecord(path);
  if (record.outcome !== 'completed')
    throw new Error(`${path} is of a run that was ${record.outcome}`);
  return record;
}

/** The outcome of a run, and what failed: `completed`, or `stack-broke; catalog: …`. */
export function endOf({ outcome, failures }: Pick<RunRecord, 'outcome' | 'failures'>): string {
  return [
    outcome,
    ...failures.map(({ server, message, cause }) => `${server}: ${message} (${cause})`),
  ].join('; ');
}
