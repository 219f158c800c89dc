import type { Clock } from '../../../core/clock.ts';
import { type DoorbusterError, stackBroke } from '../../../core/errors.ts';
import { type FlinkRest, hasEnded, type JobOverview } from '../../clients/flink-rest.ts';
import type { DeployedJob } from './runner.ts';

interface Watched {
  readonly rest: FlinkRest;
  readonly clock: Clock;
  readonly jobs: readonly DeployedJob[];
  /** Whether the jobs were stopped on purpose. */
  done(): boolean;
  /** Whether a declared fault may be why a job cannot run or nobody answers: that time does not count. */
  excused(): boolean;
}

const POLL_MS = 500;
/** A stopped process takes a connection and never says a word: a question is given up after this. */
const ANSWER_WITHIN_MS = 5_000;
/** How long the JobManager may owe an answer: on a machine with more work than cores it takes its time. */
const SILENT_AFTER_MS = 30_000;
/** How long a job may be unable to run before the run ends. */
const UNWELL_AFTER_MS = 10_000;
/** A job that cannot process one record runs for a moment between restarts: that is no recovery. */
const WELL_AFTER_MS = 5_000;

interface Spell {
  readonly sinceMs: number;
  wellSinceMs: number | null;
}

/**
 * Polls the jobs until `signal` aborts or they are done. Rejects with the innermost cause when one is
 * gone, or was restarting for more than 10 s without 5 s of calm; and when the JobManager itself is
 * silent for 30 s. Time in which a declared fault excuses either counts for neither.
 */
export async function watchJobs(watched: Watched, signal: AbortSignal): Promise<void> {
  const { rest, clock, jobs } = watched;
  const spells = new Map<string, Spell>();
  let answeredMs = clock.monotonicMs();
  while (!signal.aborted && !watched.done()) {
    const overview = await asked(watched, signal, (either) => rest.jobs(either));
    if (watched.excused()) {
      answeredMs = clock.monotonicMs();
      spells.clear();
    }
    if (overview === null) {
      // One that died is named by the stack, which knows why: this leaves it the time to.
      const silentMs = clock.monotonicMs() - answeredMs;
      if (silentMs > SILENT_AFTER_MS && !signal.aborted) throw silent(silentMs);
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
      const why = await asked(watched, signal, (either) => rest.failure(job.jobId, either));
      throw stackBroke(
        `Flink job ${job.name} ${broken}: ${why ?? 'Flink gave no cause'}`,
        'see flink-taskmanager.log in the run folder',
      );
    }
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}

/** What the JobManager says to a question, or null when it does not, or not in time. */
async function asked<T>(
  { clock }: Watched,
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
  const [said, limit] = [forMs, SILENT_AFTER_MS].map((ms) => `${Math.round(ms / 1000)} s`);
  return stackBroke(
    `flink-jobmanager has not answered for ${said} (limit ${limit}), although its process runs`,
    'see flink-jobmanager.log in the run folder',
  );
}

/** What is wrong with a job for too long now, or null. */
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
    if (nowMs - spell.wellSinceMs >= WELL_AFTER_MS) spells.delete(job.jobId);
    return null;
  }
  spell.wellSinceMs = null;
  const forMs = nowMs - spell.sinceMs;
  if (forMs <= UNWELL_AFTER_MS) return null;
  return `has been ${seen.state} repeatedly for ${Math.round(forMs / 1000)} s (limit 10 s)`;
}
