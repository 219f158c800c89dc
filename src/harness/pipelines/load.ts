import { statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../../core/text-file.ts';
import { type ParsedScenario, scenarioProblems } from '../../scenario/parse.ts';
import { atKey, atValue, type Problem, suggest } from '../../scenario/problems.ts';
import { type Scenario, STREAMS, type Stream } from '../../scenario/scenario.ts';
import { unknownDatasets } from '../../topology/check-names.ts';
import type { Decoder } from '../../topology/decode-sql.ts';
import {
  datasetsOf,
  type EngineKind,
  type Manifest,
  parseManifest,
  type QueryParameter,
  rejectedOf,
  streamsOf,
} from '../../topology/manifest.ts';
import { withSettings } from '../../topology/stages.ts';
import { type Submission, submissionsOf } from '../../topology/submissions.ts';
import { packageRoot } from '../entry.ts';
import type { RunNamespace } from '../run-namespace.ts';
import {
  checkPlaceholders,
  checkQueryPlaceholders,
  fillPlaceholders,
  requireSecuredSources,
  type SqlFile,
} from './placeholders.ts';

/** A pipeline under test: its folder, read and checked. Nothing has been started. */
export interface Pipeline {
  readonly dir: string;
  readonly manifest: Manifest;
  /** Both are empty if no stage runs on Flink. */
  readonly tables: SqlFile;
  readonly jobs: SqlFile;
  /** The SQL of `spark` compaction; null if the folder has no `compact.sql`. */
  readonly compact: SqlFile | null;
  /** Those of the first engine, in the manifest's order. */
  readonly queries: readonly PipelineQuery[];
  /** The same queries for the other engines. */
  readonly otherQueries: readonly PipelineQuery[];
}

/** A pipeline in the namespace of one run. */
export interface RunPipeline extends Pipeline {
  readonly place: RunNamespace;
}

/** A query in the SQL of its engine, over a catalog attached as `ice`. */
export interface PipelineQuery {
  readonly name: string;
  readonly engine: EngineKind;
  readonly sql: string;
  /** Passed as `$store`, `$sku`, `$now_ms`. */
  readonly parameters: readonly QueryParameter[];
}

/**
 * Reads a folder of `pipelines/` by its name, or any folder by its path (relative to `baseDir`).
 * Throws DoorbusterError (exit 2) naming file and line of what is wrong. `scenarioDir`, relative to `baseDir` as well, is where
 * a path may have been meant to start.
 */
export function loadPipeline(use: string, baseDir: string, scenarioDir?: string): Pipeline {
  const dir = folderOf(use, baseDir, scenarioDir);
  const manifest = parseManifest(
    text(dir, 'pipeline.yaml', 'a pipeline folder has a pipeline.yaml'),
    shownPath(dir, 'pipeline.yaml'),
  );
  const flink = manifest.stages.some(({ run }) => run === 'flink-sql');
  const tables = flink ? sqlFile(dir, 'tables.sql') : NO_SQL;
  const jobs = flink ? sqlFile(dir, 'jobs.sql') : NO_SQL;
  const compact = exists(join(dir, 'compact.sql')) ? sqlFile(dir, 'compact.sql') : null;
  if (manifest.compaction.includes('spark') && compact === null) {
    throw badInput(
      `${shownPath(dir, 'pipeline.yaml')} offers compaction by spark, without compact.sql`,
    );
  }
  if (flink) {
    checkPlaceholders(
      [tables, jobs, ...(compact === null ? [] : [compact])],
      manifest.compaction.includes('flink'),
    );
  }
  const [queries = [], ...others] = manifest.engines.map((one) => queriesOf(dir, manifest, one));
  const pipeline = { dir, manifest, tables, jobs, compact, queries, otherQueries: others.flat() };
  if (flink) requireJobPerStream(pipeline);
  return pipeline;
}

/**
 * The pipeline of a scenario. Throws DoorbusterError (exit 2), with line and column in the scenario, also for traffic of
 * a stream that no dataset carries (no job would read its topic), and for a check on a dataset that the run does not
 * fill.
 */
export function pipelineFor(
  parsed: ParsedScenario & { readonly file: string },
  baseDir: string,
): Pipeline {
  const { traffic, pipeline, checks } = parsed.scenario;
  const own = loadPipeline(pipeline.use, baseDir, dirname(parsed.file));
  const set = withSettings(own.manifest.stages, parsed.scenario.pipeline.stages ?? {});
  const loaded = { ...own, manifest: { ...own.manifest, stages: set.stages } };
  const { manifest } = loaded;
  const carried = streamsOf(manifest);
  const uncarried = STREAMS.filter(
    (stream) => traffic[stream] !== null && !carried.includes(stream),
  ).map((stream) =>
    atKey(
      ['traffic', stream],
      `the pipeline ${manifest.name} has no dataset that carries ${stream}, only ${carried.join(', ')}: leave ${stream} out, or add one to datasets in ${shownPath(loaded.dir, 'pipeline.yaml')}`,
    ),
  );
  const secured = parsed.scenario.stack.external?.kafkaSecurity;
  if (secured !== undefined && (secured.tls || secured.sasl !== 'none')) {
    requireSecuredSources([loaded.tables, loaded.jobs]);
  }
  const problems = [
    ...set.problems.map(({ path, message }) => atKey(['pipeline', 'stages', ...path], message)),
    ...uncarried,
    ...undetectable(parsed.scenario, loaded),
    ...unknownEngines(parsed.scenario, loaded),
    ...outsideTheLake(parsed.scenario, loaded),
    ...unknownDatasets(checks, datasetsOf(manifest, traffic)),
  ];
  if (problems.length > 0) throw scenarioProblems(parsed, parsed.file, problems);
  return loaded;
}

/** Damage that no part of the pipeline can find, so that the record would become a row with holes. */
function undetectable({ traffic }: Scenario, { manifest }: Pipeline): readonly Problem[] {
  const { malformed } = traffic.faults;
  const sink = manifest.stages.some(({ run }) => run === 'kafka-connect');
  if (!sink || malformed === null || !malformed.kinds.missing_key) return [];
  return [
    atKey(
      ['traffic', 'faults', 'malformed'],
      `the pipeline ${manifest.name} cannot find a record without a required field (missing_key), which Kafka Connect takes for an optional one: write kinds: { truncated: 40%, wrong_type: 30%, bad_utf8: 30% }`,
    ),
  ];
}

/** Names in a scope of maintenance that are no table of the pipeline. */
function outsideTheLake(
  { pipeline, phases, traffic }: Scenario,
  { manifest }: Pipeline,
): readonly Problem[] {
  const { compaction } = pipeline;
  const policy = 'maintain' in compaction ? compaction.maintain : undefined;
  const scopes = [
    { at: ['pipeline', 'compaction', 'scope'], scope: policy?.scope },
    ...phases.map((phase, i) => ({
      ...{ at: ['phases', i, 'scope'], scope: phase.kind === 'compact' ? phase.scope : undefined },
    })),
  ];
  const tables = datasetsOf(manifest, traffic)
    .filter(({ visibility }) => visibility === 'iceberg')
    .map(({ name }) => name);
  return scopes.flatMap(({ at, scope = [] }) =>
    scope.flatMap((table, i) =>
      tables.includes(table)
        ? []
        : [
            atValue(
              [...at, i],
              `the pipeline ${manifest.name} fills no table ${table} in this scenario: name one of ${tables.join(', ')}`,
            ),
          ],
    ),
  );
}

/** Engines of a scenario for which the pipeline has no queries. */
function unknownEngines({ queries }: Scenario, { dir, manifest }: Pipeline): readonly Problem[] {
  const { name, engines } = manifest;
  return (queries.engines ?? [])
    .filter((one) => !engines.includes(one))
    .map((one) =>
      atValue(
        ['queries', 'engine'],
        `the pipeline ${name} has no queries for ${one}, only for ${engines.join(', ')}: name one of these, or add ${one} to engine in ${shownPath(dir, 'pipeline.yaml')}`,
      ),
    );
}

/** The queries of a run, by engine in this order. */
export function queriesUsed(
  { queries, otherQueries }: Pick<Pipeline, 'queries' | 'otherQueries'>,
  engines: readonly EngineKind[],
): readonly PipelineQuery[] {
  return engines.flatMap((one) =>
    [...queries, ...otherQueries].filter(({ engine }) => engine === one),
  );
}

/** The statements that a pipeline submits to Flink, in order, for the jobs of these streams (all by default). */
export function submissions(
  { manifest, tables, jobs }: Pick<Pipeline, 'manifest' | 'tables' | 'jobs'>,
  decoder: Decoder,
  streams?: readonly Stream[],
): readonly Submission[] {
  const refuses = manifest.target === 'postgres';
  const deadLetter = rejectedOf(manifest).name;
  return submissionsOf({ tables, jobs, deadLetter, refuses }, decoder, streams);
}

function requireJobPerStream(pipeline: Pipeline): void {
  const jobs = submissions(pipeline, 'function').map(({ job }) => job);
  const stream = streamsOf(pipeline.manifest).find((one) => !jobs.includes(one));
  if (stream === undefined) return;
  throw badInput(
    `${pipeline.jobs.path}:1: no job for the stream ${stream}`,
    `put SET 'pipeline.name' = '${stream}'; before its INSERT`,
  );
}

/** The pipeline with the run's namespace filled into its queries and its compaction. */
export function inNamespace(pipeline: Pipeline, place: RunNamespace): RunPipeline {
  const { namespace } = place;
  const { compact, queries, otherQueries } = pipeline;
  const filled = (text: string) => fillPlaceholders({ text }, { namespace });
  const placed = (all: readonly PipelineQuery[]) =>
    all.map((query) => ({ ...query, sql: filled(query.sql) }));
  return {
    ...pipeline,
    place,
    compact: compact && { ...compact, text: filled(compact.text) },
    queries: placed(queries),
    otherQueries: placed(otherQueries),
  };
}

function folderOf(use: string, baseDir: string, scenarioDir = '.'): string {
  if (/[\\/]/.test(use) || use.startsWith('.') || isAbsolute(use)) {
    const dir = resolve(baseDir, use);
    if (exists(dir)) return dir;
    throw badInput(
      `there is no pipeline folder ${use} (looked at ${dir})`,
      exists(resolve(baseDir, scenarioDir, use))
        ? `cd ${scenarioDir}   # a path starts from the folder where a command is typed`
        : undefined,
    );
  }
  const dir = join(packageRoot, 'pipelines', use);
  if (exists(dir)) return dir;
  throw badInput(
    `there is no pipeline "${use}": ${suggest(use, SHIPPED)}`,
    'or give a path: ./mine',
  );
}

/** The pipelines that come with doorbuster, by name. */
export const SHIPPED = [
  'cdc-upsert',
  'append-ledger',
  'cdc-postgres',
  'hot-view',
  'batch',
  'warehouse',
  'spark-merge',
  'kafka-connect',
  'ducklake',
] as const;

function queriesOf(dir: string, manifest: Manifest, engine: EngineKind): readonly PipelineQuery[] {
  return Object.entries(manifest.queries).map(([name, { file: written, parameters }]) => {
    const file = typeof written === 'string' ? written : (written[engine] as string);
    const sql = text(dir, file, `pipeline.yaml names it for the query ${name}`).trim();
    const code = sql.replace(/--[^\n]*/g, '').replace(/'(?:[^']|'')*'/g, "''");
    const used = new Set([...code.matchAll(/\$([a-z_]+)/g)].map((match) => match[1] as string));
    const declared = new Set<string>(parameters);
    const odd =
      [...used].find((one) => !declared.has(one)) ?? [...declared].find((one) => !used.has(one));
    if (odd !== undefined) {
      throw badInput(
        `${shownPath(dir, file)}: $${odd} is ${used.has(odd) ? 'used but not declared' : 'declared but not used'}`,
        `queries.${name}.parameters in ${shownPath(dir, 'pipeline.yaml')} lists what it takes`,
      );
    }
    checkQueryPlaceholders({ path: shownPath(dir, file), text: sql });
    return { name, engine, sql, parameters };
  });
}

/** A pipeline's file in messages: its folder and its name, without this machine's path. */
function shownPath(dir: string, file: string): string {
  return `${basename(dir)}/${file}`;
}

function sqlFile(dir: string, file: string): SqlFile {
  return { path: shownPath(dir, file), text: text(dir, file, 'every pipeline folder has one') };
}

function text(dir: string, file: string, hint: string): string {
  return readTextFile(join(dir, file), { limitBytes: WRITTEN_BY_HAND, hint });
}

/** For a pipeline without a Flink stage. */
const NO_SQL: SqlFile = { path: '', text: '' };

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
