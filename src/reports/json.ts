import type { RunRecord } from '../record/record.ts';
import { recordText } from '../record/write.ts';

/** The record itself: for a program there is no better report. */
export function renderJson(record: RunRecord): string {
  return recordText(record);
}
