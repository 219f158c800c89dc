import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DoorbusterError, stackBroke } from '../../../core/errors.ts';
import { quoted } from '../../../core/sql.ts';
import type { Stream } from '../../../scenario/scenario.ts';
import { type Decoder, decoderOn } from '../../../topology/decode-sql.ts';
import { splitStatements } from '../../../topology/statements.ts';
import { catalogProperties, withoutSecrets } from '../../clients/catalog-options.ts';
import type { Endpoints, KafkaAccess } from '../../clients/endpoints.ts';
import { type FlinkRest, flinkRest } from '../../clients/flink-rest.ts';
import { openSqlSession, type SqlSession } from '../../clients/sql-gateway.ts';
import type { Stack } from '../../stack/stack.ts';
import { type RunPipeline, submissions } from '../load.ts';
import { fillPlaceholders, placeholderValues } from '../placeholders.ts';
import type { DeployedJob, DeployedStage, DeployOptions, StageOf, StageRunner } from './runner.ts';
import { watchJobs } from './watch-jobs.ts';

/** Longest wait for the jobs, ms. A job runs after about two seconds; five on a loaded machine take longer. */
const RUNNING_WITHIN_MS = 120_000;
const POLL_MS = 200;
/** Longest wait for a cancellation, ms: a JobManager that hangs is ended with its stack. */
const CANCEL_WITHIN_MS = 10_000;

/** The jobs of `jobs.sql`, through Flink's SQL gateway: one job per stream. */
export const flinkSql: StageRunner<'flink-sql'> = {
  run: 'flink-sql',
  servers: ['kafka', 'catalog', 'flink-jobmanager', 'flink-taskmanager', 'flink-gateway'],
  requireCapacity: ({ streams }, options) =>
    requireSlots(
      flinkRest(options.stack.endpoints.flink.rest, options.clock),
      streams.length,
      options,
    ),
  deploy: deployJobs,
};

/**
 * Creates the catalog and the tables, submits the jobs of the scenario's streams and waits until all their
 * tasks run. If it fails, it cancels the submitted jobs.
 */
async function deployJobs(
  { pipeline, streams }: StageOf<'flink-sql'>,
  options: DeployOptions,
): Promise<DeployedStage> {
  const { stack, scenario, clock, signal } = options;
  const { place } = pipeline;
  const { flink } = stack.endpoints;
  const rest = flinkRest(flink.rest, clock);
  const session = await openSqlSession(flink.gateway, {
    ...{ clock, signal },
    masked: (text) => withoutSecrets(text, stack.endpoints),
  });
  const jobs: DeployedJob[] = [];
  const plans = new Map<Stream, string>();
  const state = { draining: false, drained: false };
  const dispose = async () => {
    // The cancelled jobs are not the reason for the end of the run.
    state.draining = true;
    const enough = AbortSignal.timeout(CANCEL_WITHIN_MS);
    if (!state.drained) await Promise.allSettled(jobs.map((job) => rest.cancel(job.jobId, enough)));
    await session.close().catch(() => undefined);
  };
  try {
    const values = placeholderValues(scenario.pipeline, internalKafka(stack.endpoints), place);
    await session.run(createCatalog(stack.endpoints));
    const started = (job: DeployedJob, plan: string) => {
      jobs.push(job);
      plans.set(job.name, plan);
    };
    const decoder = decoderOn(stack.runtime);
    await submitAll(pipeline, { session, decoder, streams, values, started });
    await allRunning(rest, jobs, options);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    jobs,
    watch: (until, underDeclaredFault) =>
      watchJobs({ rest, clock, jobs, done: () => state.draining, underDeclaredFault }, until),
    async drain(until) {
      state.draining = true;
      const stopped = jobs.map((job) => rest.stopWithDrain(job.jobId, savepointsOf(stack), until));
      const locations = await Promise.all(stopped);
      state.drained = true;
      // The savepoints are not used again: they are Flink's method to stop a job without losing what it has read.
      if (!place.apart) return;
      await Promise.all(locations.map((location) => rest.discardSavepoint(location, until)));
    },
    explain: () => explain(session, plans),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Runs the statements of the tables, then those that start the jobs of `streams`, calling `started` for each job. */
async function submitAll(
  pipeline: RunPipeline,
  {
    session,
    decoder,
    streams,
    values,
    started,
  }: {
    readonly session: SqlSession;
    readonly decoder: Decoder;
    readonly streams: readonly Stream[];
    readonly values: ReturnType<typeof placeholderValues>;
    readonly started: (job: DeployedJob, plan: string) => void;
  },
): Promise<void> {
  const { tables, dir } = pipeline;
  for (const { text, line } of splitStatements(tables.text)) {
    await runStatement(session, `${tables.path}:${line}`, fillPlaceholders({ text }, values));
  }
  for (const { text, source, generated, job } of submissions(pipeline, decoder, streams)) {
    const filled = fillPlaceholders({ text }, values);
    const shown = decoder === 'sql' ? `${dir} --scenario FILE` : dir;
    const rows = await runStatement(session, source, filled, generated ? shown : undefined);
    if (job === null) continue;
    started({ name: job, jobId: jobIdOf(rows, job) }, filled.replace(/^EXECUTE\s+/i, ''));
  }
}

function savepointsOf({ stateDir }: Pick<Stack, 'stateDir'>): string | null {
  return stateDir === null ? null : pathToFileURL(join(stateDir, 'savepoints')).href;
}

/** Checks for free task slots: a job without slots would wait for them, and the run with it. */
async function requireSlots(
  rest: FlinkRest,
  jobs: number,
  { scenario, signal }: DeployOptions,
): Promise<void> {
  const { parallelism } = scenario.pipeline;
  const free = await rest.freeSlots(signal);
  if (free >= jobs * parallelism) return;
  throw stackBroke(
    `Flink has ${free} free task slots; ${jobs} jobs of parallelism ${parallelism} need ${jobs * parallelism}`,
    'doorbuster up --task-slots N starts a stack with more; an external cluster needs another TaskManager, or fewer other jobs',
  );
}

/** Kafka as Flink reaches it: by its internal address, with the same authentication. */
function internalKafka({ kafka, internal }: Endpoints): KafkaAccess {
  return { ...kafka, brokers: internal.brokers };
}

/** SQL that creates the catalog `ice`, so that no pipeline contains an address or a credential. */
function createCatalog({ catalog, s3, internal }: Endpoints): string {
  const options = {
    type: 'iceberg',
    'catalog-type': 'rest',
    ...catalogProperties(catalog, {
      catalog: internal.catalog,
      s3: internal.s3,
      region: s3.region,
    }),
    's3.access-key-id': s3.accessKeyId,
    's3.secret-access-key': s3.secretAccessKey,
    ...(s3.sessionToken === undefined ? {} : { 's3.session-token': s3.sessionToken }),
  };
  const pairs = Object.entries(options).map(([key, value]) => `${quoted(key)}=${quoted(value)}`);
  return `CREATE CATALOG ice WITH (${pairs.join(', ')})`;
}

/** `generatedFor`: what explains a statement that was generated; the files of the pipeline do not have it. */
async function runStatement(
  session: SqlSession,
  source: string,
  text: string,
  generatedFor?: string,
) {
  try {
    return await session.run(text);
  } catch (error) {
    if (!(error instanceof DoorbusterError)) throw error;
    const hint =
      generatedFor === undefined ? undefined : `doorbuster explain ${generatedFor} --sql shows it`;
    throw stackBroke(`${source}: ${error.message}`, hint, error);
  }
}

function jobIdOf(rows: readonly Readonly<Record<string, unknown>>[], stream: Stream): string {
  const id = rows[0]?.['job id'];
  if (typeof id === 'string') return id;
  throw stackBroke(`Flink accepted the job of ${stream} and returned no id`);
}

async function allRunning(
  rest: FlinkRest,
  jobs: readonly DeployedJob[],
  { clock, signal }: DeployOptions,
): Promise<void> {
  const started = clock.monotonicMs();
  for (;;) {
    const overview = await rest.jobs(signal);
    const waiting: string[] = [];
    for (const { jobId, name } of jobs) {
      const seen = overview.find((job) => job.jobId === jobId);
      if (seen?.state === 'RUNNING' && seen.tasksRunning === seen.tasksTotal) continue;
      const why = await rest.failure(jobId, signal);
      if (why !== null) throw stackBroke(`Flink job ${name} failed as it started: ${why}`);
      waiting.push(`${name} ${seen?.state ?? 'unknown'}`);
    }
    if (waiting.length === 0) return;
    if (clock.monotonicMs() - started > RUNNING_WITHIN_MS) {
      throw stackBroke(
        `these jobs are not running after ${RUNNING_WITHIN_MS / 1000} s: ${waiting.join(', ')}`,
        'see flink-jobmanager.log in the run folder; a job needs as many free task slots as its parallelism',
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
}

async function explain(session: SqlSession, plans: ReadonlyMap<Stream, string>) {
  const explained: { name: Stream; plan: string }[] = [];
  for (const [name, statement] of plans) {
    const rows = await session.run(`EXPLAIN CHANGELOG_MODE ${statement}`);
    explained.push({ name, plan: rows.map((row) => String(row.result)).join('\n') });
  }
  return explained;
}
