import type { Clock } from '../../../core/clock.ts';
import type { ViewRecord } from '../../../record/record.ts';
import type { Scenario, Stream } from '../../../scenario/scenario.ts';
import type { RunnerKind, StageUse } from '../../../topology/stages.ts';
import type { StageProcess } from '../../batches/child-process.ts';
import type { Artifacts } from '../../setup/artifacts.ts';
import type { Program } from '../../setup/needs.ts';
import type { ServerName, Stack } from '../../stack/stack.ts';
import type { RunPipeline } from '../load.ts';

/** An independent part of a stage, such as a Flink job, which carries one stream. */
export interface DeployedJob {
  readonly name: Stream;
  readonly jobId: string;
}

/** A deployed stage. Its owner disposes it, which ends what still runs. */
export interface DeployedStage extends AsyncDisposable {
  readonly jobs: readonly DeployedJob[];
  /**
   * Rejects with the innermost cause when a job fails or cannot keep running for 10 s. Resolves when `signal` aborts or
   * the stage is drained. During a declared fault a job may be unable to run, but must not disappear.
   */
  watch(signal: AbortSignal, underDeclaredFault: () => boolean): Promise<void>;
  /** Stops the stage after it has committed everything that it read. */
  drain(signal?: AbortSignal): Promise<void>;
  /** Processes of its own on this machine, by the name of their account in the facts `resources`. */
  processes?(): readonly { readonly server: string; readonly pid: number }[];
  /** Views that it has filled and drained, with what they did. */
  views?(): readonly ViewRecord[];
  /** The plan of each of its jobs, in its engine's format. */
  explain(): Promise<readonly { readonly name: Stream; readonly plan: string }[]>;
  /** The engine that it has started, where it is one that answers queries too. */
  readonly engine?: StageProcess;
}

export interface DeployOptions {
  readonly stack: Pick<Stack, 'runtime' | 'endpoints' | 'inProcess' | 'stateDir' | 'launch'>;
  readonly scenario: Pick<Scenario, 'pipeline' | 'stack' | 'traffic'>;
  /** Products that a retailer knows to be in demand: those of the bursts of the scenario, hottest first. */
  readonly hotProducts: () => readonly number[];
  readonly extensions: Artifacts['duckdbExtensions'];
  /** Folder for what its programs write on this machine. It exists, and goes with the run, also if doorbuster is killed. */
  readonly workDir: string;
  /** Folder for the logs of its programs. */
  readonly logDir: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A stage to deploy. */
export interface StageOf<K extends RunnerKind> {
  readonly pipeline: RunPipeline;
  readonly stage: Extract<StageUse, { run: K }>;
  /** The pipeline's streams with traffic in the scenario. */
  readonly streams: readonly Stream[];
}

/** Extension point: runs a stage, which moves data. One file per kind, and one line in runners.ts. */
export interface StageRunner<K extends RunnerKind> {
  readonly run: K;
  /** The servers that its stages use. */
  readonly servers: readonly ServerName[];
  /** The program that its stages are, which a run has to fetch or build; absent: they need none. */
  readonly program?: Program;
  /** Throws a DoorbusterError (exit 3) if there is not enough capacity for the stage, before anything is created. */
  requireCapacity?(of: StageOf<K>, options: DeployOptions): Promise<void>;
  /**
   * Creates the stage's tables and starts it; resolves when all its jobs run. The topics exist. If it fails, it ends
   * what it started.
   */
  deploy(of: StageOf<K>, options: DeployOptions): Promise<DeployedStage>;
}
