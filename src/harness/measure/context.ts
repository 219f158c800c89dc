import type { TruthRecord } from '../../record/record.ts';
import type { Check, Scenario } from '../../scenario/scenario.ts';
import { checksPerDataset } from '../../topology/check-names.ts';
import { carriesStream, type Dataset, type StreamDataset } from '../../topology/dataset.ts';
import type { EngineKind } from '../../topology/manifest.ts';
import type { Connection } from '../clients/duckdb.ts';
import type { Incident } from '../probes/probe.ts';
import type { AppendedCount } from '../truth/appended.ts';
import type { PromiseReplay } from '../truth/promises/replay.ts';

/** A compaction on demand that committed, as its runner reported it. Times are epoch ms. */
export interface CompactionRun {
  /** Name of its `compact` phase. */
  readonly phase: string;
  /** When the engine was ready, and when the compaction committed. */
  readonly startMs: number;
  readonly endMs: number;
  /** null: its CPU time could not be read. */
  readonly coreSeconds: number | null;
  /** The tables that it was about. */
  readonly tables: readonly string[];
  /** Its actions, one after the other. */
  readonly steps: readonly { readonly startMs: number; readonly endMs: number }[];
}

/** A run of maintenance by a trigger; a failed one saved nothing. */
export interface MaintenanceWork extends Omit<CompactionRun, 'phase'> {
  readonly committed: boolean;
}

/** Input of the metrics that is not in the facts. */
export interface MeasureContext {
  readonly scenario: Pick<
    Scenario,
    'pipeline' | 'queries' | 'phases' | 'checks' | 'stalenessTargetMs' | 'stack'
  >;
  /** Epoch ms of the tape's origin. */
  readonly t0Ms: number;
  /** Epoch ms of the last poll of the tables: a change that was not visible by then counts as never visible. */
  readonly endedMs: number;
  /** The datasets that the run filled. */
  readonly datasets: readonly Dataset[];
  /** Whether Flink, which stamps snapshots, uses the same clock as the census. */
  readonly flinkOnOurClock: boolean;
  /** What answered the queries; of several engines the first, which the checks, the payback and its duration are about. */
  readonly engine: EngineKind;
  readonly cores: number;
  /** See `Stack.servers`. */
  readonly servers: readonly string[] | null;
  /** The other machines of a distributed load. */
  readonly shards?: readonly { readonly number: number; readonly cores: number }[];
  /** Widest gap between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: number;
  /** Per partition: records acknowledged and records in the log; null: the log could not be read. */
  readonly appended: readonly AppendedCount[] | null;
  readonly incidents: readonly Incident[];
  /** In the order in which they ran. */
  readonly compactions: readonly CompactionRun[];
  /** Maintenance by a trigger, in the order of its runs. */
  readonly maintained?: readonly MaintenanceWork[];
  /** null: the truth was not judged. */
  readonly truth: TruthRecord | null;
  /** null: no order was replayed, because there is no stock table or the run did not end normally. */
  readonly promises: PromiseReplay | null;
}

/** A connection to the facts with the tables of prepare.ts, and the context. */
export interface Measuring {
  readonly sql: Connection;
  readonly context: MeasureContext;
  /** The phases that are measured, in their order; epoch ms. */
  readonly phases: readonly MeasuredPhase[];
}

/** A realized phase; epoch ms. */
export interface MeasuredPhase {
  readonly name: string;
  readonly kind: 'load' | 'query' | 'compact';
  readonly startMs: number;
  readonly endMs: number;
}

/** The datasets that carry a stream: all but that of the rejected records. */
export function streamDatasets({ datasets }: MeasureContext): readonly StreamDataset[] {
  return datasets.filter(carriesStream);
}

/** The scenario's checks. A check on several datasets becomes one check for each. */
export function checksOf({ scenario, datasets }: MeasureContext): readonly Check[] {
  return checksPerDataset(scenario.checks, datasets);
}
