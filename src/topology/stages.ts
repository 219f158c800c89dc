import { z } from 'zod';
import { suggest } from '../scenario/problems.ts';
import type { KeyProblem } from '../scenario/yaml-file.ts';

/** Runners of stages, which move data from the load target to the datasets. */
const STAGE_RUNNERS = [
  'flink-sql',
  'redis-view',
  'batch-load',
  'warehouse',
  'spark-merge',
  'kafka-connect',
  'ducklake-load',
  'debezium',
  'in-process',
] as const;
export type RunnerKind = (typeof STAGE_RUNNERS)[number];

/** Defects that a stage in this process injects, which a run must find. */
const injected = z.strictObject({
  delay_ms: z.int().min(0).default(0).describe('a row is written this long after it was appended'),
  lose_every: z.int().min(1).optional().describe('of the rows of a stream, each n-th is lost'),
  duplicate_every: z.int().min(1).optional().describe('each n-th is written twice'),
  version_guard: z
    .boolean()
    .default(true)
    .describe('false: of the images of a row the last to arrive is shown'),
});
export type Injected = z.output<typeof injected>;

/** Which products a view in memory keeps. */
const hot = z.strictObject({
  share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.01)
    .describe(
      'a product with at least this share of the changes in the stream is hot from then on',
    ),
  keep: z
    .int()
    .min(1)
    .max(100_000)
    .default(200)
    .describe('at most this many products, those of the plan first'),
});
export type HotRule = z.output<typeof hot>;

/** How tables are kept in Parquet files. */
const files = {
  buckets: z
    .int()
    .min(1)
    .max(1_000)
    .default(4)
    .describe(
      'store buckets per table, and per day: a load or merge rewrites those that it touches',
    ),
  keep_batches: z
    .int()
    .min(1)
    .default(10)
    .describe('files that were replaced are removed this many loads or merges later'),
};

const connectorSettings = z
  .record(z.string().min(1), z.string())
  .default({})
  .describe('further settings of every connector; they replace the generated ones');

/** A stage of `pipeline.yaml`. */
export const stage = z.discriminatedUnion('run', [
  z.strictObject({ run: z.literal('flink-sql').describe('the jobs of jobs.sql, in Flink') }),
  z.strictObject({
    run: z
      .literal('redis-view')
      .describe('a process that keeps the hot rows of each dataset with visibility redis in Redis'),
    reconcile_every_ms: z
      .int()
      .min(1_000)
      .optional()
      .describe('how often its rows are compared with the table of the stream; default: never'),
    hot: hot
      .prefault({})
      .describe('products that are hot besides those of the bursts of the scenario'),
  }),
  z.strictObject({
    run: z
      .literal('batch-load')
      .describe('a scheduled load into Parquet files, at every commit interval'),
    ...files,
  }),
  z.strictObject({
    run: z
      .literal('warehouse')
      .describe(
        'loaders that stage Parquet files, and one engine that merges them and answers queries',
      ),
    loaders: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('loaders, each with its share of the partitions; default: pipeline.parallelism'),
    threads: z
      .int()
      .min(1)
      .default(1)
      .describe('threads of the engine, for queries and merges together'),
    memory_mb: z.int().min(128).default(1024).describe('memory of the engine, MB'),
    ...files,
  }),
  z.strictObject({
    run: z
      .literal('spark-merge')
      .describe(
        'a Spark process that merges micro-batches into tables of format 3, at every commit interval',
      ),
    threads: z.int().min(1).default(2).describe('threads for the tasks of all micro-batches'),
    memory_mb: z.int().min(512).default(1024).describe('heap of its JVM, MB'),
  }),
  z.strictObject({
    run: z
      .literal('kafka-connect')
      .describe('the Iceberg sink of Kafka Connect: a connector per stream, which appends'),
    tasks: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('tasks per connector; default: pipeline.parallelism'),
    offset_flush_ms: z
      .int()
      .min(100)
      .max(600_000)
      .default(60_000)
      .describe(
        "the worker's offset.flush.interval.ms: a task without records hears of a commit this late",
      ),
    commit_timeout_ms: z
      .int()
      .min(1_000)
      .default(30_000)
      .describe('a commit does not wait longer than this for a task'),
    settings: connectorSettings,
  }),
  z.strictObject({
    run: z
      .literal('ducklake-load')
      .describe('a loader that merges into tables of DuckLake, at every commit interval'),
    inline_rows: z
      .int()
      .min(0)
      .max(100_000)
      .default(5_000)
      .describe('up to so many rows of a load go into the catalog instead of a file'),
  }),
  z.strictObject({
    run: z
      .literal('debezium')
      .describe(
        "Debezium in Kafka Connect: what the log of the stores' database says becomes the topics of the streams",
      ),
    offset_flush_ms: z
      .int()
      .min(100)
      .max(600_000)
      .default(1_000)
      .describe(
        "the worker's offset.flush.interval.ms: what was read since then is sent again after a crash",
      ),
    settings: connectorSettings,
  }),
  z.strictObject({
    run: z.literal('in-process').describe('a stage in this process, without any server'),
    inject: injected.prefault({}).describe('known defects, which a run must find'),
  }),
]);
export type StageUse = z.output<typeof stage>;

/** Settings for the stages of a pipeline: by the kind of the stage, and there by key. */
type StageSettings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The stages with these settings in place of their own, and what is wrong with the settings, by its path in them. */
export function withSettings(
  stages: readonly StageUse[],
  settings: StageSettings,
): { readonly stages: StageUse[]; readonly problems: readonly KeyProblem[] } {
  const kinds = stages.map(({ run }) => run);
  const unknown = Object.keys(settings).filter((kind) => !kinds.some((run) => run === kind));
  const problems: KeyProblem[] = unknown.map((kind) => ({
    path: [kind],
    message: `the pipeline has no stage "${kind}": ${suggest(kind, kinds)}`,
  }));
  const set = stages.map((own) => {
    const wanted = settings[own.run] ?? {};
    const read = stage.safeParse({ ...own, ...wanted, run: own.run });
    const wrong = (read.error?.issues ?? []).flatMap((issue) => problemsOf(issue, own.run));
    if (Object.hasOwn(wanted, 'run')) wrong.push(unknownKey([], 'run', own.run));
    problems.push(...wrong.map(({ path, message }) => ({ path: [own.run, ...path], message })));
    return read.data ?? own;
  });
  return { stages: set, problems };
}

function problemsOf(issue: z.core.$ZodIssue, run: RunnerKind): KeyProblem[] {
  const path = issue.path as (string | number)[];
  return issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => unknownKey(path, key, run))
    : [{ path, message: issue.message }];
}

function unknownKey(path: KeyProblem['path'], key: string, run: RunnerKind): KeyProblem {
  const known = path.length === 0 ? `: ${suggest(key, keysOf(run))}` : '';
  return { path: [...path, key], message: `unknown key "${key}"${known}` };
}

/** The keys of a stage that can be set: all but its kind. */
function keysOf(run: RunnerKind): readonly string[] {
  const found = stage.options.find(({ shape }) => shape.run.value === run);
  return Object.keys(found?.shape ?? {}).filter((key) => key !== 'run');
}
