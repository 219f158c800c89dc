import { masked } from '../core/masked.ts';
import { printable } from '../core/printable.ts';

/** One error in a scenario: its path of keys and indices, and its message. */
export interface Problem {
  readonly path: readonly (string | number)[];
  /** `key`: the key itself is wrong; `value`: its value is. */
  readonly at: 'key' | 'value';
  readonly message: string;
  /** A part of the value's text: from which character, and how many. */
  readonly span?: { readonly from: number; readonly length: number };
  /** More problems like this one that are counted and not printed. */
  readonly alike?: number;
}

/** Number of printed problems; further ones are counted. Fixing the first ones often fixes others. */
export const TOLD = 20;

/** A problem with the value of a key. */
export const atValue = (path: Problem['path'], message: string): Problem => ({
  path,
  at: 'value',
  message,
});
/** A problem with a key itself: its presence or its name. */
export const atKey = (path: Problem['path'], message: string): Problem => ({
  path,
  at: 'key',
  message,
});

/** The value at a path; undefined if there is none. */
export function valueAt(data: unknown, path: Problem['path']): unknown {
  let at: unknown = data;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** Whether a key was written, rather than filled in. */
export function isWritten(raw: unknown, path: Problem['path']): boolean {
  return valueAt(raw, path) !== undefined;
}

/** Limits of the comparison: no name is longer, and no useful list of names has more. */
const LONGEST_NAME = 80;
const MOST_NAMES = 1_000;
/** Names that a message lists. */
const LISTED = 40;

/** The most similar name to a missing one; undefined if none is similar. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > LONGEST_NAME) return undefined;
  let best: string | undefined;
  let bestEdits = word.length < 3 ? 1 : Math.max(2, Math.ceil(word.length / 2));
  for (const name of names.slice(0, MOST_NAMES)) {
    const edits = editDistance(word.toLowerCase(), name.toLowerCase());
    if (edits < bestEdits) [best, bestEdits] = [name, edits];
  }
  return best;
}

/** `did you mean "x"?`, or the list of the names. */
export function suggest(word: string, names: readonly string[]): string {
  const near = nearest(word, names);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (names.length === 0) return 'none exist here';
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return `known here: ${names.slice(0, LISTED).join(', ')}${more}`;
}

/** Levenshtein: insertions, deletions and replacements that turn one word into the other. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 20) return 21;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Position of a problem in a text: 1-based, as in editors. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** Columns of a framed line. */
const WIDTH = 96;

/** The beginning of a name or a value for a message. It is masked before it is cut, because a cut secret is not recognized. */
export function quoted(text: string, length = 40): string {
  return cut(masked(text), length);
}

/** A text without secrets, on one line and no longer than this. */
export function cut(text: string, length: number): string {
  const seen = printable(text.slice(0, length));
  return text.length > length ? `${seen.slice(0, length - 1)}…` : seen;
}

/** The line of a position, the line above it, and a caret below. */
export function frame(text: string, place: Place): string {
  const lines = masked(text).split(/\r?\n/);
  const gutter = String(place.line).length;
  const cut = place.column > WIDTH - 16 ? place.column - 40 : 0;
  const shown = (line: string) => {
    const part = printable(line.slice(cut, cut + WIDTH));
    return `${cut > 0 ? '…' : ''}${part}${line.length > cut + WIDTH ? '…' : ''}`;
  };
  const numbered = (line: number) =>
    `${String(line).padStart(gutter)} | ${shown(lines[line - 1] ?? '')}`.trimEnd();
  const pad = ' '.repeat(place.column - 1 - cut + (cut > 0 ? 1 : 0));
  // A range of several lines is underlined to the end of its first line.
  const end = Math.min((lines[place.line - 1] ?? '').length, cut + WIDTH);
  const caret = '^'.repeat(Math.max(1, Math.min(place.length, end - place.column + 1)));
  const above = place.line > 1 ? [numbered(place.line - 1)] : [];
  return [...above, numbered(place.line), `${' '.repeat(gutter)} | ${pad}${caret}`].join('\n');
}
