import { basename } from 'node:path';
import { z } from 'zod';
import { badInput } from '../../core/errors.ts';
import { cut, frame, suggest, TOLD } from '../../scenario/problems.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { readSource } from '../../scenario/source.ts';

/** What a query may be asked with; whoever asks gives all that it declares. */
const QUERY_PARAMETERS = ['store', 'sku', 'now_ms'] as const;
export type QueryParameter = (typeof QUERY_PARAMETERS)[number];

/** How a pipeline's files may be thinned out; `flink`: in the sink, `spark`: `compact.sql` on demand. */
const COMPACTION_KINDS = ['none', 'flink', 'spark'] as const;
export type CompactionKind = (typeof COMPACTION_KINDS)[number];

const NAME = /^[a-z_][a-z0-9_]*$/;
const column = z.string().regex(NAME, 'must be a lower-case column name');
const columns = z.array(column).min(1);

const stream = z.strictObject({
  table: column.describe('the table that its rows land in'),
  mode: z
    .enum(['append', 'upsert'])
    .describe('append: every accepted record is a row; upsert: one row per key'),
  first_of: columns
    .optional()
    .describe('append: columns that tell two records apart; the first append of each is the row'),
  key: columns
    .optional()
    .describe('columns of the row’s key, where the table holds images of rows'),
  version: column.optional().describe('the highest per key is what a reader sees'),
  columns: z
    .record(column, column)
    .default({})
    .describe('stamps and ids that the table calls otherwise: our name → its name'),
});

const manifest = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case words joined by hyphens'),
  tier: z.int().min(1).max(4).describe('rung of the freshness ladder'),
  headline: z.string().min(1).describe('one line, for the top of every report'),
  about: z.string().default(''),
  namespace: column.default('retail'),
  streams: z.partialRecord(z.enum(STREAMS), stream),
  // One, since a refused record names its topic: what several would be told apart by is in the row.
  dead_letter: z
    .string('one table holds every refused record: a table name')
    .regex(NAME, 'must be a lower-case table name')
    .describe('the table of refused records'),
  compaction: z.array(z.enum(COMPACTION_KINDS)).min(1).default(['none']),
  queries: z.record(
    z.string().min(1),
    z.strictObject({
      file: z.string().min(1).describe('DuckDB SQL, relative to the folder'),
      parameters: z.array(z.enum(QUERY_PARAMETERS)).default([]),
    }),
  ),
});

/** `pipeline.yaml`, checked. */
export type Manifest = z.output<typeof manifest>;

/** Slots its jobs take: one per parallel instance of every job, and one job per stream. */
export function taskSlotsOf({ streams }: Pick<Manifest, 'streams'>, parallelism: number): number {
  return Object.keys(streams).length * parallelism;
}

/** What these tables call our stamps and ids: the columns that its stream names, or none. */
export function columnsOf(
  { streams }: Pick<Manifest, 'streams'>,
  tables: readonly string[],
): { readonly name: string; readonly columns: Readonly<Record<string, string>> }[] {
  return tables.map((name) => ({
    name,
    columns: Object.values(streams).find((spec) => spec?.table === name)?.columns ?? {},
  }));
}

/**
 * Reads a `pipeline.yaml`. Throws DoorbusterError (exit 2) with a framed line and column per problem.
 * `path` is how messages name the file.
 */
export function parseManifest(text: string, path: string): Manifest {
  const source = readSource(text, []);
  const framed = (place: { line: number; column: number; length: number }, message: string) =>
    `${path}:${place.line}:${place.column}: ${cut(message, 500)}\n${frame(text, place)}`;
  const fail = (problems: readonly string[], count = problems.length) =>
    badInput(
      [
        ...problems,
        ...(count > problems.length ? [`and ${count - problems.length} more`] : []),
      ].join('\n\n'),
    );
  if (source.problems.length > 0) {
    const first = source.problems.slice(0, TOLD);
    throw fail(
      first.map((problem) => framed(problem, problem.message)),
      source.problems.length,
    );
  }
  const read = manifest.safeParse(source.data);
  if (!read.success) {
    throw fail(
      read.error.issues.slice(0, TOLD).map((issue) => {
        const at = issue.path as (string | number)[];
        const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
        const path = unknown === undefined ? at : [...at, unknown];
        const message =
          unknown === undefined
            ? `${at.join('.')}: ${issue.message}`
            : `unknown key "${unknown}": ${suggest(unknown, knownKeys(at.length, at[0]))}`;
        return framed(source.place({ path, at: unknown ? 'key' : 'value', message }), message);
      }),
    );
  }
  const place = (path: (string | number)[]) => source.place({ path, at: 'key', message: '' });
  const problems = contradictions(read.data).map((one) => framed(place(one.path), one.message));
  if (problems.length > 0) throw fail(problems);
  return read.data;
}

function knownKeys(depth: number, top: PropertyKey | undefined): readonly string[] {
  if (depth === 0) return Object.keys(manifest.shape);
  if (depth === 2 && top === 'streams') return Object.keys(stream.shape);
  return ['file', 'parameters'];
}

/** What the schema cannot say: which fields of a stream go together. */
function contradictions(data: Manifest): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  for (const [name, spec] of Object.entries(data.streams)) {
    const path = ['streams', name];
    if (spec.mode === 'append' && spec.first_of === undefined) {
      problems.push({ path, message: 'an append stream needs first_of: what makes a duplicate' });
    }
    if (spec.mode === 'upsert' && (spec.key === undefined || spec.version === undefined)) {
      problems.push({ path, message: 'an upsert stream needs key and version' });
    }
    if (spec.mode === 'upsert' && spec.first_of !== undefined) {
      problems.push({ path, message: 'an upsert stream has no first_of: its version decides' });
    }
  }
  const ledger = data.streams.inventory;
  if (ledger?.mode === 'append' && ledger.first_of !== undefined) {
    const image = [...(ledger.key ?? []), ledger.version ?? 'a version'];
    if (image.toSorted().join() !== ledger.first_of.toSorted().join()) {
      problems.push({
        path: ['streams', 'inventory'],
        message: `appended images are told apart by key and version: first_of is ${ledger.first_of.join(', ')}, and not ${image.join(', ')}`,
      });
    }
  }
  if (Object.keys(data.streams).length === 0) {
    problems.push({ path: ['streams'], message: 'a pipeline carries at least one stream' });
  }
  return problems;
}

/** How messages name a pipeline's file: its folder and its name, not this machine's path. */
export function shownPath(dir: string, file: string): string {
  return `${basename(dir)}/${file}`;
}
