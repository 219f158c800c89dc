import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { httpRequest } from './http.ts';
import { causeIn, rootCause } from './root-cause.ts';

/** States of a Flink job, as its REST interface names them. */
type JobState =
  | 'INITIALIZING'
  | 'CREATED'
  | 'RUNNING'
  | 'FAILING'
  | 'FAILED'
  | 'CANCELLING'
  | 'CANCELED'
  | 'FINISHED'
  | 'RESTARTING'
  | 'SUSPENDED'
  | 'RECONCILING';

const ENDED: readonly JobState[] = ['FAILED', 'CANCELED', 'FINISHED', 'SUSPENDED'];

/** Whether a job in this state has ended for good. */
export function hasEnded({ state }: Pick<JobOverview, 'state'>): boolean {
  return ENDED.includes(state);
}

export interface JobOverview {
  readonly jobId: string;
  readonly name: string;
  readonly state: JobState;
  /** Running tasks and all tasks of the job: a job is RUNNING before its tasks are. */
  readonly tasksRunning: number;
  readonly tasksTotal: number;
}

/** The REST interface of Flink's JobManager. Stateless: nothing to close. */
export interface FlinkRest {
  jobs(signal?: AbortSignal): Promise<readonly JobOverview[]>;
  /** The innermost cause of the job's last failure; null if it never failed. */
  failure(jobId: string, signal?: AbortSignal): Promise<string | null>;
  /** Completed and failed checkpoints so far. */
  checkpoints(jobId: string, signal?: AbortSignal): Promise<CheckpointCounts>;
  /**
   * Drains a job and stops it with a savepoint: everything that it read is committed. Without a folder the
   * savepoint goes to the cluster's default. Resolves with its location; rejects with the innermost cause.
   */
  stopWithDrain(jobId: string, savepointDir: string | null, signal?: AbortSignal): Promise<string>;
  /** Removes a savepoint that is not needed any more. A missing one is not an error. */
  discardSavepoint(location: string, signal?: AbortSignal): Promise<void>;
  /** Number of free task slots. */
  freeSlots(signal?: AbortSignal): Promise<number>;
  /** Cancels a job at once. A job that no longer exists is not an error. */
  cancel(jobId: string, signal?: AbortSignal): Promise<void>;
}

interface CheckpointCounts {
  readonly completed: number;
  readonly failed: number;
  /** Mean time from trigger to completion, ms; null while none has completed. */
  readonly meanMs: number | null;
}

interface SavepointStatus {
  readonly status: { readonly id: 'IN_PROGRESS' | 'COMPLETED' };
  readonly operation?: {
    readonly location?: string;
    readonly 'failure-cause'?: { readonly 'stack-trace': string };
  };
}

/** Poll interval: a savepoint of a small job takes half a second. */
const SAVEPOINT_POLL_MS = 100;

/** `uri`: http://host:port of the JobManager. */
export function flinkRest(uri: string, clock: Clock): FlinkRest {
  return {
    async jobs(signal) {
      const { jobs } = await call<{ jobs: readonly OverviewRow[] }>(
        uri,
        'GET',
        '/jobs/overview',
        signal,
      );
      return jobs.map((job) => ({
        jobId: job.jid,
        name: job.name,
        state: job.state,
        tasksRunning: job.tasks.running,
        tasksTotal: job.tasks.total,
      }));
    },
    async failure(jobId, signal) {
      const { exceptionHistory } = await call<{
        exceptionHistory: { entries: readonly { stacktrace: string }[] };
      }>(uri, 'GET', `/jobs/${jobId}/exceptions?maxExceptions=1`, signal);
      const newest = exceptionHistory.entries[0];
      return newest === undefined ? null : rootCause(newest.stacktrace);
    },
    async checkpoints(jobId, signal) {
      const { counts, summary } = await call<{
        counts: { completed: number; failed: number };
        summary: { end_to_end_duration: { avg: number } } | null;
      }>(uri, 'GET', `/jobs/${jobId}/checkpoints`, signal);
      const { completed, failed } = counts;
      const meanMs = completed > 0 ? (summary?.end_to_end_duration.avg ?? null) : null;
      return { completed, failed, meanMs };
    },
    stopWithDrain: (jobId, savepointDir, signal) =>
      stopWithDrain({ uri, clock, jobId, savepointDir }, signal),
    discardSavepoint: (location, signal) => discardSavepoint({ uri, clock, location }, signal),
    async freeSlots(signal) {
      const overview = await call<{ 'slots-available': number }>(uri, 'GET', '/overview', signal);
      return overview['slots-available'];
    },
    async cancel(jobId, signal) {
      const path = `${uri}/jobs/${jobId}?mode=cancel`;
      const { ok, status } = await httpRequest(path, { method: 'PATCH', signal });
      if (!ok && status !== 404 && status !== 409) {
        throw stackBroke(`Flink did not cancel job ${jobId}: HTTP ${status}`);
      }
    },
  };
}

interface OverviewRow {
  readonly jid: string;
  readonly name: string;
  readonly state: JobState;
  readonly tasks: { readonly running: number; readonly total: number };
}

async function stopWithDrain(
  job: {
    readonly uri: string;
    readonly clock: Clock;
    readonly jobId: string;
    readonly savepointDir: string | null;
  },
  signal: AbortSignal | undefined,
): Promise<string> {
  const started = await call<{ 'request-id': string }>(
    job.uri,
    'POST',
    `/jobs/${job.jobId}/stop`,
    signal,
    { ...(job.savepointDir === null ? {} : { targetDirectory: job.savepointDir }), drain: true },
  );
  const path = `/jobs/${job.jobId}/savepoints/${started['request-id']}`;
  for (;;) {
    const answer = await call<SavepointStatus>(job.uri, 'GET', path, signal);
    if (answer.status.id === 'COMPLETED') {
      const failure = answer.operation?.['failure-cause'];
      if (failure !== undefined) {
        throw stackBroke(
          `Flink job ${job.jobId} did not stop with a savepoint: ${rootCause(failure['stack-trace'])}`,
        );
      }
      return answer.operation?.location ?? '';
    }
    await job.clock.sleep(SAVEPOINT_POLL_MS, signal);
  }
}

async function discardSavepoint(
  {
    uri,
    clock,
    location,
  }: { readonly uri: string; readonly clock: Clock; readonly location: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const started = await call<{ 'request-id': string }>(uri, 'POST', '/savepoint-disposal', signal, {
    'savepoint-path': location,
  });
  const path = `/savepoint-disposal/${started['request-id']}`;
  while ((await call<SavepointStatus>(uri, 'GET', path, signal)).status.id !== 'COMPLETED') {
    await clock.sleep(SAVEPOINT_POLL_MS, signal);
  }
}

async function call<T>(
  uri: string,
  method: string,
  path: string,
  signal?: AbortSignal,
  body?: unknown,
): Promise<T> {
  const { status, ok, text } = await httpRequest(`${uri}${path}`, { method, body, signal });
  if (ok) return JSON.parse(text) as T;
  throw stackBroke(`Flink answered HTTP ${status} to ${method} ${path}: ${causeIn(text)}`);
}
