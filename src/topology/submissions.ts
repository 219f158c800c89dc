import { badInput } from '../core/errors.ts';
import { quoted } from '../core/sql.ts';
import { suggest } from '../scenario/problems.ts';
import { STREAMS, type Stream } from '../scenario/scenario.ts';
import {
  CREATE_FUNCTION,
  type Decoder,
  deadLetterInsert,
  decodeSql,
  PARTS,
  type Part,
  partName,
  refusedName,
  refusedSelect,
  refusedSql,
  SESSION_SETTINGS,
} from './decode-sql.ts';
import { codeOf, type Statement, splitStatements } from './statements.ts';

/**
 * The statements that a pipeline's `jobs.sql` submits to Flink: its own in their order, and before each of them the
 * generated tables and views that it reads. Pure; placeholders stay in the text. docs/pipelines.md has the rules for
 * authors.
 */

/** One statement, as Flink gets it. */
export interface Submission {
  readonly text: string;
  /** `jobs.sql:12`, or the name of a generated statement; for error messages. */
  readonly source: string;
  readonly generated: boolean;
  /** The stream whose job it starts; null: it starts none. */
  readonly job: Stream | null;
}

/** The part of a pipeline that its statements depend on. */
interface JobsOf {
  readonly jobs: { readonly path: string; readonly text: string };
  /** Submitted before, in the same session, so that what it creates exists. */
  readonly tables: { readonly text: string };
  /** The table of rejected records. */
  readonly deadLetter: string;
  /** Whether the load target refuses messages itself, and hands them on. */
  readonly refuses?: boolean;
}

/**
 * Every statement of `jobs.sql` for the jobs of these streams. Throws DoorbusterError (exit 2) with file and line for a
 * job without a stream, a second job of a stream, and a generated view that does not exist.
 */
export function submissionsOf(
  pipeline: JobsOf,
  decoder: Decoder,
  streams: readonly Stream[] = STREAMS,
): readonly Submission[] {
  const { jobs } = pipeline;
  const own = ownStatements(jobs);
  refuseUnknownNames(pipeline, own);
  const out = new Generated(jobs.path, own, decoder);
  const submissions: Submission[] = SESSION_SETTINGS.map((text) => generated('a setting', text));
  const inserts = new Map<Stream, OwnStatement[]>();
  for (const statement of own) {
    const { job, kind, text, line } = statement;
    const written = { source: `${jobs.path}:${line}`, generated: false };
    if (job === null) {
      submissions.push(...out.before(statement), { ...written, text: prefixed(text), job: null });
      continue;
    }
    // A stream without traffic in the scenario gets no job.
    if (!streams.includes(job)) continue;
    submissions.push(...out.before(statement));
    if (kind === 'set') {
      submissions.push({ ...written, text, job });
      continue;
    }
    const all = [...(inserts.get(job) ?? []), statement];
    inserts.set(job, all);
    if (own.some((later) => later.line > line && later.job === job)) continue;
    if (pipeline.refuses) submissions.push(generated(refusedName(job), refusedSql(job)));
    submissions.push(...out.before({ ...statement, code: partName(job, 'judged') }), {
      ...written,
      source: `${jobs.path}:${all[0]?.line}`,
      text: framed(job, all, pipeline),
      job,
    });
  }
  return submissions;
}

/** The job's INSERTs and that of its dead letters, in one job that reads the topic once. */
function framed(
  job: Stream,
  inserts: readonly Statement[],
  { deadLetter, refuses = false }: JobsOf,
): string {
  // One sink: two of one job that commit to one table would take each other's commits for their own.
  const letters = [deadLetterInsert(job, deadLetter), ...(refuses ? [refusedSelect(job)] : [])];
  const all = [letters.join('\nUNION ALL\n'), ...inserts.map(({ text }) => text)];
  return `EXECUTE STATEMENT SET BEGIN\n${all.join(';\n\n')};\nEND`;
}

/** Jobs of several runs on one cluster differ by the prefix of the run. */
function prefixed(text: string): string {
  const name = jobNameOf(text);
  return name === null ? text : `SET 'pipeline.name' = ${quoted(`\${topic_prefix}${name}`)}`;
}

function generated(source: string, text: string): Submission {
  return { text, source: `${source} (generated)`, generated: true, job: null };
}

interface OwnStatement extends Statement {
  readonly code: string;
  /** `insert`: combined with the others of its job; `set`: a whole job, submitted unchanged. */
  readonly kind: 'insert' | 'set' | 'other';
  /** The stream whose job it is, or a part of it; null for all other statements. */
  readonly job: Stream | null;
  /** The table or view that it creates, without a catalog. */
  readonly creates: string | null;
}

const KINDS = { insert: /^INSERT\s+(INTO|OVERWRITE)\b/i, set: /^EXECUTE\s+STATEMENT\s+SET\b/i };
const CREATES =
  /^CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?`?(\w+)`?(?![`\w.])/i;

function createdBy(code: string): string | null {
  return CREATES.exec(code)?.[1] ?? null;
}

/** The statements of `jobs.sql`, each with the job that it belongs to: that of the last `pipeline.name` before it. */
function ownStatements({ path, text }: JobsOf['jobs']): readonly OwnStatement[] {
  let name: string | null = null;
  const own: OwnStatement[] = [];
  for (const statement of splitStatements(text)) {
    name = jobNameOf(statement.text) ?? name;
    const code = codeOf(statement.text);
    const kind = KINDS.insert.test(code) ? 'insert' : KINDS.set.test(code) ? 'set' : 'other';
    const job = kind === 'other' ? null : jobOf(name, `${path}:${statement.line}`);
    if (job !== null && own.some((one) => one.job === job && [one.kind, kind].includes('set'))) {
      throw badInput(
        `${path}:${statement.line}: a second job of ${job}`,
        `a job is either one EXECUTE STATEMENT SET or INSERTs alone, after one SET 'pipeline.name' = '${job}'`,
      );
    }
    own.push({ ...statement, code, kind, job, creates: createdBy(code) });
  }
  return own;
}

function jobOf(name: string | null, at: string): Stream {
  const stream = STREAMS.find((one) => one === name);
  if (stream !== undefined) return stream;
  throw badInput(
    `${at}: a job that is named ${name ?? 'nothing'}; a job is named after the stream that it reads`,
    `put SET 'pipeline.name' = '<stream>'; before it, of ${STREAMS.join(', ')}`,
  );
}

/** The name that a statement sets for the jobs after it, or null. */
function jobNameOf(statement: string): string | null {
  return /^SET\s+'pipeline\.name'\s*=\s*'([^']*)'$/i.exec(statement)?.[1] ?? null;
}

const NAMES = new Map(
  STREAMS.flatMap((stream) =>
    PARTS.map((part) => [partName(stream, part), { stream, part }] as const),
  ),
);

/** Collects the generated tables and views: each once, before the first statement that reads it. */
class Generated {
  readonly #path: string;
  readonly #own: readonly OwnStatement[];
  readonly #decoder: Decoder;
  readonly #done = new Set<string>();

  constructor(path: string, own: readonly OwnStatement[], decoder: Decoder) {
    this.#path = path;
    this.#own = own;
    this.#decoder = decoder;
  }

  before(statement: OwnStatement): readonly Submission[] {
    const { code, creates } = statement;
    return [...NAMES].flatMap(([name, { stream, part }]) =>
      name !== creates && new RegExp(`\\b${name}\\b`).test(code)
        ? this.#make(stream, part, statement)
        : [],
    );
  }

  /** A part and its dependencies, without existing ones; a table or view of `jobs.sql` replaces the generated one. */
  #make(stream: Stream, part: Part, reader: OwnStatement): readonly Submission[] {
    const name = partName(stream, part);
    const own = this.#own.find(({ creates }) => creates === name);
    if (own !== undefined) {
      if (own.line < reader.line) return [];
      throw badInput(
        `${this.#path}:${reader.line}: it reads ${name}, which line ${own.line} creates`,
        `move the statement of line ${own.line} above line ${reader.line}`,
      );
    }
    if (this.#done.has(name)) return [];
    this.#done.add(name);
    const input = PARTS[PARTS.indexOf(part) - 1];
    const decoder = this.#decoderOf(stream);
    return [
      ...(input === undefined ? [] : this.#make(stream, input, reader)),
      ...(part === 'fields' && decoder === 'function' ? this.#function() : []),
      generated(name, decodeSql(stream, part, decoder)),
    ];
  }

  #function(): readonly Submission[] {
    const name = 'read_record';
    if (this.#done.has(name)) return [];
    this.#done.add(name);
    return [generated(name, CREATE_FUNCTION)];
  }

  /** Fields as text exist only in the SQL decoder: a pipeline that reads or replaces them gets that decoder for the stream. */
  #decoderOf(stream: Stream): Decoder {
    const named = new RegExp(`\\b${partName(stream, 'fields')}\\b`);
    return this.#own.some(({ code }) => named.test(code)) ? 'sql' : this.#decoder;
  }
}

/** Names without a catalog that a statement reads: not `EXTRACT(EPOCH FROM x)`, and not `IS DISTINCT FROM x`. */
const READS =
  /(?<!\bDISTINCT\s+|\b(?:EXTRACT|OVERLAY|SUBSTRING|TRIM)\s*\([^()]*)\b(?:FROM|JOIN)\s+(\w+)\b(?!\s*[.(])/gi;
const LIKE_GENERATED = new RegExp(`^(?:${STREAMS.join('|')})(?:_\\w+)?$|_(?:${PARTS.join('|')})$`);

/** Throws for a name in the form of a generated one that is neither generated nor created. */
function refuseUnknownNames({ jobs, tables }: JobsOf, own: readonly OwnStatement[]): void {
  // Names may then be those of any catalog.
  if (own.some(({ code }) => /^USE\b/i.test(code))) return;
  const created = new Set(
    [...own, ...splitStatements(tables.text)].map(({ text }) => createdBy(codeOf(text))),
  );
  for (const { text, code, line } of own) {
    for (const { 1: name = '', index } of code.matchAll(READS)) {
      if (NAMES.has(name) || created.has(name) || !LIKE_GENERATED.test(name)) continue;
      // A common table expression: WITH name (columns) AS (…
      if (new RegExp(`\\b${name}\\b(\\s*\\([^()]*\\))?\\s+AS\\s*\\(`, 'i').test(code)) continue;
      const at = line + text.slice(0, index).split('\n').length - 1;
      throw badInput(`${jobs.path}:${at}: there is no ${name}`, suggest(name, [...NAMES.keys()]));
    }
  }
}
