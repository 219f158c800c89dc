import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { badInput, type DoorbusterError } from '../core/errors.ts';
import { judgeCheck } from './check-rules.ts';
import {
  cut,
  frame,
  type Place,
  type Problem,
  quoted,
  suggest,
  TOLD,
  valueAt,
} from './problems.ts';
import { resolve } from './resolve.ts';
import { judgeSections, type Sections } from './rules.ts';
import type { Check, Scenario } from './scenario.ts';
import { type Draft, phaseBranch, SECTIONS } from './schema.ts';
import { readSource, type Source } from './source.ts';

interface ParseOptions {
  /** Name of the file in errors; the file is not read. */
  readonly file: string;
  /** Replaces the scenario's seed, as `--set seed=…` would. */
  readonly seed?: number;
  /** `path=value`, applied in order: `traffic.pos.receipts=80/store/h`, `phases.spike.load=9x`. */
  readonly set?: readonly string[];
}

/** A valid scenario, and its origin. */
export interface ParsedScenario {
  readonly scenario: Scenario;
  /** Changes by `--set` and `--seed`, as typed. */
  readonly overrides: readonly { readonly path: string; readonly value: string }[];
  /** The file as typed. */
  readonly text: string;
  /**
   * SHA-256 of the scenario that will be replayed: overrides, seed and defaults included; comments,
   * `about` and checks left out, since they change nothing that is measured.
   */
  readonly hash: string;
}

/**
 * Parses a scenario. It finds all errors before anything starts, and reports them in one DoorbusterError (exit 2) with
 * a frame per problem.
 */
export function parseScenario(text: string, options: ParseOptions): ParsedScenario {
  const seed = options.seed === undefined ? [] : [`seed=${options.seed}`];
  const source = readSource(text, [...(options.set ?? []), ...seed]);
  if (source.problems.length > 0) throw unreadable(source, text, options.file);
  const { sections, problems } = readSections(source.data);
  problems.push(...judgeSections(sections, source.data));
  const checks = readChecks(sections, source, problems);
  if (problems.length > 0) throw refused(problems, source, text, options.file);
  const scenario = resolve(sections as Draft, checks);
  return {
    scenario,
    overrides: source.overrides.map(({ path, value }) => ({ path, value })),
    text,
    hash: hashOf(scenario),
  };
}

/** An error that was found outside of the parser, in the parser's format. */
export function scenarioProblems(
  { text, overrides }: Pick<ParsedScenario, 'text' | 'overrides'>,
  file: string,
  problems: readonly Problem[],
): DoorbusterError {
  const set = overrides.map(({ path, value }) => `${path}=${value}`);
  return refused(problems, readSource(text, set), text, file);
}

function hashOf({ about: _about, checks: _checks, ...scenario }: Scenario): string {
  // Addresses of external servers and the client of Kafka do not change the tape, and may differ between the shards of
  // a load.
  const { external: _external, kafkaClient: _kafkaClient, ...stack } = scenario.stack;
  const replayed = { ...scenario, stack };
  return createHash('sha256').update(JSON.stringify(replayed)).digest('hex');
}

/** Checks each section by its own schema, so that an error in one does not hide those in another. */
function readSections(data: unknown): { sections: Sections; problems: Problem[] } {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    const message = 'a scenario is a list of "key: value", and this is not';
    return { sections: {}, problems: [{ path: [], at: 'value', message }] };
  }
  const known = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[];
  const unknown = Object.keys(data).filter((key) => !Object.hasOwn(SECTIONS, key));
  const problems = unknownKeys([], unknown, known);
  const sections: Record<string, unknown> = {};
  for (const key of known) {
    const written = Object.hasOwn(data, key) ? (data as Record<string, unknown>)[key] : undefined;
    const result = SECTIONS[key].safeParse(written);
    if (result.success) sections[key] = result.data;
    else for (const issue of result.error.issues) problems.push(...told(issue, [key], data));
  }
  return { sections: sections as Sections, problems };
}

/** The first problems in the order of the file; the last one has the number of further ones. */
function unknownKeys(
  path: Problem['path'],
  keys: readonly string[],
  known: readonly string[],
): Problem[] {
  return keys.slice(0, TOLD).map((key, i) => ({
    path: [...path, key],
    at: 'key',
    message: `unknown key "${quoted(key)}": ${suggest(key, known)}`,
    ...(i === TOLD - 1 ? { alike: keys.length - TOLD } : {}),
  }));
}

/** A schema error as text, with the path from the top of the file. */
function told(issue: z.core.$ZodIssue, base: Problem['path'], data: unknown): Problem[] {
  const path = [
    ...base,
    ...issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
  ];
  const written = valueAt(data, path);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(', ');
    return unknownKeys(path, issue.keys, known);
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branch = issue.errors[branchOf(issue.errors, written)] ?? issue.errors[0] ?? [];
    return branch.flatMap((inner) => told(inner, path, data));
  }
  if (written === undefined) {
    const key = String(path.at(-1));
    return [{ path, at: 'key', message: `"${key}" is missing${expected(issue)}` }];
  }
  const choices = choicesOf(issue);
  if (choices) {
    const message = `${shown(written)} is not one of the choices: ${suggest(String(written), choices)}`;
    return [{ path, at: 'value', message }];
  }
  if (issue.code === 'invalid_type' && written === null) {
    const message = 'has no value: write {} for the defaults, or leave it out';
    return [{ path, at: 'key', message }];
  }
  const ours = issue.message.startsWith('must be');
  const fact =
    issue.code === 'invalid_type' && !ours ? `must be ${article(issue.expected)}` : issue.message;
  return [{ path, at: 'value', message: `${shown(written)} ${fact}` }];
}

/** Index of the branch of a union that what is written is closest to: by the kind of a phase, or as a list or a value. */
function branchOf(errors: readonly (readonly z.core.$ZodIssue[])[], written: unknown): number {
  const isList = Array.isArray(written);
  if (!isList && typeof written === 'object') return phaseBranch(written);
  const misfit = isList ? 'invalid_value' : 'invalid_type';
  return errors.findIndex((branch) =>
    branch.every(({ path, code }) => path.length > 0 || code !== misfit),
  );
}

function choicesOf(issue: z.core.$ZodIssue): readonly string[] | undefined {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code === 'invalid_union' && 'options' in issue)
    return (issue.options ?? []).map(String);
  return undefined;
}

function expected(issue: z.core.$ZodIssue): string {
  const own = /^must be written like (.*)$/.exec(issue.message)?.[1];
  return own ? `: write it like ${own}` : '';
}

const ARTICLES: Readonly<Record<string, string>> = {
  object: 'a list of "key: value"',
  array: 'a list of "- item"',
  string: 'text',
  int: 'a whole number',
  boolean: 'true or false',
};

function article(type: string): string {
  return ARTICLES[type] ?? `a ${type}`;
}

function shown(value: unknown): string {
  return quoted(
    typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value)),
  );
}

/** The valid checks, each with its line; errors of the others are added to `problems`. */
function readChecks(sections: Sections, source: Source, problems: Problem[]): Check[] {
  return (sections.checks ?? []).flatMap((text, i) => {
    const path = ['checks', i];
    const judged = judgeCheck(text, sections, source.data);
    if (judged.kind === 'check') {
      const line = source.overrideOf(path)
        ? 0
        : source.place({ path, at: 'value', message: '' }).line;
      return [{ ...judged.check, line }];
    }
    for (const { message, from, length } of judged.mistakes) {
      problems.push({ path, at: 'value', message, span: { from, length } });
    }
    return [];
  });
}

function unreadable(source: Source, text: string, file: string): DoorbusterError {
  const blocks = source.problems
    .toSorted((a, b) => a.line - b.line)
    .slice(0, TOLD)
    .map((problem) => block(problem.message, problem, text, file));
  return complaint(file, blocks, source.problems.length);
}

function refused(
  problems: readonly Problem[],
  source: Source,
  text: string,
  file: string,
): DoorbusterError {
  const placed = problems.map((problem) => {
    const override = source.overrideOf(problem.path);
    return { problem, override, place: override ? null : source.place(problem) };
  });
  placed.sort((a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0));
  const blocks = placed.slice(0, TOLD).map(({ problem, override, place }) => {
    const subject = problem.path.length > 0 ? `${dotted(problem.path)}: ` : '';
    const message = `${subject}${problem.message}`;
    if (place !== null) return block(message, place, text, file);
    const typed = quoted(`${override?.path}=${override?.value}`, 160);
    return `${cut(message, LONGEST_MESSAGE)}\n  from --set ${typed}`;
  });
  const count = problems.reduce((sum, { alike = 0 }) => sum + 1 + alike, 0);
  return complaint(file, blocks, count);
}

function dotted(path: Problem['path']): string {
  return path
    .map((step, i) =>
      typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${quoted(step)}`,
    )
    .join('');
}

/** A message that quotes a name of thousands of characters is cut, characters. */
const LONGEST_MESSAGE = 500;

function block(message: string, place: Place, text: string, file: string): string {
  const framed = frame(text, place).replace(/^/gm, '  ');
  const said = cut(message, LONGEST_MESSAGE);
  return `${said}\n  at ${file}:${place.line}:${place.column}\n${framed}`;
}

function complaint(file: string, blocks: readonly string[], count: number): DoorbusterError {
  const problems = count === 1 ? 'a problem' : `${count} problems`;
  const more = count > blocks.length ? `\n\nand ${count - blocks.length} more` : '';
  return badInput(
    `${file} has ${problems}\n\n${blocks.join('\n\n')}${more}`,
    `doorbuster validate ${file} checks it again; doorbuster schema lists every key`,
  );
}
