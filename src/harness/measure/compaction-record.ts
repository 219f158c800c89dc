import type { CompactionRecord, Layout, MaintenanceRecord } from '../../record/record.ts';
import type { Maintained } from '../maintenance/maintain.ts';
import type { CompactionResult, PhaseCompaction } from '../pipelines/compactions/compaction.ts';
import type { StepEffect } from './at-work.ts';
import type { CompactionRun, MaintenanceWork } from './context.ts';
import type { MaintenanceMeasured } from './maintained.ts';
import type { CompactionMeasured } from './payback.ts';

/** The compactions on demand that the metrics use; failed ones are left out, because they saved nothing. */
export function compactionRuns(results: readonly PhaseCompaction[]): CompactionRun[] {
  return results
    .filter(({ committedMs }) => committedMs !== null)
    .map((result) => {
      const { phase, coreSeconds } = result;
      const { steps } = result;
      const tables = result.tables.map(unqualified);
      return { phase, ...atWork(result), coreSeconds, tables, steps };
    });
}

/** The runs of maintenance that the metrics use, failed ones included: they end what the one before them gained. */
export function maintenanceWork({ runs }: Pick<Maintained, 'runs'>): MaintenanceWork[] {
  return runs.map((run) => ({
    ...atWork(run),
    ...{ coreSeconds: run.coreSeconds, tables: run.tables.map(unqualified), steps: run.steps },
    committed: run.committedMs !== null,
  }));
}

/** When the engine of a compaction was at work, epoch ms; a failed one to its end. */
function atWork(result: CompactionResult): {
  readonly startMs: number;
  readonly endMs: number;
} {
  const startMs = result.engineReadyMs ?? result.startedMs;
  return { startMs, endMs: result.committedMs ?? startMs + result.wallMs };
}

/** The record of maintenance: what its runs reported, and what the facts have of the time of each. */
export function maintenanceRecord(
  { runs, waitedMs }: Maintained,
  {
    maintained,
    t0Ms,
  }: { readonly maintained: readonly MaintenanceMeasured[]; readonly t0Ms: number },
): MaintenanceRecord {
  return {
    runs: runs.map((run, i) => {
      const { startMs, endMs } = atWork(run);
      const { startedMs, engineReadyMs, committedMs, output, error, tables, ...same } = run;
      return {
        ...same,
        actions: [...run.actions],
        ...(error === null ? {} : { error }),
        tables: tables.map(unqualified),
        startMs: startMs - t0Ms,
        endMs: endMs - t0Ms,
        ...(maintained[i] ?? { staleness: [], queries: [] }),
        steps: stepsOf(run, maintained[i]?.steps, t0Ms),
      };
    }),
    waitedMs,
  };
}

/** Each action that came to its end; times are ms since t0. */
function stepsOf(
  { steps }: CompactionResult,
  effects: readonly StepEffect[] | undefined,
  t0Ms: number,
): CompactionRecord['steps'] {
  return steps.map(({ startMs, endMs, ...step }, i) => {
    return { ...step, startMs: startMs - t0Ms, endMs: endMs - t0Ms, ...effects?.[i] };
  });
}

const unqualified = (table: string) => table.slice(table.lastIndexOf('.') + 1);

/** Name of the layout mark before a compaction. The mark after it has the name of the phase. */
export function markBefore(phase: string): string {
  return `${phase}:start`;
}

/** Live files and bytes of the compacted tables at this mark; undefined: the mark was not taken. */
function layoutTotals(
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

const NOT_MEASURED: Pick<CompactionRecord, 'staleness' | 'queries' | 'payback'> = {
  staleness: [],
  queries: [],
  payback: { kind: 'no data', reason: 'the compaction did not commit' },
};

/**
 * The record of a compaction on demand: what its runner reported, the layout at the marks before and
 * after, and what the facts give.
 */
export function compactionRecord(
  result: PhaseCompaction,
  {
    compactions,
    layout,
    t0Ms,
  }: {
    /** Measurements of the compactions that committed. */
    readonly compactions: readonly CompactionMeasured[];
    readonly layout: Layout;
    readonly t0Ms: number;
  },
): CompactionRecord {
  const measured = compactions.find(({ phase }) => phase === result.phase);
  const tables = result.tables.map(unqualified);
  const { startMs, endMs } = atWork(result);
  const marks = [markBefore(result.phase), result.phase];
  const [before, after] = marks.map((mark) => layoutTotals(layout, mark, tables));
  return {
    phase: result.phase,
    by: result.by,
    tables,
    outcome: result.outcome,
    ...(result.error === null ? {} : { error: result.error }),
    startMs: startMs - t0Ms,
    endMs: endMs - t0Ms,
    wallMs: result.wallMs,
    startupMs: result.startupMs,
    coreSeconds: result.coreSeconds,
    startupCoreSeconds: result.startupCoreSeconds,
    ...(result.actions && {
      actions: [...result.actions],
      rewrittenManifests: result.rewrittenManifests,
      expiredFiles: result.expiredFiles,
      removedOrphans: result.removedOrphans,
      removedOrphanBytes: result.removedOrphanBytes,
    }),
    rewrittenBytes: result.rewrittenBytes,
    ...(before && { before }),
    ...(after && { after }),
    ...(measured ?? NOT_MEASURED),
    steps: stepsOf(result, measured?.steps, t0Ms),
  };
}
