import type { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { cut, frame, type Problem, suggest, TOLD } from './problems.ts';
import { readSource } from './source.ts';

/** A problem with a key, by its path. */
export type KeyProblem = Pick<Problem, 'path' | 'message'>;

interface YamlFile<S extends z.ZodType> {
  /** How messages name the file. */
  readonly path: string;
  readonly schema: S;
  /** The keys that may be where an unknown one is, by its path without it. */
  readonly known: (path: Problem['path']) => readonly string[];
  /** Problems that are found before the schema is applied. */
  readonly before?: (data: unknown) => readonly KeyProblem[];
  /** Problems that the schema does not express. */
  readonly after?: (data: z.output<S>) => readonly KeyProblem[];
}

/** Reads and checks a YAML file. Throws DoorbusterError (exit 2) with a framed line and column per problem. */
export function readYamlFile<S extends z.ZodType>(text: string, file: YamlFile<S>): z.output<S> {
  const { path, schema, known, before, after } = file;
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
  const placed = ({ path: at, message }: KeyProblem) =>
    framed(source.place({ path: at, at: 'key', message }), message);
  const early = (before?.(source.data) ?? []).map(placed);
  if (early.length > 0) throw fail(early);
  const read = schema.safeParse(source.data);
  if (!read.success) {
    throw fail(
      read.error.issues.slice(0, TOLD).map((issue) => {
        const at = issue.path as (string | number)[];
        const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
        const whole = unknown === undefined ? at : [...at, unknown];
        const message =
          unknown === undefined
            ? `${at.join('.')}: ${issue.message}`
            : `unknown key "${unknown}": ${suggest(unknown, known(at))}`;
        return framed(
          source.place({ path: whole, at: unknown ? 'key' : 'value', message }),
          message,
        );
      }),
    );
  }
  const late = (after?.(read.data) ?? []).map(placed);
  if (late.length > 0) throw fail(late);
  return read.data;
}
