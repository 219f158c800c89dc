import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { FlinkRest, JobOverview } from '../clients/flink-rest.ts';

/** One running Flink job: it carries one stream. */
export interface DeployedJob {
  readonly name: Stream;
  readonly topic: string;
  readonly jobId: string;
}

export interface Watched {
  readonly rest: FlinkRest;
  readonly clock: Clock;
  readonly jobs: readonly DeployedJob[];
  /** Whether the jobs were stopped on purpose. */
  done(): boolean;
}

const POLL_MS = 500;
/** How long a job may be unable to run before the run ends. */
const UNWELL_AFTER_MS = 10_000;
/** A job that cannot process one record runs for a moment between restarts: that is no recovery. */
const WELL_AFTER_MS = 5_000;
const GONE = ['FAILED', 'CANCELED', 'FINISHED', 'SUSPENDED'];

interface Spell {
  readonly sinceMs: number;
  wellSinceMs: number | null;
}

/**
 * Polls the jobs until `signal` aborts or they are done. Rejects with the innermost cause when one is
 * gone, or was restarting for more than 10 s without 5 s of calm.
 */
export async function watchJobs(watched: Watched, signal: AbortSignal): Promise<void> {
  const { rest, clock, jobs } = watched;
  const spells = new Map<string, Spell>();
  let answeredMs = clock.monotonicMs();
  while (!signal.aborted && !watched.done()) {
    const overview = await rest.jobs(signal).catch((error: unknown) => {
      // A JobManager that died is named by the stack, which knows why: leave it the time to.
      if (clock.monotonicMs() - answeredMs > UNWELL_AFTER_MS && !signal.aborted) throw error;
      return null;
    });
    if (overview === null) {
      await clock.sleep(POLL_MS, signal).catch(() => undefined);
      continue;
    }
    const nowMs = clock.monotonicMs();
    answeredMs = nowMs;
    for (const job of jobs) {
      const seen = overview.find((one) => one.jobId === job.jobId);
      // A job may end between the poll and the word that it was drained.
      if (watched.done()) return;
      const broken = judge(spells, job, seen, nowMs);
      if (broken === null) continue;
      const why = (await rest.failure(job.jobId)) ?? 'Flink gave no cause';
      throw stackBroke(
        `Flink job ${job.name} (topic ${job.topic}) ${broken}: ${why}`,
        'see flink-taskmanager.log in the run folder',
      );
    }
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}

/** What is wrong with a job for too long now, or null. */
function judge(
  spells: Map<string, Spell>,
  job: DeployedJob,
  seen: JobOverview | undefined,
  nowMs: number,
): string | null {
  if (seen === undefined) return 'is unknown to the JobManager, which has lost it';
  if (GONE.includes(seen.state)) return `is ${seen.state}`;
  const well = seen.state === 'RUNNING' && seen.tasksRunning === seen.tasksTotal;
  const spell = spells.get(job.jobId);
  if (spell === undefined) {
    if (!well) spells.set(job.jobId, { sinceMs: nowMs, wellSinceMs: null });
    return null;
  }
  if (well) {
    spell.wellSinceMs ??= nowMs;
    if (nowMs - spell.wellSinceMs >= WELL_AFTER_MS) spells.delete(job.jobId);
    return null;
  }
  spell.wellSinceMs = null;
  const forMs = nowMs - spell.sinceMs;
  if (forMs <= UNWELL_AFTER_MS) return null;
  return `has been ${seen.state} on and off for ${Math.round(forMs / 1000)} s (limit 10 s)`;
}
