import type { CompactionRecord, RunRecord } from './record.ts';

/** The compactions on demand of a run, in their order. A record of before each phase had a result has one at most. */
export function compactionsOf({
  compactions,
  compaction,
}: Pick<RunRecord, 'compactions' | 'compaction'>): readonly CompactionRecord[] {
  return compactions ?? (compaction === null ? [] : [compaction]);
}
