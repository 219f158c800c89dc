import type { Drain, Layout, RecordedPhase } from '../../record/record.ts';
import type { PhaseCompaction } from '../pipelines/compact.ts';
import type { Incident } from '../probes/probe.ts';
import type { Stack } from '../stack/stack.ts';
import type { AppendedLog } from '../truth/appended.ts';
import type { TableCopies } from '../truth/tables-under-test.ts';

/**
 * What a run came to besides its facts, once nothing is sent any more: with both, everything in its record
 * can be computed, also elsewhere and later. JSON holds all of it. Moments are epoch ms.
 */
export interface Observed {
  readonly completed: boolean;
  readonly t0Ms: number;
  /** Nothing due at or after this offset from t0 was sent, ms; null of a run that was cut short. */
  readonly cutMs: number | null;
  /** The last look at the tables: what was not visible by then never was. */
  readonly endedMs: number;
  readonly phases: readonly RecordedPhase[];
  readonly incidents: readonly Incident[];
  /** Of the opening stock, and at the end. */
  readonly drains: { readonly opening: Drain | null; readonly final: Drain | null };
  /** Of each `compact` phase, in their order. */
  readonly compactions: readonly PhaseCompaction[];
  readonly cores: number;
  /** See `Stack.servers`. */
  readonly servers: Stack['servers'];
  /** Widest gap between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: number;
  /** What every partition held in the end; null when nobody could look. */
  readonly logs: readonly AppendedLog[] | null;
  /** Copies of the tables, in `tablesDir`; null of a run that was cut short. */
  readonly tables: TableCopies | null;
  readonly tablesDir: string;
  readonly bucket: Layout['bucket'];
  /** What is missing from the facts, in sentences. */
  readonly missing: readonly string[];
}
