import type { Sighted } from '../visibility/visibility.ts';

/** Between the starts of two polls while a commit may come. Asking costs the catalog about 5 ms of CPU. */
export const POLL_MS = 150;
/** This share of the commit interval after its last commit, a writer's next one is still far off. */
const QUIET_SHARE = 0.5;
/** Between two polls of the quiet time, as a share of the commit interval, and at most. */
const SPARSE_SHARE = 0.1;
const SPARSE_MAX_MS = 1_000;
/** Of the time that an answer took, at least so much is a pause. */
const REST_SHARE = 0.5;

/**
 * When to poll a table next. It is polled every 150 ms, and more rarely in the quiet time: while every known
 * writer of the pipeline has just committed and its next commit is half a commit interval away. Only Flink's own
 * periodic commits begin a quiet time. A rewrite, or a commit of anyone else, tells nothing of when Flink commits
 * next, and changes nothing; one that comes in a quiet time is found within a tenth of the commit interval.
 */
export class PollSchedule {
  readonly #commitEveryMs: number;
  readonly #sparseMs: number;
  /** Earliest moment at which each writer's next commit is expected, epoch ms. */
  readonly #dueMs = new Map<string, number>();

  constructor(commitEveryMs: number) {
    this.#commitEveryMs = commitEveryMs;
    const sparseMs = Math.min(SPARSE_MAX_MS, commitEveryMs * SPARSE_SHARE);
    this.#sparseMs = Math.max(POLL_MS, sparseMs);
  }

  note(found: readonly Sighted[]): void {
    for (const { snapshot, missedMs } of found) {
      const writer = writerOf(snapshot);
      // Of a commit that was there before the first poll nobody knows when it came.
      if (writer === null || missedMs === null) continue;
      this.#dueMs.set(writer, this.#nextDue(this.#dueMs.get(writer), missedMs));
    }
  }

  /** How long to wait after a poll from `startMs` to `endMs`. */
  waitMs(startMs: number, endMs: number): number {
    const everyMs = this.#isQuiet(endMs) ? this.#sparseMs : POLL_MS;
    const tookMs = endMs - startMs;
    // A catalog that is slow to answer is never asked without a pause; a longer one would widen the intervals further.
    return Math.max(everyMs - tookMs, tookMs * REST_SHARE);
  }

  #isQuiet(nowMs: number): boolean {
    const farMs = this.#commitEveryMs * (1 - QUIET_SHARE);
    return this.#dueMs.size > 0 && [...this.#dueMs.values()].every((due) => due - nowMs > farMs);
  }

  /**
   * Checkpoints are triggered on a grid, and a slow one is committed late: the one after it is due on the grid,
   * not a whole interval later. The earliest commit so far says where the grid is.
   */
  #nextDue(dueMs: number | undefined, atMs: number): number {
    const every = this.#commitEveryMs;
    if (dueMs === undefined || atMs < dueMs) return atMs + every;
    return dueMs + every * (Math.floor((atMs - dueMs) / every) + 1);
  }
}

/**
 * Who makes this commit with every checkpoint: the job and its committer, as Flink's Iceberg sink writes them
 * into the summary. null: nobody known to commit periodically, or a rewrite, which Flink may do as well.
 */
function writerOf({ operation, summary }: Sighted['snapshot']): string | null {
  const job = summary['flink.job-id'];
  if (operation === 'replace' || job === undefined) return null;
  return `${job}/${summary['flink.operator-id'] ?? ''}`;
}
