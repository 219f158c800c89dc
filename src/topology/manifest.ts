import { z } from 'zod';
import {
  ON_DEMAND,
  QUERY_ENGINES,
  type Scenario,
  STREAMS,
  type Stream,
} from '../scenario/scenario.ts';
import { type KeyProblem, readYamlFile } from '../scenario/yaml-file.ts';
import {
  CARRIED,
  COPIES,
  carriesStream,
  columnOf,
  type Dataset,
  holdsRejected,
  REJECTED,
  REJECTED_IDENTITY,
  type RejectedDataset,
  SEMANTICS,
  STREAM_RECORDS,
  SUBSETS,
  VISIBILITY,
} from './dataset.ts';
import { captureMismatches, sinkMismatches } from './sink-rules.ts';
import { stage } from './stages.ts';

/** Parameters that a query may declare; the harness passes all that it declares. */
const QUERY_PARAMETERS = ['store', 'sku', 'now_ms'] as const;
export type QueryParameter = (typeof QUERY_PARAMETERS)[number];

/** How the files of a pipeline are compacted; `flink`: in the sink, `spark`: `compact.sql` on demand. */
const COMPACTION_KINDS = ['none', 'flink', ...ON_DEMAND] as const;
export type CompactionKind = (typeof COMPACTION_KINDS)[number];

/** Where the load is sent. `postgres`: to the stores' database; `in-process`: to a log in this process, without any server. */
const TARGETS = ['kafka', 'postgres', 'in-process'] as const;
export type TargetKind = (typeof TARGETS)[number];

/** Query engines. */
const ENGINES = [
  ...QUERY_ENGINES,
  'duckdb-parquet',
  'warehouse',
  'ducklake',
  'in-process',
] as const;
export type EngineKind = (typeof ENGINES)[number];

const NAME = /^[a-z_][a-z0-9_]*$/;
const column = z.string().regex(NAME, 'must be a lower-case column name');
const columns = z.array(column).min(1);
const table = z.string().max(128).regex(NAME, 'must be a lower-case table name');

const dataset = z.strictObject({
  carries: z.enum(CARRIED).describe('the stream whose records it holds; rejected: those refused'),
  semantics: z
    .enum(SEMANTICS)
    .describe('append: a row per event; upsert: a row per key; ledger: a row per key and version'),
  first_of: columns
    .optional()
    .describe('append: columns that tell two records apart; the first append of each is the row'),
  key: columns.optional().describe('upsert, ledger: columns of the key'),
  version: column
    .optional()
    .describe('upsert, ledger: the highest per key is what a reader is shown'),
  columns: z
    .record(column, column)
    .default({})
    .describe('columns that the table calls otherwise: our name → its name'),
  layer: z.string().min(1).optional().describe('layer of the lakehouse, such as silver'),
  visibility: z
    .enum(VISIBILITY)
    .default('iceberg')
    .describe('where it is observed when a row becomes visible'),
  copies: z
    .enum(COPIES)
    .default('dropped')
    .describe(
      'kept: a record that arrives again is another row, which lost and duplicated count all the same',
    ),
  subset: z
    .enum(SUBSETS)
    .optional()
    .describe('upsert: it keeps a part of the rows; hot: those that its stage has chosen'),
});

/** The keys of `pipeline.yaml`. */
export const manifestSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case words joined by hyphens')
    .describe('name of the pipeline, in reports and records'),
  tier: z
    .int()
    .min(1)
    .max(4)
    .describe('1 batch load, 2 micro-batch, 3 streaming, 4 in-memory view next to the tables'),
  headline: z.string().min(1).describe('one line, for the top of every report'),
  about: z.string().default('').describe('what the pipeline does, in a few sentences'),
  namespace: column.default('retail').describe('Iceberg namespace of its tables'),
  target: z
    .enum(TARGETS)
    .default('kafka')
    .describe(
      "where the load is sent; postgres: to the stores' database; in-process: a log in this process, for tests",
    ),
  stages: z
    .array(stage)
    .min(1)
    .default([{ run: 'flink-sql' }])
    .describe('what moves data from the target to the datasets, in the order of their start'),
  datasets: z.record(table, dataset).describe('the tables, by name'),
  compaction: z
    .array(z.enum(COMPACTION_KINDS))
    .min(1)
    .default(['none'])
    .describe('kinds of compaction it supports; flink: in the sink, spark: compact.sql on demand'),
  engine: z
    .union([z.enum(ENGINES), z.array(z.enum(ENGINES)).min(1)], {
      error: `must be one of ${ENGINES.join(', ')}, or a list of them`,
    })
    .default('duckdb')
    .describe(
      'what can answer the queries: one or several; the first does unless a scenario names others',
    ),
  queries: z.record(
    z.string().min(1),
    z.strictObject({
      file: z
        .union([z.string().min(1), z.partialRecord(z.enum(ENGINES), z.string().min(1))], {
          error: 'must be a file, or a file per engine: { duckdb: a.sql, spark: b.sql }',
        })
        .describe('SQL, relative to the folder: one file for all engines, or one for each'),
      parameters: z
        .array(z.enum(QUERY_PARAMETERS))
        .default([])
        .describe('values that the harness passes to the query'),
    }),
  ),
});

type Written = z.output<typeof manifestSchema>;
type WrittenDataset = z.output<typeof dataset>;

/** `pipeline.yaml`, checked. Its datasets are in the order of the file. */
export type Manifest = Omit<Written, 'datasets' | 'engine'> & {
  readonly datasets: readonly Dataset[];
  /** What can answer its queries, the default first. */
  readonly engines: readonly [EngineKind, ...EngineKind[]];
};

/** The engines that a run measures; its checks are on the first. */
export function enginesUsed(
  { engines }: Pick<Manifest, 'engines'>,
  scenario: Pick<Scenario, 'queries'>,
): readonly [EngineKind, ...EngineKind[]] {
  const [first = engines[0], ...others] = scenario.queries.engines ?? [];
  return [first, ...others];
}

/** The part of a manifest that declares the datasets. */
export type Datasets = Pick<Manifest, 'datasets'>;

/** The streams that some dataset carries. */
export function streamsOf({ datasets }: Datasets): readonly Stream[] {
  return STREAMS.filter((stream) => datasets.some(({ carries }) => carries === stream));
}

/** The datasets that a run fills: those of streams with traffic, and the rejected records. */
export function datasetsOf(
  { datasets }: Datasets,
  traffic: Readonly<Record<Stream, unknown>>,
): readonly Dataset[] {
  return datasets.filter((one) => !carriesStream(one) || traffic[one.carries] !== null);
}

/** The dataset of the rejected records. Every pipeline has one. */
export function rejectedOf({ datasets }: Datasets): RejectedDataset {
  return datasets.find(holdsRejected) as RejectedDataset;
}

/** The format of its Iceberg tables. A stage that merges by Spark needs deletion vectors, which format 3 has. */
export function formatOf(
  { stages }: Pick<Manifest, 'stages'>,
  { pipeline }: Pick<Scenario, 'pipeline'>,
): Scenario['pipeline']['format'] {
  return stages.some(({ run }) => run === 'spark-merge') ? 3 : pipeline.format;
}

/** Task slots of its jobs: one per parallel instance of every job, with one job per stream. */
export function taskSlotsOf(given: Datasets, parallelism: number): number {
  return streamsOf(given).length * parallelism;
}

/**
 * Reads a `pipeline.yaml`. Throws DoorbusterError (exit 2) with a framed line and column per problem.
 * `path` is how messages name the file.
 */
export function parseManifest(text: string, path: string): Manifest {
  const read = readYamlFile(text, {
    ...{ path, schema: manifestSchema },
    known: (at) => knownKeys(at.length, at[0]),
    before: retiredKeys,
    after: contradictions,
  });
  const { engine: _, ...data } = read;
  const datasets = Object.entries(data.datasets).map(([name, one]) => typed(name, one));
  return { ...data, datasets, engines: enginesOf(read) };
}

/** Former keys of pipeline.yaml, and their replacements. */
const RETIRED = {
  streams:
    'write datasets: { stock: { carries: inventory, semantics: upsert, key: [store_id, sku_id], version: version } }, one entry per table, by its name',
  dead_letter: `write it as one of the datasets: { dead_letter: { carries: rejected, semantics: append, first_of: [${REJECTED_IDENTITY.join(', ')}] } }`,
} as const;

function retiredKeys(data: unknown): readonly KeyProblem[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(RETIRED)
    .filter(([key]) => Object.hasOwn(data, key))
    .map(([key, instead]) => ({ path: [key], message: `${key} has been replaced: ${instead}` }));
}

function knownKeys(depth: number, top: PropertyKey | undefined): readonly string[] {
  if (depth === 0) return Object.keys(manifestSchema.shape);
  if (depth === 2 && top === 'datasets') return Object.keys(dataset.shape);
  return ['file', 'parameters'];
}

function enginesOf({ engine }: Pick<Written, 'engine'>): Manifest['engines'] {
  return (typeof engine === 'string' ? [engine] : engine) as [EngineKind, ...EngineKind[]];
}

/** Every engine has a file for every query, and every file an engine. */
function fileMismatches(written: Written): readonly KeyProblem[] {
  const engines = enginesOf(written);
  const twice = engines.find((one, i) => engines.indexOf(one) < i);
  const problems = Object.entries(written.queries).flatMap(([name, { file }]) => {
    if (typeof file === 'string') return [];
    const path = ['queries', name, 'file'];
    const named = Object.keys(file) as EngineKind[];
    const lacking = engines.filter((one) => !named.includes(one));
    const extra = named.filter((one) => !engines.includes(one));
    return [
      ...lacking.map((one) => ({
        path,
        message: `${name} has no SQL for ${one}, which engine lists`,
      })),
      ...extra.map((one) => ({ path: [...path, one], message: `engine does not list ${one}` })),
    ];
  });
  return twice === undefined
    ? problems
    : [...problems, { path: ['engine'], message: `engine lists ${twice} twice` }];
}

/** What each engine reads that has tables of its own; the others read those of the catalog. */
const READS: { readonly [E in EngineKind]?: Written['datasets'][string]['visibility'] } = {
  'duckdb-parquet': 'parquet',
  warehouse: 'parquet',
  ducklake: 'ducklake',
};

/** Tables outside of the catalog are read by their own engines, and by no others. */
function storageMismatches(written: Written): readonly KeyProblem[] {
  const engines = enginesOf(written);
  const special = engines.find((one) => READS[one] !== undefined);
  if (engines.length > 1 && special !== undefined) {
    const message = `${special} reads other tables than the other engines: name it alone`;
    return [{ path: ['engine'], message }];
  }
  const reads = special && READS[special];
  return Object.entries(written.datasets).flatMap(([name, { visibility }]) => {
    const readers = (Object.keys(READS) as EngineKind[]).filter((one) => READS[one] === visibility);
    if (reads === undefined ? readers.length === 0 : visibility === reads) return [];
    const message =
      reads === undefined
        ? `visibility ${visibility} needs engine: ${readers.join(' or ')}`
        : `engine ${written.engine} reads datasets with visibility: ${reads}, and not ${visibility}`;
    return [{ path: ['datasets', name], message }];
  });
}

/** Rules that the schema cannot express: which fields of a dataset belong together, which engine has which SQL. */
function contradictions(written: Written): readonly KeyProblem[] {
  const { datasets } = written;
  const all = Object.entries(datasets);
  const problems: KeyProblem[] = all.flatMap(([name, one]) =>
    mismatches(name, one).map((message) => ({ path: ['datasets', name], message })),
  );
  problems.push(
    ...fileMismatches(written),
    ...storageMismatches(written),
    ...sinkMismatches(written),
    ...captureMismatches(written),
  );
  const rejected = all.filter(([, { carries }]) => carries === REJECTED).map(([name]) => name);
  if (rejected.length !== 1) {
    const found = rejected.length === 0 ? 'no dataset does' : `these do: ${rejected.join(', ')}`;
    const at = rejected[1];
    const message = `one dataset carries ${REJECTED}, the refused records of every stream, and ${found}`;
    problems.push({ path: at === undefined ? ['datasets'] : ['datasets', at], message });
  }
  const views = all.filter(([, { visibility }]) => visibility === 'redis').map(([name]) => name);
  const runsView = written.stages.some(({ run }) => run === 'redis-view');
  if (views.length > 0 !== runsView) {
    problems.push(
      runsView
        ? { path: ['stages'], message: 'redis-view fills no dataset: one needs visibility: redis' }
        : {
            path: ['datasets', views[0] as string],
            message: 'nothing fills it: add { run: redis-view } to stages',
          },
    );
  }
  if (all.length === rejected.length) {
    problems.push({ path: ['datasets'], message: 'a pipeline carries at least one stream' });
  }
  return problems;
}

/** Fields that contradict what a dataset carries. */
function mismatches(name: string, one: WrittenDataset): readonly string[] {
  const { carries, semantics, key, version, first_of: firstOf } = one;
  const own = (names: readonly string[]) => names.map((ours) => columnOf(one, ours));
  const same = (a: readonly string[] | undefined, b: readonly string[]) =>
    a?.toSorted().join() === b.toSorted().join();
  const named = STREAMS.find((stream) => stream === name);
  const view = viewMismatch(one);
  if (view !== null) return [view];
  const misnamed =
    named !== undefined && named !== carries
      ? [`${name} carries ${carries}: a dataset with the name of a stream carries that stream`]
      : [];
  const records = carries === REJECTED ? null : STREAM_RECORDS[carries];
  if (records?.are === 'images') {
    if (semantics === 'append') {
      return [`${carries} are images of rows: semantics is upsert or ledger, and not append`];
    }
    const [itsKey, itsVersion] = [own(records.key), own([records.version])];
    const wanted = `key: [${itsKey.join(', ')}], version: ${itsVersion}`;
    return [
      ...misnamed,
      ...(firstOf === undefined ? [] : [`${semantics} has no first_of: key and version decide`]),
      ...(key !== undefined &&
      version !== undefined &&
      same(key, itsKey) &&
      same([version], itsVersion)
        ? []
        : [`${semantics} of ${carries} needs ${wanted}`]),
    ];
  }
  if (semantics !== 'append') {
    return [`${carries} has no key and no version: semantics is append, and not ${semantics}`];
  }
  const identity = own(records === null ? REJECTED_IDENTITY : records.identity);
  return [
    ...misnamed,
    ...(key === undefined && version === undefined ? [] : ['append has no key and no version']),
    ...(same(firstOf, identity)
      ? []
      : [`append of ${carries} needs first_of: [${identity.join(', ')}], which tells a duplicate`]),
  ];
}

/** What is wrong with a dataset in Redis or with a subset; null: nothing. */
function viewMismatch({ semantics, visibility, subset, columns }: WrittenDataset): string | null {
  if (subset !== undefined && semantics !== 'upsert') {
    return `subset: ${subset} is a part of the newest images: semantics is upsert, and not ${semantics}`;
  }
  if (visibility !== 'redis') return null;
  if (subset === undefined) return 'visibility: redis keeps the hot rows: write subset: hot';
  return Object.keys(columns).length > 0
    ? 'visibility: redis keeps the columns under their own names: leave columns out'
    : null;
}

/** A dataset without contradictions. */
function typed(name: string, one: WrittenDataset): Dataset {
  const { carries, semantics, first_of: firstOf, key, version, columns, visibility } = one;
  const fields = { carries, semantics, firstOf, key, version };
  const kept = one.copies === 'kept' ? { copies: one.copies } : {};
  const held = semantics === 'append' ? {} : { subset: one.subset ?? null };
  return {
    name,
    layer: one.layer ?? null,
    columns,
    visibility,
    ...fields,
    ...kept,
    ...held,
  } as Dataset;
}
