import type { TruthRecord } from '../../record/record.ts';
import type { Check, Scenario } from '../../scenario/scenario.ts';
import { checksPerDataset } from '../../topology/check-names.ts';
import { carriesStream, type Dataset, type StreamDataset } from '../../topology/dataset.ts';
import type { Connection } from '../clients/duckdb.ts';
import type { Incident } from '../probes/probe.ts';
import type { AppendedCount } from '../truth/appended.ts';
import type { PromiseReplay } from '../truth/promises/replay.ts';

/** A compaction on demand that committed, as its runner saw it. Times are epoch ms. */
export interface CompactionRun {
  /** Name of its `compact` phase. */
  readonly phase: string;
  /** From here, when the engine was up, to its commit it worked. */
  readonly startMs: number;
  readonly endMs: number;
  /** null: nobody could see what it used. */
  readonly coreSeconds: number | null;
}

/** What the facts do not say and the metrics need. */
export interface MeasureContext {
  readonly scenario: Pick<
    Scenario,
    'pipeline' | 'queries' | 'phases' | 'checks' | 'stalenessTargetMs' | 'stack'
  >;
  /** Epoch ms of the tape's origin. */
  readonly t0Ms: number;
  /** Epoch ms of the last look at the tables: what was not visible by then never was. */
  readonly endedMs: number;
  /** The datasets that the run filled. */
  readonly datasets: readonly Dataset[];
  /** Whether Flink, which stamps snapshots, goes by the clock of the census. */
  readonly flinkOnOurClock: boolean;
  readonly cores: number;
  /** The other machines of a load that several have made. */
  readonly shards?: readonly { readonly number: number; readonly cores: number }[];
  /** Widest gap between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: number;
  /** Per partition: acknowledged against what the log holds; null when nobody could look. */
  readonly appended: readonly AppendedCount[] | null;
  readonly incidents: readonly Incident[];
  /** In the order in which they ran. */
  readonly compactions: readonly CompactionRun[];
  /** null: the truth was not judged. */
  readonly truth: TruthRecord | null;
  /** null: no order was replayed, for want of a stock table or of an end of the run. */
  readonly promises: PromiseReplay | null;
}

/** A connection to the facts, with the views of prepare.ts in place, and the context. */
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

/** The datasets whose rows become visible: all but that of the refused records. */
export function streamDatasets({ datasets }: MeasureContext): readonly StreamDataset[] {
  return datasets.filter(carriesStream);
}

/** The scenario's checks, each about one dataset where it is about datasets. */
export function checksOf({ scenario, datasets }: MeasureContext): readonly Check[] {
  return checksPerDataset(scenario.checks, datasets);
}
