import type { Clock } from '../../core/clock.ts';
import { formatDuration } from '../../core/units.ts';
import type { Maintenance, MaintenanceAction } from '../../scenario/scenario.ts';
import type { CompactionResult } from '../pipelines/compactions/compaction.ts';
import { decide, type LiveFiles, type Obstacle, type Trigger } from './policy.ts';

/** Time between two looks at what is due, ms. */
const LOOK_MS = 200;

/** Characters of an error in a line of progress: Iceberg lists every file of a conflict. */
const SHOWN = 200;

/** One run of maintenance. Times are epoch ms. */
interface MaintenanceRun extends CompactionResult {
  readonly actions: readonly MaintenanceAction[];
  readonly trigger: Trigger;
  /** The phase in which it began. */
  readonly phase: string;
}

/** What maintenance did, so far. */
export interface Maintained {
  readonly runs: MaintenanceRun[];
  /** Time in which it was due and did not begin, by what it waited for, ms. */
  readonly waitedMs: Record<Obstacle, number>;
}

interface MaintainOptions {
  readonly policy: Maintenance;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly phase: () => string;
  readonly queriesRunning: () => number;
  /** Live files of the tables that are compacted. */
  readonly files: () => readonly LiveFiles[];
  /** Does the actions; `n` counts from 1. See `compact`. */
  readonly run: (actions: readonly MaintenanceAction[], n: number) => Promise<CompactionResult>;
  readonly onStep: (text: string) => void;
}

/** Maintenance of which nothing has happened yet. */
export function notMaintained(): Maintained {
  return { runs: [], waitedMs: { phase: 0, queries: 0 } };
}

/**
 * Follows the policy while `work` goes on, and adds to `done`. What runs when the work ends is awaited; a run that failed
 * is a result, and the policy goes on. Rejects as `work` does, or if a run cannot start.
 */
export async function maintainDuring(
  work: () => Promise<void>,
  done: Maintained,
  options: MaintainOptions,
): Promise<void> {
  const over = new AbortController();
  const failed = new AbortController();
  const maintaining = maintain(done, over.signal, options).catch((error: unknown) => {
    failed.abort(error);
  });
  try {
    await Promise.race([work(), rejection(failed.signal)]);
  } finally {
    over.abort();
    await maintaining;
  }
  failed.signal.throwIfAborted();
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function maintain(
  done: Maintained,
  over: AbortSignal,
  { policy, clock, signal, phase, queriesRunning, files, run, onStep }: MaintainOptions,
): Promise<void> {
  let sinceMs = clock.nowMs();
  let lookedMs = sinceMs;
  while (!over.aborted && !signal.aborted) {
    const nowMs = clock.nowMs();
    const situation = { nowMs, sinceMs, queriesRunning: queriesRunning(), files: files() };
    const decision = decide(policy, { ...situation, phase: phase() });
    if (decision.kind === 'wait') done.waitedMs[decision.obstacle] += nowMs - lookedMs;
    if (decision.kind === 'begin') {
      const began = phase();
      sinceMs = nowMs;
      const result = await run(policy.actions, done.runs.length + 1);
      const { trigger } = decision;
      done.runs.push({ ...result, actions: policy.actions, trigger, phase: began });
      onStep(`maintenance ${done.runs.length}, by ${trigger}: ${described(result)}`);
    }
    lookedMs = clock.nowMs();
    await clock.sleep(LOOK_MS, over).catch(() => {});
  }
}

function described(result: CompactionResult): string {
  if (result.outcome === 'failed') return `failed: ${result.error?.slice(0, SHOWN)}`;
  const { rewrittenFiles, addedFiles, removedDeleteFiles, wallMs } = result;
  const { expiredFiles, removedOrphans } = result;
  return [
    `${rewrittenFiles} data files into ${addedFiles}`,
    ...((removedDeleteFiles ?? 0) > 0 ? [`${removedDeleteFiles} delete files gone`] : []),
    ...(expiredFiles > 0 ? [`${expiredFiles} files of old snapshots deleted`] : []),
    ...(removedOrphans > 0 ? [`${removedOrphans} orphan files removed`] : []),
    `in ${formatDuration(Math.round(wallMs / 100) * 100)}`,
  ].join(', ');
}
