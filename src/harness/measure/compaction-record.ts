import type { CompactionRecord, Layout } from '../../record/record.ts';
import type { CompactionResult } from '../pipelines/compact.ts';
import type { CompactionRun } from './context.ts';
import type { CompactionMeasured } from './payback.ts';

/** What the metrics need of a compaction on demand; null of one that failed, which saved nothing. */
export function compactionRun(result: CompactionResult | null): CompactionRun | null {
  if (result?.committedMs == null) return null;
  return {
    startMs: result.engineReadyMs ?? result.startedMs,
    endMs: result.committedMs,
    coreSeconds: result.coreSeconds,
  };
}

/** Live files and their bytes over the compacted tables, as marked under this name; undefined: nobody looked then. */
function totalsAt(
  layout: Layout,
  mark: string,
  tables: readonly string[],
): CompactionRecord['before'] {
  const marks = layout.marks.filter((one) => one.mark === mark && tables.includes(one.table));
  if (marks.length === 0) return undefined;
  const sum = (of: (one: (typeof marks)[number]) => number) =>
    marks.reduce((total, one) => total + of(one), 0);
  return {
    dataFiles: sum((one) => one.dataFiles),
    equalityDeleteFiles: sum((one) => one.equalityDeleteFiles),
    positionDeleteFiles: sum((one) => one.positionDeleteFiles),
    bytes: sum((one) => one.bytes),
  };
}

const NOT_MEASURED: CompactionMeasured = {
  staleness: [],
  queries: [],
  payback: { kind: 'no data', reason: 'the compaction did not commit' },
};

/**
 * The record's account of a compaction on demand: what its runner saw, the layout at the marks before
 * and after, and what the facts say of it.
 */
export function compactionRecord(
  result: CompactionResult,
  measured: CompactionMeasured | null,
  layout: Layout,
  marks: { readonly before: string; readonly after: string },
  t0Ms: number,
): CompactionRecord {
  const tables = result.tables.map((table) => table.slice(table.lastIndexOf('.') + 1));
  const startMs = result.engineReadyMs ?? result.startedMs;
  const [before, after] = [marks.before, marks.after].map((mark) => totalsAt(layout, mark, tables));
  return {
    by: 'spark',
    tables,
    outcome: result.outcome,
    ...(result.error === null ? {} : { error: result.error }),
    startMs: startMs - t0Ms,
    endMs: (result.committedMs ?? startMs + result.wallMs) - t0Ms,
    wallMs: result.wallMs,
    startupMs: result.startupMs,
    coreSeconds: result.coreSeconds,
    startupCoreSeconds: result.startupCoreSeconds,
    ...(before && { before }),
    ...(after && { after }),
    ...(measured ?? NOT_MEASURED),
  };
}
