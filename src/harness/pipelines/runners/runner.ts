import type { Clock } from '../../../core/clock.ts';
import type { Scenario, Stream } from '../../../scenario/scenario.ts';
import type { RunnerKind, StageUse } from '../../../topology/manifest.ts';
import type { ServerName, Stack } from '../../stack/stack.ts';
import type { PlacedPipeline } from '../load.ts';

/** A part of a stage that runs by itself, such as a Flink job: it carries one stream. */
export interface DeployedJob {
  readonly name: Stream;
  readonly jobId: string;
}

/** A stage at work. Whoever deployed it disposes it, which ends what still runs. */
export interface DeployedStage extends AsyncDisposable {
  readonly jobs: readonly DeployedJob[];
  /**
   * Rejects with the innermost cause when a part of it fails or cannot keep running for 10 s. Resolves when
   * `signal` aborts or it is drained. While `excused` says so, it may be unable to run; what is gone is gone.
   */
  watch(signal: AbortSignal, excused: () => boolean): Promise<void>;
  /** Stops it so that everything that was read is committed. */
  drain(signal?: AbortSignal): Promise<void>;
  /** The plan of each of its jobs, as its engine words it. */
  explain(): Promise<readonly { readonly name: Stream; readonly plan: string }[]>;
}

export interface DeployOptions {
  readonly stack: Pick<Stack, 'runtime' | 'endpoints' | 'inProcess' | 'stateDir'>;
  readonly scenario: Pick<Scenario, 'pipeline' | 'stack' | 'traffic'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What a stage is deployed from. */
export interface StageOf<K extends RunnerKind> {
  readonly pipeline: PlacedPipeline;
  readonly stage: Extract<StageUse, { run: K }>;
  /** Those of the pipeline's streams that the scenario has traffic for. */
  readonly streams: readonly Stream[];
}

/** What moves data: one file per kind, and one line in runners.ts. */
export interface StageRunner<K extends RunnerKind> {
  readonly run: K;
  /** The servers that its stages run on, read from and write to. */
  readonly servers: readonly ServerName[];
  /** Throws a DoorbusterError (exit 3) where the stage would find no room, before anything is made. */
  refuse?(of: StageOf<K>, options: DeployOptions): Promise<void>;
  /**
   * Makes the stage's tables and starts it; resolves when every part of it runs. The topics are there. What it
   * started before it failed is ended.
   */
  deploy(of: StageOf<K>, options: DeployOptions): Promise<DeployedStage>;
}
