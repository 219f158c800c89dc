import type { Clock } from '../../../core/clock.ts';
import { type DoorbusterError, stackBroke } from '../../../core/errors.ts';
import { type FlinkRest, hasEnded, type JobOverview } from '../../clients/flink-rest.ts';
import type { DeployedJob } from './runner.ts';

interface WatchedJobs {
  readonly rest: FlinkRest;
  readonly clock: Clock;
  readonly jobs: readonly DeployedJob[];
  /** Whether the jobs were stopped on purpose. */
  done(): boolean;
  /** Whether a declared fault may be the reason why a job cannot run or Flink does not answer: that time does not count. */
  underDeclaredFault(): boolean;
}

const POLL_MS = 500;
/** Timeout of a request, ms: a stopped process accepts connections and never answers. */
const ANSWER_WITHIN_MS = 5_000;
/** Longest time without an answer of the JobManager, ms: it is slow on a saturated machine. */
const SILENT_AFTER_MS = 30_000;
/** Longest time in which a job may be unable to run before the run ends, ms. */
const NOT_RUNNING_WITHIN_MS = 10_000;
/** A job has recovered after running for this long, ms: one that fails on a record also runs briefly between restarts. */
const RECOVERED_AFTER_MS = 5_000;

interface Spell {
  readonly sinceMs: number;
  wellSinceMs: number | null;
}

/**
 * Polls the jobs until `signal` aborts or they are done. Rejects with the innermost cause when a job has ended,
 * or has been restarting for more than 10 s without running for 5 s; and when the JobManager does not answer for
 * 30 s. Time under a declared fault does not count.
 */
export async function watchJobs(watched: WatchedJobs, signal: AbortSignal): Promise<void> {
  const { rest, clock, jobs } = watched;
  const spells = new Map<string, Spell>();
  let answeredMs = clock.monotonicMs();
  while (!signal.aborted && !watched.done()) {
    const overview = await answerInTime(watched, signal, (either) => rest.jobs(either));
    if (watched.underDeclaredFault()) {
      answeredMs = clock.monotonicMs();
      spells.clear();
    }
    if (overview === null) {
      // If the JobManager died, the stack reports it with the cause: this leaves it the time to.
      const silentMs = clock.monotonicMs() - answeredMs;
      if (silentMs > SILENT_AFTER_MS && !signal.aborted) throw silent(silentMs);
      await clock.sleep(POLL_MS, signal).catch(() => undefined);
      continue;
    }
    const nowMs = clock.monotonicMs();
    answeredMs = nowMs;
    for (const job of jobs) {
      const seen = overview.find((one) => one.jobId === job.jobId);
      // A job may end between the poll and the note that it was drained.
      if (watched.done()) return;
      const broken = judge(spells, job, seen, nowMs);
      if (broken === null) continue;
      const why = await answerInTime(watched, signal, (either) => rest.failure(job.jobId, either));
      throw stackBroke(
        `Flink job ${job.name} ${broken}: ${why ?? 'Flink gave no cause'}`,
        'see flink-taskmanager.log in the run folder',
      );
    }
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}

/** Answer of the JobManager; null if it does not answer in time. */
async function answerInTime<T>(
  { clock }: WatchedJobs,
  signal: AbortSignal,
  question: (either: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const enough = new AbortController();
  const either = AbortSignal.any([signal, enough.signal]);
  clock.sleep(ANSWER_WITHIN_MS, either).then(
    () => enough.abort(),
    () => undefined,
  );
  try {
    return await question(either);
  } catch {
    return null;
  } finally {
    enough.abort();
  }
}

function silent(forMs: number): DoorbusterError {
  const [silentText, limit] = [forMs, SILENT_AFTER_MS].map((ms) => `${Math.round(ms / 1000)} s`);
  return stackBroke(
    `flink-jobmanager has not answered for ${silentText} (limit ${limit}), although its process runs`,
    'see flink-jobmanager.log in the run folder',
  );
}

/** The problem of a job that has lasted for too long; null: there is none. */
function judge(
  spells: Map<string, Spell>,
  job: DeployedJob,
  seen: JobOverview | undefined,
  nowMs: number,
): string | null {
  if (seen === undefined) return 'is unknown to the JobManager';
  if (hasEnded(seen)) return `is ${seen.state}`;
  const well = seen.state === 'RUNNING' && seen.tasksRunning === seen.tasksTotal;
  const spell = spells.get(job.jobId);
  if (spell === undefined) {
    if (!well) spells.set(job.jobId, { sinceMs: nowMs, wellSinceMs: null });
    return null;
  }
  if (well) {
    spell.wellSinceMs ??= nowMs;
    if (nowMs - spell.wellSinceMs >= RECOVERED_AFTER_MS) spells.delete(job.jobId);
    return null;
  }
  spell.wellSinceMs = null;
  const forMs = nowMs - spell.sinceMs;
  if (forMs <= NOT_RUNNING_WITHIN_MS) return null;
  return `has been ${seen.state} repeatedly for ${Math.round(forMs / 1000)} s (limit 10 s)`;
}
