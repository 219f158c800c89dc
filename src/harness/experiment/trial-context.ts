import type { Clock } from '../../core/clock.ts';
import type { RunFolder } from '../../record/folder.ts';
import type { Journal } from '../../record/journal.ts';
import type { Drain } from '../../record/record.ts';
import type { ParsedScenario } from '../../scenario/parse.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';
import type { Faults } from '../faults.ts';
import type { Load } from '../load/load.ts';
import type { Deployment } from '../pipelines/deployment.ts';
import type { RunPipeline } from '../pipelines/load.ts';
import type { Incident } from '../probes/probe.ts';
import type { RunningProbes } from '../probes/probes.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { Shard, ShardCoordinator } from '../sharding/shard-coordinator.ts';
import type { ChosenStack } from '../shared-stack.ts';
import type { Stack } from '../stack/stack.ts';
import type { Visibility } from '../visibility/sources.ts';
import type { RunEvent } from './progress.ts';
import type { TrialState } from './trial-state.ts';

/** A trial: a scenario, and where its record goes. */
export interface Trial {
  readonly parsed: ParsedScenario & { readonly file: string };
  /** Folder in which this trial's own folder is created. */
  readonly resultsDir: string;
  /** Base folder of a relative `pipeline.use` path. */
  readonly baseDir: string;
  /** Whether to keep on a shared stack what the trial has created there. */
  readonly keep?: boolean;
  /** Whether a check that cannot pass any more ends the trial. */
  readonly abortOnFail?: boolean;
  /** Whether the backlog and the checks that cannot pass any more are reported while it runs: a twentieth of one core. */
  readonly reportSoFar?: boolean;
  /** Its part in a distributed load, on a stack that all shards can reach. */
  readonly shard?: Shard;
  /** The user's wish to stop. */
  readonly signal: AbortSignal;
  /** The command line that replays this trial. */
  readonly reproduce: string;
  readonly onEvent: (event: RunEvent) => void;
}

/** Context that the trials of one lab share. */
export interface LabContext {
  /** The stack they run on. */
  readonly chosen: ChosenStack;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
}

export type TrialOptions = Trial & Pick<LabContext, 'artifacts' | 'clock'>;

/** A trial before anything is started: its options, its record, and the signal that ends it. */
export interface RunContext {
  readonly options: TrialOptions;
  readonly scenario: Scenario;
  readonly pipeline: RunPipeline;
  readonly chosen: ChosenStack;
  /** Coordinates the shards of its load; null if the trial produces all of the load. */
  readonly coordinator: ShardCoordinator | null;
  readonly folder: RunFolder;
  readonly journal: Journal;
  readonly state: TrialState;
  readonly faults: Faults;
  /** Aborts when the user stops the trial, or when a server, a job or the load fails; with the reason. */
  readonly signal: AbortSignal;
  /** Ends the trial with this cause. */
  readonly fail: (cause: unknown) => void;
}

/** A trial with everything it needs running. */
export interface Session extends RunContext {
  readonly facts: Facts;
  readonly stack: Stack;
  readonly deployment: Deployment;
  readonly load: Load;
  readonly visibility: Visibility;
  readonly probes: RunningProbes;
  /** Events so far that make the numbers untrustworthy. */
  readonly incidents: readonly Incident[];
  /** Waits until everything sent so far is visible in every table, or the drain timeout. */
  readonly drain: () => Promise<Drain>;
  /** The trial's scratch folder, removed when it ends. */
  readonly workDir: string;
  /** Widest gap so far between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: () => number;
}
