import type { RunRecord } from '../record/record.ts';
import { recordText } from '../record/write.ts';

/** The record itself, for programs. */
export function renderJson(record: RunRecord): string {
  return recordText(record);
}
