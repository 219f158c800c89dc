import type { Clock } from '../../../core/clock.ts';
import type { MaintenanceAction, OnDemand } from '../../../scenario/scenario.ts';
import type { CompactionKind } from '../../../topology/manifest.ts';
import type { ServerName, Stack } from '../../stack/stack.ts';
import type { Pipeline, RunPipeline } from '../load.ts';

/** Options of a compaction on demand. */
export interface CompactionOptions {
  /** The stack that has the tables; the engine runs next to its servers. */
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess' | 'launch'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Folder for the engine's log. */
  readonly logDir: string;
  /** Name of its log there, `spark-compaction.log` by default. */
  readonly log?: string;
  /** What it does, in this order; by default the pipeline's rewrite alone. */
  readonly maintain?: {
    readonly actions: readonly MaintenanceAction[];
    /** With their namespace, the tables whose manifests, snapshots and orphan files it is about. */
    readonly tables: readonly string[];
  };
  /** Called with the engine's process id when it has started, if the process is visible on this machine. */
  readonly onStarted?: (pid: number) => void;
}

/** An action that came to its end, epoch ms. */
interface ActionStep {
  readonly action: MaintenanceAction;
  /** The end of the action before it, or when the engine was ready. */
  readonly startMs: number;
  readonly endMs: number;
  /** null: its process is not visible. */
  readonly coreSeconds: number | null;
}

/** Result of one compaction on demand. Times are epoch ms. */
export interface CompactionResult {
  readonly by: OnDemand;
  readonly outcome: 'committed' | 'failed';
  /** The innermost cause of its failure; null if it succeeded. */
  readonly error: string | null;
  /** The tables that it rewrites, with their namespace. */
  readonly tables: readonly string[];
  /** Start of the engine's process. */
  readonly startedMs: number;
  /** When the engine answered its first statement; null: never. */
  readonly engineReadyMs: number | null;
  /** When the last rewrite printed its result, right after its commit; null: never. */
  readonly committedMs: number | null;
  /** Time from ready to committed; for a failed compaction to its end. */
  readonly wallMs: number;
  readonly startupMs: number;
  /** CPU of the engine and its children from ready to committed, in core-seconds; null: its process is not visible. */
  readonly coreSeconds: number | null;
  /** CPU of both until the engine was ready, in core-seconds. */
  readonly startupCoreSeconds: number | null;
  readonly rewrittenFiles: number;
  readonly addedFiles: number;
  readonly rewrittenBytes: number;
  /** Delete files that its commits took out of the table; null: the catalog did not say. */
  readonly removedDeleteFiles: number | null;
  readonly rewrittenManifests: number;
  /** Files of expired snapshots that were deleted: data, deletes, manifests and their lists. */
  readonly expiredFiles: number;
  /** Files that no metadata named, and their bytes. */
  readonly removedOrphans: number;
  readonly removedOrphanBytes: number;
  /** In their order; an action that failed, and those after it, are not among them. */
  readonly steps: readonly ActionStep[];
  /** Output of the statements. */
  readonly output: string;
}

/** Result of a `compact` phase. */
export interface PhaseCompaction extends CompactionResult {
  readonly phase: string;
  /** What maintenance did; absent: a rewrite alone. */
  readonly actions?: readonly MaintenanceAction[];
}

/** A way to reduce the number of files: one file per kind that runs on demand, and one line in compactions.ts. */
export interface Compaction {
  readonly kind: CompactionKind;
  /** Servers that it uses besides those of the pipeline. */
  readonly servers: readonly ServerName[];
  /** The tables that it rewrites, without their namespace. */
  readonly tables: (pipeline: Pipeline) => readonly string[];
  /**
   * Runs one compaction now, to its commit; null if the kind runs by itself in the sink, or not at all. A failed
   * compaction is a result. It rejects only on an abort, which ends the engine first, or if the engine does not start.
   */
  readonly run:
    | ((pipeline: RunPipeline, options: CompactionOptions) => Promise<CompactionResult>)
    | null;
}
