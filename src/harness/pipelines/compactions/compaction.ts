import type { Clock } from '../../../core/clock.ts';
import type { OnDemand } from '../../../scenario/scenario.ts';
import type { CompactionKind } from '../../../topology/manifest.ts';
import type { ServerName, Stack } from '../../stack/stack.ts';
import type { PlacedPipeline } from '../load.ts';

/** What a compaction on demand needs. */
export interface CompactionOptions {
  /** Whose tables they are; the engine runs beside its servers. */
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess' | 'launch'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Folder for the engine's log. */
  readonly logDir: string;
  /** Name of its log there, `spark-compaction.log` by default. */
  readonly log?: string;
  /** Told the engine's process as soon as there is one; where it is out of sight, there is none. */
  readonly onStarted?: (pid: number) => void;
}

/** What one compaction on demand came to. Moments are epoch ms. */
export interface CompactionResult {
  readonly by: OnDemand;
  readonly outcome: 'committed' | 'failed';
  /** Why it failed: the innermost cause. */
  readonly error: string | null;
  /** The tables it rewrites, with their namespace. */
  readonly tables: readonly string[];
  /** The engine's process was started. */
  readonly startedMs: number;
  /** The engine answered its first statement; null when it never did. */
  readonly engineReadyMs: number | null;
  /** The last rewrite had told its result, which it does right after its commit. */
  readonly committedMs: number | null;
  /** From ready to committed; of a failed one, to its end. */
  readonly wallMs: number;
  readonly startupMs: number;
  /** CPU of the engine and its children from ready to committed, in core-seconds; null where it is out of sight. */
  readonly coreSeconds: number | null;
  /** CPU of both until it was ready, in core-seconds. */
  readonly startupCoreSeconds: number | null;
  readonly rewrittenFiles: number;
  readonly addedFiles: number;
  readonly rewrittenBytes: number;
  readonly removedDeleteFiles: number;
  /** What the statements printed. */
  readonly output: string;
}

/** What a `compact` phase came to. */
export interface PhaseCompaction extends CompactionResult {
  readonly phase: string;
}

/** A way to reduce the number of files: one file per kind that runs on demand, and one line in compactions.ts. */
export interface Compaction {
  readonly kind: CompactionKind;
  /** The servers that it reads from and writes to, besides those of the pipeline. */
  readonly servers: readonly ServerName[];
  /**
   * One compaction now, to its commit; null where it goes on by itself, in the sink, or not at all. A compaction that
   * failed is a result. Rejects when it is aborted, which ends the engine first, or when the engine did not start.
   */
  readonly run:
    | ((pipeline: PlacedPipeline, options: CompactionOptions) => Promise<CompactionResult>)
    | null;
}
