import { parse as parseLossless } from 'lossless-json';
import {
  noColumn,
  type OnRow,
  RecordingProblem,
  type RowReader,
  type WantedColumn,
} from './problem.ts';
import { LONGEST_LINE, textOf, tooLong } from './text.ts';

/** Reads a file of one JSON object per line. */
export function ndjsonReader(path: string, encoding: string | null): RowReader {
  const lines: number[] = [];
  return {
    async read(wanted, take) {
      const known = new Set<string>();
      const seen = wanted.map(() => false);
      for await (const { line, text } of linesOf(path, encoding)) {
        const object = objectIn(text, line);
        lines.push(line);
        if (known.size < MAX_LISTED_NAMES) for (const key of Object.keys(object)) known.add(key);
        takeRow(object, line, wanted, seen, take);
      }
      const missing = lines.length === 0 ? undefined : wanted.find((_, i) => seen[i] !== true);
      if (missing !== undefined) throw noColumn(missing, [...known].slice(0, MAX_LISTED_NAMES));
    },
    positionOf: (row) => Promise.resolve(`line ${lines[row]}`),
  };
}

/** Names of columns that a message lists. */
const MAX_LISTED_NAMES = 50;

async function* linesOf(
  path: string,
  encoding: string | null,
): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  let line = 1;
  let rest = '';
  for await (const piece of textOf(path, encoding)) {
    const parts = (rest + piece).split('\n');
    rest = parts.pop() ?? '';
    for (const text of parts) {
      if (text.trim() !== '') yield { line, text };
      line++;
    }
    if (rest.length > LONGEST_LINE) throw tooLong(line);
  }
  if (rest.trim() !== '') yield { line, text: rest };
}

type JsonObject = Readonly<Record<string, unknown>>;

/** A number with this many digits exceeds a JavaScript number's precision: it stays text. */
const LONG_NUMBER = /\d{16}/;

function objectIn(text: string, line: number): JsonObject {
  let value: unknown;
  try {
    value = LONG_NUMBER.test(text)
      ? parseLossless(text, undefined, {
          parseNumber: (digits) => (LONG_NUMBER.test(digits) ? digits : Number(digits)),
        })
      : JSON.parse(text);
  } catch (error) {
    throw new RecordingProblem(
      'tape',
      `cannot be read: line ${line} is not JSON: ${reasonOf(error)}`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RecordingProblem('tape', `cannot be read: line ${line} is not a JSON object`);
  }
  return value as JsonObject;
}

/** The parser's reason without the text of the file, which may contain anything. */
function reasonOf(error: unknown): string {
  const at = /position (\d+)/.exec((error as Error).message)?.[1];
  return at === undefined
    ? 'it ends too early or has an extra character'
    : `at character ${Number(at) + 1}`;
}

function takeRow(
  object: JsonObject,
  line: number,
  wanted: readonly WantedColumn[],
  seen: boolean[],
  take: OnRow,
): void {
  take(
    wanted.map(({ key, column }, i) => {
      if (!Object.hasOwn(object, column)) return null;
      seen[i] = true;
      const value = object[column];
      if (value === null) return null;
      if (typeof value !== 'object') return String(value);
      throw new RecordingProblem(
        key,
        `line ${line}: ${column} is JSON, and must be text or a number`,
      );
    }),
  );
}
