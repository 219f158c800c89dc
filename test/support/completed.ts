import { readRecord } from '../../src/record/read.ts';
import type { CompletedRecord } from '../../src/record/record.ts';

/** The record of a completed run. */
export function completedRecord(path: string): CompletedRecord {
  const record = readRecord(path);
  if (record.outcome !== 'completed')
    throw new Error(`${path} is of a run that was ${record.outcome}`);
  return record;
}
