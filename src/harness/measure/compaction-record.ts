import type { CompactionRecord, Layout } from '../../record/record.ts';
import type { CompactionResult } from '../pipelines/compact.ts';
import type { CompactionMeasured } from './payback.ts';

/** Live files and their bytes over the compacted tables, as marked under this name. */
function totalsAt(
  layout: Layout,
  mark: string,
  tables: readonly string[],
): CompactionRecord['before'] {
  const marks = layout.marks.filter((one) => one.mark === mark && tables.includes(one.table));
  const sum = (of: (one: (typeof marks)[number]) => number) =>
    marks.reduce((total, one) => total + of(one), 0);
  return {
    dataFiles: sum((one) => one.dataFiles),
    equalityDeleteFiles: sum((one) => one.equalityDeleteFiles),
    positionDeleteFiles: sum((one) => one.positionDeleteFiles),
    bytes: sum((one) => one.bytes),
  };
}

/** The record's account of a compaction on demand: what its runner saw, and what the facts say. */
export function compactionRecord(
  run: CompactionResult,
  measured: CompactionMeasured,
  layout: Layout,
  marks: { readonly before: string; readonly after: string },
  t0Ms: number,
): CompactionRecord {
  return {
    by: 'spark',
    tables: [...run.tables],
    outcome: 'committed',
    startMs: run.startMs - t0Ms,
    endMs: run.endMs - t0Ms,
    wallMs: run.endMs - run.engineReadyMs,
    startupMs: run.engineReadyMs - run.startMs,
    coreSeconds: run.coreSeconds,
    startupCoreSeconds: run.coreSecondsStartup,
    before: totalsAt(layout, marks.before, run.tables),
    after: totalsAt(layout, marks.after, run.tables),
    ...measured,
  };
}
