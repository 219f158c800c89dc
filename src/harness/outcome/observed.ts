import type { Drain, Layout, RecordedPhase, ViewRecord } from '../../record/record.ts';
import type { Maintained } from '../maintenance/maintain.ts';
import type { PhaseCompaction } from '../pipelines/compactions/compaction.ts';
import type { Incident } from '../probes/probe.ts';
import type { Stack } from '../stack/stack.ts';
import type { AppendedLog } from '../truth/appended.ts';
import type { TableCopies } from '../truth/tables-under-test.ts';

/**
 * Observations of a run besides its facts, after its load has ended. From both, the whole record can be computed,
 * also on another machine and later. It can be serialized as JSON. Times are epoch ms.
 */
export interface Observed {
  readonly completed: boolean;
  readonly t0Ms: number;
  /** Nothing due at or after this offset from t0 was sent, ms; null if the run was cut short. */
  readonly cutMs: number | null;
  /** Last poll of the tables: a change that was not visible by then counts as never visible. */
  readonly endedMs: number;
  readonly phases: readonly RecordedPhase[];
  readonly incidents: readonly Incident[];
  /** Drains of the opening stock and at the end. */
  readonly drains: { readonly opening: Drain | null; readonly final: Drain | null };
  /** One per `compact` phase, in their order. */
  readonly compactions: readonly PhaseCompaction[];
  /** null: no trigger starts it. */
  readonly maintained: Maintained | null;
  /** Views in memory that were drained. */
  readonly views: readonly ViewRecord[];
  readonly cores: number;
  /** See `Stack.servers`. */
  readonly servers: Stack['servers'];
  /** Widest gap between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: number;
  /** Final log of every partition; null if it could not be read. */
  readonly logs: readonly AppendedLog[] | null;
  /** Copies of the tables, in `tablesDir`; null if the run was cut short. */
  readonly tables: TableCopies | null;
  readonly tablesDir: string;
  readonly bucket: Layout['bucket'];
  /** Missing parts of the facts, as sentences. */
  readonly missing: readonly string[];
}
