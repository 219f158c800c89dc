import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { recordingOf, replaying } from '../../test/support/tape.ts';
import { DoorbusterError } from '../core/errors.ts';
import { EXIT } from '../core/exit-codes.ts';
import { expectedCounts, rateAt } from '../generators/expected/rate.ts';
import { preloadOf, tapeOf } from '../generators/tape.ts';
import { estimateOf } from '../harness/experiment/estimate.ts';
import { scenarioJsonSchema } from './json-schema.ts';
import { parseScenario } from './parse.ts';
import { TOLD } from './problems.ts';
import type { Scenario } from './scenario.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 300_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const texts = ['scenarios', 'test/fixtures/bad-scenarios'].flatMap((folder) =>
  readdirSync(`${root}${folder}`)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => readFileSync(`${root}${folder}/${file}`, 'utf8')),
);
const FILE = 'x.yaml';

/** What a scenario comes to: it is refused as it should be, or it is one and can be replayed. */
function outcome(text: string, set: readonly string[] = []): Scenario | null {
  let error: unknown;
  try {
    return parseScenario(text, { file: FILE, set }).scenario;
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof DoorbusterError)) throw error;
  expect(error.exitCode).toBe(EXIT.badInput);
  expect(error.hint).toBeTruthy();
  // A terminal executes control characters of any origin.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(error.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  for (const line of error.message.split('\n')) expect(line.length).toBeLessThan(600);
  // An error in an override itself has its path; everything else is framed.
  if (!error.message.startsWith('--set ')) framed(error.message, text, set);
  return null;
}

/** Every problem stands in a block of its own, with a line and a column that are in the text. */
function framed(message: string, text: string, set: readonly string[]): void {
  const [, count, rest] = /^x\.yaml has (a|\d+) problems?\n\n(.*)$/s.exec(message) ?? [];
  const blocks = (rest ?? '').split('\n\n');
  const more = Number(/^and (\d+) more$/.exec(blocks.at(-1) ?? '')?.[1] ?? 0);
  if (more > 0) expect(blocks.splice(-1) && blocks.length).toBe(TOLD);
  expect(blocks.length + more, message).toBe(count === 'a' ? 1 : Number(count));
  const lines = text.split('\n');
  for (const block of blocks) {
    const [, line, column] = /\n {2}at x\.yaml:(\d+):(\d+)\n/.exec(block) ?? [];
    if (line === undefined) {
      expect(block).toContain('\n  from --set ');
      expect(set.length).toBeGreaterThan(0);
      continue;
    }
    expect(Number(line), block).toBeGreaterThanOrEqual(1);
    expect(Number(line), block).toBeLessThanOrEqual(lines.length);
    expect(Number(column), block).toBeGreaterThanOrEqual(1);
    const width = (lines[Number(line) - 1] as string).length;
    expect(Number(column), block).toBeLessThanOrEqual(width + 1);
    expect(block).toMatch(/\n *\| *\^+$/);
  }
}

/** Stands for the recording of a scenario that names one: nothing of it is read here. */
const SOME_RECEIPTS = recordingOf([
  { atMs: 0, store: 0, member: 0, lines: [[0, 1, 199, 0]] },
  { atMs: 60_000, store: 1, lines: [[1, -2, -300, 0]] },
]);

/** What every command does with a scenario before anything starts, and the tape's first events. */
function replayed(parsed: Scenario): void {
  const { stores } = parsed.retail;
  const tape = parsed.traffic.pos?.tape ?? null;
  const scenario = tape === null ? parsed : replaying(parsed, SOME_RECEIPTS, tape.map);
  const few = [...new Set([1, Math.ceil(stores / 2), stores])];
  let last = Number.NEGATIVE_INFINITY;
  let n = 0;
  for (const event of tapeOf(scenario, few)) {
    expect(Number.isSafeInteger(event.dueMs) && event.dueMs >= last, `${event.dueMs}`).toBe(true);
    last = event.dueMs;
    if (++n === 50) break;
  }
  for (const event of preloadOf(scenario, few)) {
    expect(event.truth.row?.onHand).toBeGreaterThanOrEqual(0);
    if (++n === 60) break;
  }
  for (const { events, messages } of expectedCounts(scenario)) {
    expect(Number.isFinite(events) && events >= 0).toBe(true);
    expect(Number.isFinite(messages) && messages >= 0).toBe(true);
  }
  expect(Number.isFinite(rateAt(scenario, 1_000))).toBe(true);
  const { keptBytes, ...estimate } = estimateOf(scenario, { datasets: [] });
  expect(keptBytes).toBeGreaterThan(0);
  expect(Number.isFinite(estimate.startMs + estimate.timedMs + estimate.endMs)).toBe(true);
}

/** Every path of the schema, as people write it: `traffic.pos.receipts`, `phases.0.load`. */
const PATHS = [...pathsOf(JSON.parse(scenarioJsonSchema()) as SchemaNode, [])];

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

function* pathsOf(node: SchemaNode, path: readonly (string | number)[]): Generator<string> {
  if (path.length > 0) yield path.join('.');
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    yield* pathsOf(child, [...path, key]);
  }
  if (node.items) yield* pathsOf(node.items, [...path, 0]);
  for (const one of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) yield* pathsOf(one, path);
}

/** Hostile values, each at an unexpected or an expected position. */
const VALUES: readonly unknown[] = [
  ...[null, true, '', ' ', 0, -0, -1, 1, 2, 3, 0.5, 1e-300, 1e308, 2 ** 53, -(2 ** 63)],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 64, 256, 5_000],
  ...['NaN', '0s', '1ms', '0.001ms', '-5s', '1e9s', '9007199254740991ms', '999999999d', '1s'],
  ...['0%', '100%', '50%', '0.0000000000001%', '101%', '1e400%', '1m', '1h', '7d', '10s'],
  ...['0/s', '1/s', '9007199254740991/s', '0.0000000001/d', '50/store/h', '999999999/store/h'],
  ...[
    '0x',
    '1x',
    '0.000001x',
    '1000x',
    '9007199254740991x',
    'x'.repeat(3_000),
    '\u0000',
    '\u001b[2J',
  ],
  ...[
    '\u{1F6D2}',
    '\uD800',
    'é\u0301',
    'a\nb\n\nc',
    '"',
    "'",
    '{',
    '*a',
    '__proto__',
    'constructor',
  ],
  ...[
    'grocery',
    'specialty',
    'us',
    'curve',
    'flat',
    'flash',
    'spark',
    'query',
    'none',
    'lost == 0',
  ],
  ...['0001-01-01T00:00', '9999-12-31T23:59', '2026-02-30T09:00', '2026-11-27T09:00:60'],
  ...[[], {}, [[]], [null], { by: 'spark' }, { by: 'flink', every: '1ms' }, { __proto__: null }],
  ...[
    { rate: '100%' },
    { constructor: 1 },
    Array(300).fill('lost == 0'),
    [1, 2, 3],
    [{ name: 'a' }],
  ],
];

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...VALUES) },
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.double(),
  fc.integer(),
  fc.anything({ maxDepth: 3, withBigInt: false, key: fc.string({ maxLength: 6 }) }).map(plain),
);

function plain(thing: unknown): unknown {
  return JSON.parse(JSON.stringify(thing) ?? 'null');
}

const CHUNKS = [
  ...[
    '{}',
    '[]',
    '{',
    '}',
    '[',
    ']',
    '*a',
    '&a ',
    '!!x ',
    '!!binary ',
    '!!set ',
    '<<: *a',
    '<<: ',
    '|',
  ],
  ...[
    '"',
    "'",
    '\n',
    '\r\n',
    '\r',
    '\t',
    '0',
    'null',
    '- ',
    ': ',
    '? ',
    '#',
    ',',
    '---\n',
    '...\n',
  ],
  ...['%YAML 1.1\n---\n', '\u0000', '\u0007', '\u001b[31m', '\u0085', '\u2028', '\uFEFF', '\uD800'],
  ...[
    '\u{1F6D2}',
    '9'.repeat(400),
    '1e308',
    '.inf',
    '.nan',
    '-1',
    '0x1F',
    '2026-11-27',
    '1:30',
    '__proto__: 1\n',
  ],
  ...[
    '[[[[[[[[[[[[',
    '{a: {a: {a: {a: ',
    '&a [*a, *a]',
    '~',
    '=',
    'x'.repeat(500),
    '\n  \n',
    '>-\n',
  ],
];

const chunk = fc.oneof(fc.constantFrom(...CHUNKS), fc.string({ unit: 'binary', maxLength: 6 }));
const place = fc.double({ min: 0, max: 1, noNaN: true });
const edit = fc.oneof(
  fc.record({ how: fc.constant('insert' as const), at: place, chunk }),
  fc.record({
    how: fc.constantFrom('delete', 'double', 'line' as const),
    at: place,
    length: fc.nat(40),
  }),
  fc.record({ how: fc.constant('swap' as const), at: place, with: place, length: fc.nat(40) }),
  fc.record({ how: fc.constant('crlf' as const) }),
);

type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never;

function edited(text: string, change: Edit): string {
  if (change.how === 'crlf') return text.replaceAll('\n', '\r\n');
  const at = Math.floor(change.at * text.length);
  if (change.how === 'insert') return text.slice(0, at) + change.chunk + text.slice(at);
  const part = text.slice(at, at + change.length);
  switch (change.how) {
    case 'delete':
      return text.slice(0, at) + text.slice(at + part.length);
    case 'double':
      return text.slice(0, at) + part + text.slice(at);
    case 'line': {
      const end = text.indexOf('\n', at) + 1;
      const from = text.lastIndexOf('\n', at) + 1;
      return text.slice(0, end) + text.slice(from, end) + text.slice(end);
    }
    case 'swap': {
      const to = Math.floor(change.with * text.length);
      return text.slice(0, at) + text.slice(to, to + change.length) + text.slice(at + part.length);
    }
  }
}

const mutatedText = fc
  .tuple(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }))
  .map(([text, edits]) => edits.reduce(edited, text));

/** A scenario with some of its values replaced, and perhaps keys that do not exist. */
const mutatedTree = fc
  .tuple(
    fc.constantFrom(...texts.map((text) => parseDocument(text).toJS() as unknown)),
    fc.array(
      fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PATHS) }, fc.string()), value),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    fc.constantFrom('block', 'flow', 'json'),
  )
  .map(([tree, changes, style]) => {
    const copy = structuredClone(tree) as object;
    for (const [path, changed] of changes) put(copy, path.split('.'), changed);
    if (style === 'json') return JSON.stringify(copy);
    return stringify(copy, { collectionStyle: style as 'block' | 'flow' });
  });

function put(tree: object, path: readonly string[], changed: unknown): void {
  const [step = '', ...rest] = path;
  const at = tree as Record<string, unknown>;
  if (rest.length === 0) at[step] = changed;
  else {
    if (typeof at[step] !== 'object' || at[step] === null) at[step] = {};
    put(at[step] as object, rest, changed);
  }
}

const override = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...PATHS) },
      fc.constantFrom(
        'phases.999999999.name',
        'checks.4294967296',
        'phases.-1',
        '__proto__.x',
        'a.b',
      ),
      fc.constantFrom(
        'phases.spike.load',
        'phases',
        'checks.1',
        'name.x',
        '..',
        'retail.',
        'about.0',
      ),
      fc.string({ maxLength: 12 }),
    ),
    fc.oneof(
      value.map((thing) => (typeof thing === 'string' ? thing : JSON.stringify(thing))),
      fc.constantFrom(
        '*a',
        '&a [*a]',
        '&a {b: *a}',
        '"',
        '{',
        '- 1',
        '|',
        '!!x 1',
        '---\na\n---\nb',
      ),
    ),
  )
  .map(([path, typed]) => `${path}=${typed}`);

/** Every run judges what it judged before, and something new. */
const SEEDS = [20_261_127, undefined];

/** Scenarios whose tape is begun, of those that turn out to be one: a tenth of a second each. */
const REPLAYED = 25;

const runs = (numRuns: number, seed: number | undefined) => ({
  numRuns,
  ...(seed === undefined ? {} : { seed }),
});

test.each(SEEDS)('a mutated text is a scenario or is refused (seed %s)', (seed) => {
  fc.assert(
    fc.property(mutatedText, (text) => void outcome(text)),
    runs(600, seed),
  );
});

test.each(SEEDS)('so is one whose values are anything (seed %s)', (seed) => {
  let accepted = 0;
  fc.assert(
    fc.property(mutatedTree, (text) => {
      const scenario = outcome(text);
      if (scenario !== null && accepted++ < REPLAYED) replayed(scenario);
    }),
    runs(500, seed),
  );
});

test.each(SEEDS)('and so is one that --set changes (seed %s)', (seed) => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.array(override, { minLength: 1, maxLength: 3 }),
      (text, set) => {
        const scenario = outcome(text, set);
        if (scenario !== null && accepted++ < REPLAYED) replayed(scenario);
      },
    ),
    runs(500, seed),
  );
});

/** The ends of what is allowed: whatever lies between them can be replayed too. */
const ENDS: Readonly<Record<string, readonly string[]>> = {
  starts_at: ['2000-01-01T00:00', '2099-12-31T23:59:59', '2026-11-01T01:59'],
  'retail.stores': ['1', '5000'],
  'retail.skus': ['1', '200000'],
  'retail.assortment': ['1', '2', '200000'],
  'retail.assortment_by': ['core'],
  'retail.profile': ['specialty'],
  'retail.store_size_sigma': ['0', '2'],
  'retail.time_zones': ['us'],
  'retail.hours': ['curve', 'flat'],
  'traffic.pos.receipts': ['0.01/store/h', '1/store/d', '14400/store/h', '100000/store/h'],
  'traffic.pos.returns': ['0%', '100%'],
  'traffic.wms': ['{shrink: 0%}', '{shrink: 100%}'],
  'traffic.cart': ['{sessions: 0.001/s}', '{sessions: 300/s, bots: 0%, pickup: 100%}'],
  'traffic.loyalty': ['{members: 1, share: 100%}', '{members: 100000000, share: 0%}'],
  'traffic.inventory.preload': ['none'],
  'traffic.faults.duplicates': ['{rate: 100%, delay: 1ms, delay_max: 1h}', '{rate: 0.0001%}'],
  'traffic.faults.malformed': ['{rate: 100%}', '{rate: 100%, replace: true}'],
  'traffic.faults.transport': ['{delay: 10m, sigma: 0}', '{delay: 1ms, sigma: 2, slow_sigma: 2}'],
  'traffic.faults.offline': [
    '{stores: 100%, at: 0s, for: 1h, replay: 1/d}',
    '{at: 5s, for: 100ms}',
  ],
  'traffic.faults.clocks': ['{sigma: 1h, hour_off: 50%, wrong_date: 50%, shoppers: 100%}'],
  'traffic.faults.schema_drift': ['{at: 0s, over: 0s, widened: 100%}', '{at: 1s, over: 7d}'],
  'traffic.faults.redelivery': ['{every: 1s, last: 100000}'],
  'pipeline.commit_every': ['100ms', '1h'],
  'pipeline.parallelism': ['64'],
  'stack.runtime': ['processes', 'containers'],
  'stack.partitions': ['1', '256'],
  'queries.every': ['50ms', '1h'],
  'canaries.rate': ['0.01/s', '100/s'],
  'phases.spike.for': ['100ms', '6d'],
  'phases.spike.load': ['0.000001x', '1000x'],
  'phases.spike.shape': ['flat', 'flash', 'doorbuster'],
};

const ends = fc
  .subarray(Object.keys(ENDS), { minLength: 1, maxLength: 6 })
  .chain((paths) =>
    fc.tuple(
      ...paths.map((path) =>
        fc.constantFrom(...(ENDS[path] ?? [])).map((typed) => `${path}=${typed}`),
      ),
    ),
  );

test.each(SEEDS)('what is allowed can be replayed, to its ends (seed %s)', (seed) => {
  const quick = readFileSync(`${root}scenarios/quick.yaml`, 'utf8');
  let accepted = 0;
  fc.assert(
    fc.property(ends, (set) => {
      const scenario = outcome(quick, set);
      if (scenario === null) return;
      accepted++;
      replayed(scenario);
    }),
    runs(12, seed),
  );
  expect(accepted).toBeGreaterThan(1);
});

const laughs = Array.from({ length: 12 }, (_, i) =>
  i === 0
    ? 'a0: &a0 [x, x, x]'
    : `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
).join('\n');

test.each([
  ['nothing', ''],
  ['white space', ' \n\t\n'],
  ['a byte order mark alone', '\uFEFF'],
  ['a scalar', 'name'],
  ['a list', '- name: x\n- phases: []\n'],
  ['two documents', 'name: a\n---\nname: b\n'],
  ['ten thousand brackets', '['.repeat(10_000)],
  ['five thousand closed ones', `name: ${'['.repeat(5_000)}${']'.repeat(5_000)}`],
  ['deep maps', Array.from({ length: 3_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['deep lists', `name: x\nphases:\n  ${'- '.repeat(20_000)}x`],
  ['billions of laughs', laughs],
  ['an alias of nothing', 'name: *nobody\n'],
  ['an alias inside what it names', 'name: &a [*a]\n'],
  ['a map that holds itself', 'retail: &a { stores: *a }\n'],
  ['the same key twice', 'name: a\nname: b\n'],
  ['a merge key', 'retail: &a { stores: 3 }\ntraffic: { <<: *a }\n'],
  [
    'YAML 1.1',
    '%YAML 1.1\n---\nname: !!set { a, b }\nseed: 1:30\nabout: 2026-11-27\n<<: { a: 1 }\n',
  ],
  ['binary', 'name: !!binary aGVsbG8=\n'],
  ['keys that are no text', '? [a, b]\n: 1\n? { c: d }\n: 2\n1: 3\nnull: 4\n'],
  ['names of the language', '__proto__: { stores: 1 }\nconstructor: 1\ntoString: 1\n'],
  ['a megabyte and more', `name: ${'x'.repeat(2 ** 20)}`],
  ['a long line', `name: x\nabout: "${'y'.repeat(9_000)}"\nretail: { ${'z'.repeat(9_000)}: 1 }\n`],
  ['escapes a terminal obeys', 'name: "\\e[2J"\n\u001b[31mabout: x\n'],
])('%s is refused', (_, text) => {
  expect(outcome(text)).toBeNull();
});

test.each([
  ['a byte order mark', (text: string) => `\uFEFF${text}`],
  ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
  ['a document marker', (text: string) => `---\n${text}...\n`],
  ['no end of the last line', (text: string) => text.trimEnd()],
])('%s changes nothing', (_, written) => {
  const quick = readFileSync(`${root}scenarios/quick.yaml`, 'utf8');
  expect(outcome(written(quick))).toEqual(
    expect.objectContaining({ name: 'quick', phases: outcome(quick)?.phases }),
  );
});
