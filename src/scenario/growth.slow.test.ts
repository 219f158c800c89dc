import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { EXIT } from '../core/exit-codes.ts';
import { parseScenario } from './parse.ts';
import { TOLD } from './problems.ts';

const HEAD = 'name: x\nretail: { stores: 2 }\ntraffic: { pos: {} }\n';
const PHASES = 'phases: [{ name: a, for: 1s }]\n';
const many = (n: number, of: (i: number) => string) =>
  Array.from({ length: n }, (_, i) => of(i)).join('');

/** Texts of about `n` characters, each of which once took time with the square of its length, or might. */
const HOSTILE: Readonly<Record<string, (n: number) => string>> = {
  'spaces in double quotes': (n) => `${HEAD}about: "${' '.repeat(n)}\n${PHASES}`,
  'spaces in quotes as a value': (n) => `${HEAD}${PHASES}checks: ["${' '.repeat(n)}"]\n`,
  'spaces in single quotes': (n) => `${HEAD}seed: '${' '.repeat(n)}'\n${PHASES}`,
  'a secret and spaces': (n) => `${HEAD}secret${' '.repeat(n)}x\n${PHASES}`,
  'the word secret': (n) => `${HEAD}seed: ${'secret'.repeat(n / 6)}\n${PHASES}`,
  'signs of a URL': (n) => `${HEAD}seed: ${'://a'.repeat(n / 4)}\n${PHASES}`,
  'unknown keys': (n) => HEAD + PHASES + many(n / 12, (i) => `key_${i}: 1\n`),
  'unknown keys in a section': (n) =>
    `name: x\nretail: { stores: 2, ${many(n / 12, (i) => `key_${i}: 1, `)} }\n${PHASES}`,
  'phases with an unknown key': (n) =>
    `${HEAD}phases:\n${many(n / 40, (i) => `  - { name: p${i}, for: 1s, fro: ${i} }\n`)}`,
  'the same key': (n) => HEAD + PHASES + 'about: x\n'.repeat(n / 9),
  'keys that are keys': (n) => HEAD + '? '.repeat(n / 2),
  'maps in maps': (n) => `${HEAD}seed: ${'{a: '.repeat(n / 4)}`,
  'lists in lists': (n) => `${HEAD}seed: ${'['.repeat(n)}`,
  'checks that are wrong': (n) => `${HEAD}${PHASES}checks:\n${'  - lots(of) < 5\n'.repeat(n / 17)}`,
  'one check of many words': (n) => `${HEAD}${PHASES}checks: ["${'word '.repeat(n / 5)}"]\n`,
  'one check of one word': (n) => `${HEAD}${PHASES}checks: ["${'x'.repeat(n)} < 5"]\n`,
  'a duration of many digits': (n) => `${HEAD}phases: [{ name: a, for: ${'1'.repeat(n)}x }]\n`,
  'a duration of many parts': (n) => `${HEAD}phases: [{ name: a, for: ${'1.1'.repeat(n / 3)}s }]\n`,
  'an alias of a large list': (n) =>
    `${HEAD}x: &x [${'1,'.repeat(n / 2)}]\nphases: [${'*x,'.repeat(90)}]\n`,
  'an alias of a map of unknown keys': (n) =>
    `${HEAD}x: &x { ${many(n / 12, (i) => `key_${i}: 1, `)} }\nphases: [${'*x,'.repeat(90)}]\n`,
  'line breaks': (n) => `${HEAD}${'\n'.repeat(n)}seed: x\n`,
  'carriage returns': (n) => `${HEAD}${'\r'.repeat(n)}seed: x\n`,
  comments: (n) => `${HEAD}${'# x\n'.repeat(n / 4)}seed: x\n`,
};

function problemsOf(text: string): { readonly message: string; readonly ms: number } {
  const startedMs = performance.now();
  try {
    parseScenario(text, { file: 'x.yaml' });
  } catch (error) {
    if (!(error instanceof DoorbusterError)) throw error;
    expect(error.exitCode).toBe(EXIT.badInput);
    return { message: error.message, ms: performance.now() - startedMs };
  }
  throw new Error('the text was not refused');
}

/** With the square of the length, 80,000 characters took forty seconds. */
const LENGTH = 100_000;
const LIMIT_MS = 10_000;

test.each(Object.keys(HOSTILE))(
  '%s: refused in time, and in few words',
  (name) => {
    const { message, ms } = problemsOf((HOSTILE[name] as (n: number) => string)(LENGTH));
    expect(ms).toBeLessThan(LIMIT_MS);
    expect(message.length).toBeLessThan(TOLD * 1_000);
  },
  120_000,
);

test('twenty problems are reported, in the order of the file, and the rest is counted', () => {
  const keys = many(8_000, (i) => `key_${i}: 1\n`);
  const { message } = problemsOf(`${keys}name: x\nretail: { stores: 0 }\ntraffic: { pos: {} }\n`);
  expect(message).toMatch(/^x\.yaml has 8002 problems\n/);
  expect(message.match(/ {2}at x\.yaml:\d+:/g)).toHaveLength(TOLD);
  expect(message).toContain('unknown key "key_18"');
  expect(message.endsWith('\n\nand 7982 more')).toBe(true);
});
