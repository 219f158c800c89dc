import type { Sighted } from '../visibility/visibility.ts';

/** Interval between the starts of two polls while a commit may come. A poll costs the catalog about 5 ms of CPU. */
export const POLL_MS = 150;
/** For this share of the commit interval after its last commit, no commit of a writer is expected. */
const QUIET_SHARE = 0.75;
/** Interval between two polls in the quiet time, as a share of the commit interval, and its maximum. */
const SPARSE_SHARE = 0.1;
const SPARSE_MAX_MS = 1_000;
/** Minimum pause after a poll, as a share of the time that the poll took. */
const REST_SHARE = 0.5;

/**
 * Decides when to poll a table next: every 150 ms, and less often in the quiet time, in which every known writer of
 * the pipeline has just committed and its next commit is at least a quarter of a commit interval away. Only the periodic
 * commits of Flink start a quiet time. A rewrite or another writer's commit says nothing about Flink's next commit
 * and does not change the schedule; in a quiet time it is found within a tenth of the commit interval.
 */
export class PollSchedule {
  readonly #commitEveryMs: number;
  readonly #everyMs: number;
  readonly #sparseMs: number;
  /** Earliest moment at which each writer's next commit is expected, epoch ms. */
  readonly #dueMs = new Map<string, number>();

  /** `everyMs`: interval of the polls outside the quiet time. */
  constructor(commitEveryMs: number, everyMs: number = POLL_MS) {
    this.#commitEveryMs = commitEveryMs;
    this.#everyMs = everyMs;
    const sparseMs = Math.min(SPARSE_MAX_MS, commitEveryMs * SPARSE_SHARE);
    this.#sparseMs = Math.max(everyMs, sparseMs);
  }

  record(found: readonly Sighted[]): void {
    for (const { snapshot, missedMs } of found) {
      const writer = writerOf(snapshot);
      // The time of a commit that existed before the first poll is unknown.
      if (writer === null || missedMs === null) continue;
      this.#dueMs.set(writer, this.#nextDue(this.#dueMs.get(writer), missedMs));
    }
  }

  /** How long to wait after a poll from `startMs` to `endMs`. */
  waitMs(startMs: number, endMs: number): number {
    const everyMs = this.#isQuiet(endMs) ? this.#sparseMs : this.#everyMs;
    const tookMs = endMs - startMs;
    // A slow catalog gets a pause between polls, but no longer one, which would widen the intervals further.
    return Math.max(everyMs - tookMs, tookMs * REST_SHARE);
  }

  #isQuiet(nowMs: number): boolean {
    const farMs = this.#commitEveryMs * (1 - QUIET_SHARE);
    return this.#dueMs.size > 0 && [...this.#dueMs.values()].every((due) => due - nowMs > farMs);
  }

  /**
   * Checkpoints are triggered at fixed intervals. After a late commit the next one is due at its regular time, not a
   * whole interval later. The earliest commit so far gives the phase of the intervals.
   */
  #nextDue(dueMs: number | undefined, atMs: number): number {
    const every = this.#commitEveryMs;
    if (dueMs === undefined || atMs < dueMs) return atMs + every;
    return dueMs + every * (Math.floor((atMs - dueMs) / every) + 1);
  }
}

/**
 * The periodic writer of a commit: job and committer, as Flink's Iceberg sink writes them into the summary. null:
 * no known periodic writer, or a rewrite, which Flink may do as well.
 */
function writerOf({ operation, summary }: Sighted['snapshot']): string | null {
  const job = summary['flink.job-id'];
  if (operation === 'replace' || job === undefined) return null;
  return `${job}/${summary['flink.operator-id'] ?? ''}`;
}
