import type { Clock } from '../../core/clock.ts';
import type { RunFolder } from '../../record/folder.ts';
import type { Journal } from '../../record/journal.ts';
import type { Drain, RecordedPhase, RunRecord } from '../../record/record.ts';
import type { ParsedScenario } from '../../scenario/parse.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';
import type { Faults } from '../faults.ts';
import type { Load } from '../load/load.ts';
import type { CompactionResult } from '../pipelines/compact.ts';
import type { Deployment } from '../pipelines/deploy.ts';
import type { PlacedPipeline } from '../pipelines/load.ts';
import type { Incident } from '../probes/probe.ts';
import type { RunningProbes } from '../probes/probes.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { Meeting, Shard } from '../sharding/meeting.ts';
import type { ChosenStack, SharedStack } from '../shared-stack.ts';
import type { RuntimeKind, Stack } from '../stack/stack.ts';
import type { RunEvent } from './progress.ts';

/** What a run is asked to do. */
export interface RunOptions {
  readonly parsed: ParsedScenario & { readonly file: string };
  /** Folder that gets this run's own folder. */
  readonly resultsDir: string;
  /** Where a relative `pipeline.use` path starts. */
  readonly baseDir: string;
  readonly artifacts: Artifacts;
  /** Where its servers run, where it has them for itself. */
  readonly runtime: RuntimeKind;
  /** A stack that is up already and stays up; without it the run starts and stops its own. */
  readonly on?: SharedStack;
  /** On such a stack: what the run has made there is not removed. */
  readonly keep?: boolean;
  /** Its part in a load that several machines make together, on a stack that all of them reach. */
  readonly shard?: Shard;
  readonly clock: Clock;
  /** The user's wish to stop. */
  readonly signal: AbortSignal;
  /** The command line that replays this run. */
  readonly reproduce: string;
  readonly onEvent: (event: RunEvent) => void;
}

/** What a run has come to so far; changed only by trial.ts and phases.ts. */
interface Progress {
  /** Name of the phase under way. */
  phase: string;
  t0Ms: number | null;
  /** Realized phases; times are epoch ms here, and ms since t0 in the record. */
  readonly phases: RecordedPhase[];
  readonly incidents: Incident[];
  /** Of the opening stock, before the last query round, and at the end. */
  readonly drains: { opening: Drain | null; before: Drain | null; final: Drain | null };
  /** Rounds of markers sent so far: each needs a number of its own. */
  markerRounds: number;
  compaction: CompactionResult | null;
  /** The process of the compaction that was started last. */
  compactorPid: number | null;
  /** Nothing due at or after this offset from t0 was sent, ms. */
  cutMs: number | null;
  /** When the tables were last looked at: what was not visible by then never was. Epoch ms. */
  endedMs: number | null;
  /** What the record says, once it is computed: nothing that goes wrong from then on takes it away. */
  concluded: Partial<RunRecord> | null;
}

/** A run before anything is started: who asked, where it is written down, and what ends it. */
export interface RunContext {
  readonly options: RunOptions;
  readonly scenario: Scenario;
  readonly pipeline: PlacedPipeline;
  /** Where its servers run. */
  readonly chosen: ChosenStack;
  /** With the other shards of its load; null of a run that makes all of it. */
  readonly meeting: Meeting | null;
  readonly folder: RunFolder;
  readonly journal: Journal;
  readonly progress: Progress;
  readonly faults: Faults;
  /** Aborts when the user stops it, or a server, a job or the load breaks: the reason says which. */
  readonly signal: AbortSignal;
  /** Ends the run with this cause. */
  readonly fail: (cause: unknown) => void;
}

/** A run with its whole world up. */
export interface Session extends RunContext {
  readonly facts: Facts;
  readonly stack: Stack;
  readonly deployment: Deployment;
  readonly load: Load;
  readonly probes: RunningProbes;
  /** The run's scratch folder, gone when it ends. */
  readonly workDir: string;
  /** Widest gap seen between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: () => number;
}
