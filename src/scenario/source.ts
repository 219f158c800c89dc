import {
  type Document,
  type ErrorCode,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import { badInput } from '../core/errors.ts';
import { lineStarts, placeIn } from './lines.ts';
import { type Place, type Problem, quoted } from './problems.ts';

type Path = readonly (string | number)[];

/** `--set path=value`, and the position of its value in the typed text. */
interface Override {
  /** As typed: `phases.spike.load`. */
  readonly path: string;
  /** As typed: `5x`. */
  readonly value: string;
  /** With names of phases resolved to their position. */
  readonly resolved: Path;
}

/** A scenario file: its values with the overrides applied, and the position of each path in the text. */
export interface Source {
  readonly data: unknown;
  readonly overrides: readonly Override[];
  /** Errors of the YAML itself. */
  readonly problems: readonly (Place & { readonly message: string })[];
  place(problem: Problem): Place;
  /** The override that set a path, if any. */
  overrideOf(path: Path): Override | undefined;
}

/** Largest accepted file: far more than a scenario can need. */
const LONGEST = 2 ** 20;

/** Reads YAML 1.2 and applies the overrides in their order; the last one wins. */
export function readSource(text: string, set: readonly string[]): Source {
  if (text.length > LONGEST) {
    const fact = `${text.length} characters: a scenario has ${LONGEST} at most`;
    return unread(fact);
  }
  try {
    return read(text, set);
  } catch (error) {
    // The library is recursive: with thousands of levels its stack overflows.
    if (error instanceof RangeError) return unread('nested too deeply to be a scenario');
    throw error;
  }
}

/** The source of a text that could not be parsed at all. */
function unread(message: string): Source {
  const place = { line: 1, column: 1, length: 1 };
  return {
    data: null,
    overrides: [],
    problems: [{ ...place, message }],
    place: () => place,
    overrideOf: () => undefined,
  };
}

function read(text: string, set: readonly string[]): Source {
  const document = parsed(text);
  // Not the library's own counter, which miscounts lines with stray carriage returns.
  const starts = lineStarts(text);
  const at = (from: number, to: number): Place => placeIn(starts, from, to);
  const problems = [
    ...[...document.errors, ...document.warnings].map((error) => ({
      ...at(error.pos[0], error.pos[1]),
      message: SAID[error.code] ?? quoted(error.message.split('\n')[0] as string, 160),
    })),
    ...oddKeys(document).map(({ range, message }) => ({ ...at(...range), message })),
  ];
  const original = document.clone();
  const overrides = problems.length > 0 ? [] : set.map((typed) => override(document, typed));
  const data = problems.length > 0 ? { value: null } : values(document);
  if ('failure' in data) problems.push({ ...at(...firstAlias(document)), message: data.failure });
  return {
    data: 'value' in data ? data.value : null,
    overrides,
    problems,
    place: (problem) => {
      const [from, to] = rangeOf(original, problem, text);
      return at(from, to);
    },
    overrideOf: (path) => overrides.findLast((override) => causes(override, path, original)),
  };
}

function parsed(text: string): Document.Parsed {
  // The library compares every key with every other; oddKeys does it in one pass.
  const options = { prettyErrors: false, logLevel: 'error', uniqueKeys: false } as const;
  return parseDocument(text, options);
}

interface OddKey {
  readonly range: readonly [number, number];
  readonly message: string;
}

/** Duplicate keys, and keys that are not text: the library would serialize those, which takes very long. */
function oddKeys(document: Document): readonly OddKey[] {
  const odd: OddKey[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const [from = 0, to = from + 1] = (key as { range?: number[] } | null)?.range ?? [];
        if (!isScalar(key)) odd.push({ range: [from, to], message: 'a key must be text' });
        else if (seen.has(key.value)) odd.push({ range: [from, to], message: TWICE });
        else seen.add(key.value);
      }
    },
  });
  return odd;
}

const TWICE = 'Map keys must be unique';

/** Rewrites messages of the library about its own functions as messages about the file. */
const SAID: Readonly<Partial<Record<ErrorCode, string>>> = {
  MULTIPLE_DOCS: 'a second document begins here: a scenario is one',
};

/** Whether an override set a path: below what it set, or a parent that it created. */
function causes({ resolved }: Override, path: Path, original: Document): boolean {
  const common = Math.min(path.length, resolved.length);
  for (let i = 0; i < common; i++) if (String(path[i]) !== String(resolved[i])) return false;
  if (path.length >= resolved.length) return true;
  return path.length > 0 && nodeAt(original, path) === undefined;
}

/** Converts the document; aliases that expand too much, are undefined, or contain themselves fail here. */
function values(document: Document): { readonly value: unknown } | { readonly failure: string } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    JSON.stringify(value);
    return { value };
  } catch (error) {
    if (error instanceof ReferenceError) return { failure: quoted(error.message, 160) };
    if (error instanceof TypeError) return { failure: 'an alias stands inside what it names' };
    throw error;
  }
}

function firstAlias(document: Document): readonly [number, number] {
  let found: readonly [number, number] = [0, 1];
  visit(document, {
    Alias(_, alias) {
      if (!alias.range) return undefined;
      found = [alias.range[0], alias.range[1]];
      return visit.BREAK;
    },
  });
  return found;
}

/** The value of an override that leaves its key out. No key has it as a value. */
const LEFT_OUT = 'null';

function override(document: Document, typed: string): Override {
  const split = typed.indexOf('=');
  const path = typed.slice(0, split).trim();
  const shown = quoted(typed);
  if (split < 1 || path === '') {
    throw badInput(`--set "${shown}" is not path=value`, '--set traffic.pos.receipts=80/store/h');
  }
  const value = typed.slice(split + 1);
  const node = readValue(value, path, shown);
  const resolved = resolvePath(document, path.split('.'));
  if (value.trim() === LEFT_OUT) {
    if (document.hasIn(resolved)) {
      document.deleteIn(resolved);
      return { path, value, resolved };
    }
    throw badInput(
      `--set "${shown}" leaves out a key that the file does not have`,
      'leave out this --set',
    );
  }
  try {
    document.setIn(resolved, document.createNode(node));
  } catch (error) {
    const fact = error instanceof Error ? error.message : String(error);
    throw badInput(
      `--set "${shown}" names no key: ${quoted(fact.split('\n')[0] as string, 160)}`,
      'doorbuster schema lists every key',
    );
  }
  return { path, value, resolved };
}

/** The YAML behind the equals sign, as a value. */
function readValue(text: string, path: string, shown: string): unknown {
  let fact: string;
  try {
    const document = parsed(text);
    const wrong = document.errors[0] ?? oddKeys(document)[0];
    const read = wrong === undefined ? values(document) : { failure: wrong.message };
    if ('value' in read) return read.value;
    fact = read.failure.split('\n')[0] as string;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fact = 'nested too deeply';
  }
  throw badInput(
    `--set "${shown}": the value is not YAML: ${quoted(fact, 160)}`,
    `--set '${quoted(path)}="…"' puts any text in quotes`,
  );
}

/** In a list, a part of the path is a position, or the `name` of an item: phases.spike.load. */
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
        `--set ${quoted(steps.join('.'))}: no item of ${path.join('.')} is called "${quoted(step)}"`,
        `use its name, or its position from 0`,
      );
    }
    if (named < 0 && Number(step) > parent.items.length) {
      throw badInput(
        `--set ${quoted(steps.join('.'))}: ${path.join('.')} has ${parent.items.length} items`,
        `${path.join('.')}.${parent.items.length} adds one`,
      );
    }
    path.push(named < 0 ? Number(step) : named);
  }
  return path;
}

/** Character range of a problem's node; of its nearest ancestor if it does not exist. */
function rangeOf(document: Document, problem: Problem, text: string): readonly [number, number] {
  for (let depth = problem.path.length; depth > 0; depth--) {
    const path = problem.path.slice(0, depth);
    const whole = depth === problem.path.length;
    const parent = depth === 1 ? document.contents : nodeAt(document, path.slice(0, -1));
    const step = path.at(-1);
    if (isMap(parent)) {
      const pair = pairsOf(parent).get(String(step));
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

/** The node of a path, found with the index of each map on it. */
function nodeAt(document: Document, path: Path): unknown {
  let node: unknown = document.contents;
  for (const step of path) {
    if (isMap(node)) node = pairsOf(node).get(String(step))?.value;
    else if (isSeq(node)) node = node.items[Number(step)];
    else return undefined;
  }
  return node ?? undefined;
}

const indexes = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

/** Index of a map's pairs by key, built once for all problems, because there may be thousands of both. */
function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  let index = indexes.get(map);
  if (index === undefined) {
    const named = map.items.flatMap((pair) =>
      isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [],
    );
    // Of two pairs with one key the first one, as in the library.
    index = new Map(named.toReversed());
    indexes.set(map, index);
  }
  return index;
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
  const end = raw.indexOf('\n');
  const line = end < 0 ? raw : raw.slice(0, end);
  return [from, from + Math.max(1, line.trimEnd().length)];
}
