import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseRecord } from '../record/read.ts';
import { FORMATS, formats } from './formats.ts';

const text = readFileSync(
  fileURLToPath(new URL('../../test/fixtures/black-friday/record.json', import.meta.url)),
  'utf8',
);

type Path = readonly (string | number)[];

/** Every place of the record, of long lists the first and the last item. */
const PATHS = [...placesOf(JSON.parse(text), [])];

function* placesOf(value: unknown, path: Path): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  const keys: (string | number)[] = Array.isArray(value)
    ? [0, value.length - 1]
    : Object.keys(value);
  for (const key of new Set(keys)) {
    if (key !== -1)
      yield* placesOf((value as Record<string | number, unknown>)[key], [...path, key]);
  }
}

const VALUES: readonly unknown[] = [
  ...[null, 0, -1, 1, 0.5, 1e12, -1e12, 1e300, -1e308, 2 ** 53, 1e-300, true],
  ...['', 'constructor', '__proto__', 'toString', 'x'.repeat(100_000), '\u001b]0;x\u0007\u202e'],
  ...[[], {}, [null], [[]], [0, -1e308, 1e308]],
];

function replaced(path: Path, value: unknown): unknown {
  const copy = JSON.parse(text) as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1) as string] = value;
  return copy;
}

/** Refused as input, or shown in every format: bounded, and without a character that a terminal obeys. */
function reported(record: unknown, what: string): boolean {
  let parsed: ReturnType<typeof parseRecord>;
  try {
    parsed = parseRecord(JSON.stringify(record), 'record.json');
  } catch (error) {
    if (error instanceof DoorbusterError) return false;
    throw error;
  }
  for (const name of FORMATS) {
    const startedMs = performance.now();
    let shown: string;
    try {
      shown = formats[name].render(parsed, { color: false, columns: 100 });
    } catch (error) {
      throw new Error(`${what} as ${name}: ${(error as Error).stack}`);
    }
    expect(performance.now() - startedMs, `${what} as ${name}`).toBeLessThan(20_000);
    expect(shown.length, `${what} as ${name}`).toBeLessThan(8 * 2 ** 20);
    if (name === 'json') continue;
    if (name === 'short') expectOneScreen(shown, what);
    expect(shown, `${what} as ${name}`).not.toMatch(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/,
    );
  }
  return true;
}

function expectOneScreen(shown: string, what: string): void {
  const lines = shown.trimEnd().split('\n');
  expect(lines.length, what).toBeLessThanOrEqual(45);
  expect(Math.max(...lines.map(({ length }) => length)), what).toBeLessThanOrEqual(100);
}

const what = (path: Path, value: unknown) =>
  `${path.join('.')} = ${JSON.stringify(value)?.slice(0, 40)}`;

test.each([
  [['phases', 0, 'startMs'], -1e308, false],
  [['phases', 0, 'endMs'], 1e12, false],
  [['tookMs'], 1e300, false],
  [['phases', 0, 'startMs'], -3e10, true],
  [['tookMs'], 3e10, true],
  [['truth', 'distance', 0, 'fault'], 'constructor', true],
  [['staleness', 0, 'startMs'], -1e308, true],
  [['layout', 'commits', 0, 'tMs'], 1e308, true],
  [['environment', 'versions'], { '__proto__x\u001b[2J': '\u202e' }, true],
  [['headline', 'text'], 'PASS\u001b]0;x\u0007\u009b2J\u202e <script>`', true],
  [['reproduce'], 'doorbuster run `x` ``<img src=x>', true],
  [['phases'], [], true],
] as readonly (readonly [Path, unknown, boolean])[])('%j = %j: shown: %j', (path, value, shown) => {
  expect(reported(replaced(path, value), what(path, value))).toBe(shown);
});

test('a record with any one value replaced is refused or reported', () => {
  let shown = 0;
  fc.assert(
    fc.property(fc.constantFrom(...PATHS), fc.constantFrom(...VALUES), (path, value) => {
      if (reported(replaced(path, value), what(path, value))) shown += 1;
    }),
    { numRuns: 150 },
  );
  expect(shown).toBeGreaterThan(5);
}, 300_000);
