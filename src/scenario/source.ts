import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { badInput } from '../core/errors.ts';
import type { Place, Problem } from './problems.ts';

export type Path = readonly (string | number)[];

/** `--set path=value`, and where its value stands in what was typed. */
export interface Override {
  /** As it was typed: `phases.spike.load`. */
  readonly path: string;
  /** As it was typed: `5x`. */
  readonly value: string;
  /** With names of phases resolved to their position. */
  readonly resolved: Path;
}

/** A scenario file: its values with the overrides applied, and the way back from a path to a place. */
export interface Source {
  readonly data: unknown;
  readonly overrides: readonly Override[];
  /** What YAML itself had against the file. */
  readonly problems: readonly (Place & { readonly message: string })[];
  place(problem: Problem): Place;
  /** The override that a path comes from, if one does. */
  overrideOf(path: Path): Override | undefined;
}

/** Reads YAML 1.2 and applies the overrides, in their order; the last word wins. */
export function readSource(text: string, set: readonly string[]): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  });
  const at = (from: number, to: number): Place => {
    const { line, col } = lines.linePos(Math.min(from, text.length));
    return { line: Math.max(1, line), column: Math.max(1, col), length: Math.max(1, to - from) };
  };
  const problems = [...document.errors, ...document.warnings].map((error) => ({
    ...at(error.pos[0], error.pos[1]),
    message: error.message.split('\n')[0] as string,
  }));
  const original = document.clone();
  const overrides = problems.length > 0 ? [] : set.map((typed) => override(document, typed));
  const read = problems.length > 0 ? { data: null } : values(document);
  return {
    data: read.data,
    overrides,
    problems: read.failure ? [...problems, { ...at(0, 1), message: read.failure }] : problems,
    place: (problem) => {
      const [from, to] = rangeOf(original, problem, text);
      return at(from, to);
    },
    overrideOf: (path) => overrides.findLast((override) => causes(override, path, original)),
  };
}

/** Whether a path was set by an override: beneath what it set, or made on the way there. */
function causes({ resolved }: Override, path: Path, original: Document): boolean {
  const common = Math.min(path.length, resolved.length);
  for (let i = 0; i < common; i++) if (String(path[i]) !== String(resolved[i])) return false;
  if (path.length >= resolved.length) return true;
  return path.length > 0 && nodeAt(original, path) === undefined;
}

/** Aliases that multiply beyond measure, or name nothing, only fail here. */
function values(document: Document): { readonly data: unknown; readonly failure?: string } {
  try {
    return { data: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { data: null, failure: error.message };
  }
}

function override(document: Document, typed: string): Override {
  const split = typed.indexOf('=');
  const path = typed.slice(0, split).trim();
  if (split < 1 || path === '') {
    throw badInput(`--set "${typed}" is not path=value`, '--set traffic.pos.receipts=80/store/h');
  }
  const value = typed.slice(split + 1);
  const parsed = parseDocument(value, { prettyErrors: false, logLevel: 'error' });
  if (parsed.errors[0]) {
    throw badInput(
      `--set "${typed}": the value is not YAML: ${parsed.errors[0].message.split('\n')[0]}`,
      `--set '${path}="…"' puts any text in quotes`,
    );
  }
  const resolved = resolvePath(document, path.split('.'));
  try {
    document.setIn(resolved, document.createNode(parsed.toJS()));
  } catch (error) {
    const fact = error instanceof Error ? error.message : String(error);
    throw badInput(
      `--set "${typed}" leads nowhere: ${fact.split('\n')[0]}`,
      'doorbuster schema lists every key',
    );
  }
  return { path, value, resolved };
}

/** In a list, a step is a position, or the `name` of one of its items: phases.spike.load. */
function resolvePath(document: Document, steps: readonly string[]): Path {
  const path: (string | number)[] = [];
  for (const step of steps) {
    const parent = path.length === 0 ? document.contents : document.getIn(path, true);
    if (!isSeq(parent)) {
      path.push(step);
      continue;
    }
    const named = parent.items.findIndex((item) => isMap(item) && item.get('name') === step);
    if (named < 0 && !/^\d+$/.test(step)) {
      throw badInput(
        `--set ${steps.join('.')}: no item of ${path.join('.')} is called "${step}"`,
        `use its name, or its position from 0`,
      );
    }
    path.push(named < 0 ? Number(step) : named);
  }
  return path;
}

/** Character range of what a problem is about; of its nearest ancestor when it is not there. */
function rangeOf(document: Document, problem: Problem, text: string): readonly [number, number] {
  for (let depth = problem.path.length; depth > 0; depth--) {
    const path = problem.path.slice(0, depth);
    const whole = depth === problem.path.length;
    const parent = depth === 1 ? document.contents : nodeAt(document, path.slice(0, -1));
    const step = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      const key = pair?.key as { range?: readonly number[] } | undefined;
      const value = pair?.value as { range?: readonly number[] } | null | undefined;
      const wanted = whole && problem.at === 'value' && value?.range ? value : key;
      if (wanted?.range) return narrowed(wanted.range, whole ? problem : undefined, text);
    } else if (isSeq(parent)) {
      const item = parent.items[Number(step)] as { range?: readonly number[] } | undefined;
      if (item?.range) return narrowed(item.range, whole ? problem : undefined, text);
    }
  }
  return [0, 1];
}

function nodeAt(document: Document, path: Path): unknown {
  try {
    return document.getIn(path, true);
  } catch {
    return undefined;
  }
}

/** The first line of a range, or the part of a text that the problem points into. */
function narrowed(
  range: readonly number[],
  problem: Problem | undefined,
  text: string,
): readonly [number, number] {
  const [from = 0, to = 1] = range;
  const raw = text.slice(from, to);
  if (problem?.span && !raw.slice(0, problem.span.from + problem.span.length).includes('\n')) {
    const quote = raw.startsWith('"') || raw.startsWith("'") ? 1 : 0;
    const start = from + quote + problem.span.from;
    return [start, start + Math.max(1, problem.span.length)];
  }
  const line = raw.split('\n')[0] as string;
  return [from, from + Math.max(1, line.trimEnd().length)];
}
