import { STREAMS, type Stream } from '../scenario/scenario.ts';
import { CAPTURED, topicsOfCaptured } from './captured.ts';
import { REJECTED } from './dataset.ts';
import { REMEMBERED } from './merge-sql.ts';
import type { RunnerKind } from './stages.ts';
import { codeOf } from './statements.ts';
import type { Submission } from './submissions.ts';

/** A pipeline as a graph: database → topics → stages → datasets → queries. Derived from its files; nothing is started. */
export interface Topology {
  readonly name: string;
  readonly tier: number;
  readonly headline: string;
  readonly about: string;
  readonly datasets: readonly TopologyDataset[];
  readonly stages: readonly Stage[];
  readonly compaction: {
    /** Kinds from which a scenario may choose. */
    readonly kinds: readonly string[];
    /** Datasets that `compact.sql` rewrites. */
    readonly rewrites: readonly string[];
  };
  readonly queries: readonly Query[];
}

/** A table and the meaning of its rows. */
export interface TopologyDataset {
  readonly name: string;
  /** The stream of its records, or `rejected`. */
  readonly carries: string;
  readonly semantics: string;
  /** Columns that identify a row. */
  readonly key: readonly string[];
  /** Column that orders the versions of a row; null: the first append is the row. */
  readonly version: string | null;
  /** The part of the rows that it keeps; absent: all. */
  readonly subset?: string;
  /** Absent: it drops records that arrive again. */
  readonly copies?: 'kept' | undefined;
}

/** A job, the process of a view, or what a loader does with one stream. */
interface Stage {
  readonly name: string;
  readonly run: RunnerKind;
  readonly topics: readonly string[];
  /** Tables that it reads, such as those of a join. */
  readonly reads: readonly string[];
  /** Tables of the stores' database whose changes it reads. */
  readonly captures: readonly string[];
  /** Topics that it writes. */
  readonly publishes: readonly string[];
  readonly writes: readonly string[];
  /** How long it remembers what it has written: Flink's state TTL; null: for ever; none: it does not. */
  readonly stateTtl: string | null;
}

interface Query {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly reads: readonly string[];
}

/** The files of a pipeline that the graph depends on, with placeholders in the SQL. */
interface Described {
  readonly manifest: Pick<Topology, 'name' | 'tier' | 'headline' | 'about'> & {
    readonly compaction: readonly string[];
    readonly stages: readonly { readonly run: RunnerKind }[];
  };
  readonly datasets: readonly TopologyDataset[];
  /** Names of the datasets that are views in Redis. */
  readonly views: readonly string[];
  readonly submissions: readonly Submission[];
  readonly compact: { readonly text: string } | null;
  readonly queries: readonly {
    readonly name: string;
    readonly sql: string;
    readonly parameters: readonly string[];
  }[];
}

export function topologyOf(described: Described): Topology {
  const { manifest, datasets, views, submissions, compact, queries } = described;
  const { name, tier, headline, about, compaction } = manifest;
  return {
    ...{ name, tier, headline, about: about.trim(), datasets },
    stages: [
      ...capturesOf(manifest.stages, datasets),
      ...stagesOf(submissions, datasets),
      ...loadersOf(manifest.stages, datasets),
      ...datasets
        .filter((one) => views.includes(one.name))
        .map((one) => ({
          ...{ name: one.name, run: 'redis-view' as const, stateTtl: null },
          ...{ ...NO_DATABASE, topics: [one.carries], reads: [], writes: [one.name] },
        })),
    ],
    compaction: { kinds: compaction, rewrites: tablesIn(compact?.text ?? '') },
    queries: queries.map((query) => ({
      name: query.name,
      parameters: query.parameters,
      reads: tablesIn(query.sql),
    })),
  };
}

function stagesOf(
  submissions: readonly Submission[],
  datasets: readonly TopologyDataset[],
): readonly Stage[] {
  const rank = (name: string) => datasets.findIndex((one) => one.name === name);
  const views = new Map<string, string>();
  let stateTtl: string | null = null;
  return submissions.flatMap(({ text, job }) => {
    const created = CREATED.exec(text)?.[1];
    if (created !== undefined) views.set(created, text);
    stateTtl = TTL.exec(text)?.[1] ?? stateTtl;
    if (job === null) return [];
    const all = behind(text, views).join('\n');
    const writes = found(text, WRITTEN).toSorted((a, b) => rank(a) - rank(b));
    return [
      {
        ...{ ...NO_DATABASE, name: job, run: 'flink-sql' as const, stateTtl, writes },
        topics: found(all, TOPIC),
        reads: tablesIn(all.replace(WRITTEN, '')),
      },
    ];
  });
}

function rememberedFor(run: RunnerKind, upserts: boolean): string | null {
  if (run === 'kafka-connect') return 'none';
  return run === 'spark-merge' && !upserts ? REMEMBERED : null;
}

const NO_DATABASE = { captures: [], publishes: [] } as const;

function streamsIn(datasets: readonly TopologyDataset[]): readonly Stream[] {
  const carried = [...new Set(datasets.map(({ carries }) => carries))];
  return carried.flatMap((one) => STREAMS.filter((stream) => stream === one));
}

/** Change data capture has a connector per table of the database. */
function capturesOf(
  stages: Described['manifest']['stages'],
  datasets: readonly TopologyDataset[],
): readonly Stage[] {
  const streams = streamsIn(datasets);
  return stages
    .filter(({ run }) => run === 'debezium')
    .flatMap(({ run }) =>
      CAPTURED.map((table) => ({
        ...{ name: table, run, topics: [], reads: [], writes: [], stateTtl: 'none' },
        ...{ captures: [table], publishes: topicsOfCaptured(table, streams) },
      })),
    )
    .filter(({ publishes }) => publishes.length > 0);
}

/** Runners whose work is not in `jobs.sql`. */
const LOADERS: readonly RunnerKind[] = [
  'batch-load',
  'warehouse',
  'spark-merge',
  'kafka-connect',
  'ducklake-load',
];

/** A loader has no job per topic, and Spark and Connect no SQL of the folder: shown is what becomes of each topic. */
function loadersOf(
  stages: Described['manifest']['stages'],
  datasets: readonly TopologyDataset[],
): readonly Stage[] {
  const streams = streamsIn(datasets);
  const holds = (semantics: string, stream: string) =>
    datasets.some((one) => one.carries === stream && one.semantics === semantics);
  return stages
    .filter(({ run }) => LOADERS.includes(run))
    .flatMap(({ run }) =>
      streams.map((stream) => ({
        ...{ ...NO_DATABASE, name: stream, run, topics: [stream], reads: [] },
        stateTtl: rememberedFor(run, holds('upsert', stream)),
        writes: datasets
          .filter(({ carries }) => carries === stream || carries === REJECTED)
          .map(({ name }) => name),
      })),
    );
}

const CREATED = /^CREATE\s+TEMPORARY\s+(?:TABLE|VIEW)\s+`?(\w+)`?/i;
const TTL = /^SET\s+'table\.exec\.state\.ttl'\s*=\s*'([^']*)'$/i;
const WRITTEN = /\bINSERT\s+(?:INTO|OVERWRITE)\s+ice\.\$\{namespace\}\.(\w+)/gi;
const TOPIC = /'topic'\s*=\s*'(?:\$\{topic_prefix\})?([^']+)'/gi;

/** The statement and the views and tables that it reads, each once. */
function behind(text: string, views: ReadonlyMap<string, string>): readonly string[] {
  const seen = new Set([text]);
  for (const one of seen) {
    const code = codeOf(one);
    for (const [name, created] of views) {
      if (new RegExp(`\\b${name}\\b`).test(code)) seen.add(created);
    }
  }
  return [...seen];
}

/** Tables of the run's namespace that a text names, in its order. */
function tablesIn(sql: string): readonly string[] {
  return found(sql.replace(/--[^\n]*/g, ''), /\$\{namespace\}\.(\w+)/g);
}

function found(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] as string))];
}
