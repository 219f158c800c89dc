import { expect, test } from 'vitest';
import { escaped, forTerminal, printable } from './printable.ts';

const OBEYED = [
  '\u001b',
  '\u0007',
  '\u009b',
  '\u007f',
  '\r',
  '\u0000',
  '\u202e',
  '\u2066',
  '\u2028',
  '\ufeff',
];

test.each(OBEYED)('%j is shown by its number, and JSON reads the same', (character) => {
  const number = character.charCodeAt(0).toString(16).padStart(4, '0');
  expect(escaped(`a${character}b`)).toBe(`a\\u${number}b`);
  const value = { [`k${character}`]: `a${character}b` };
  expect(JSON.parse(escaped(JSON.stringify(value)))).toEqual(value);
  expect(printable(`a${character}b`)).toBe('a\uFFFDb');
});

test('words and signs of every language stay as they are', () => {
  const text = 'Ünïcode 日本 \u{1F6D2} \u{1F469}\u200d\u{1F373} می\u200cخواهم\n\ttabs';
  expect(escaped(text)).toBe(text);
});

test('our own colours reach a terminal, and other sequences do not', () => {
  const text =
    '\u001b[31mred\u001b[39m \u001b[8mhidden\u001b[0m \u001b]0;title\u0007 \u001b[2J \u009b31m';
  expect(forTerminal(text, true)).toBe(
    '\u001b[31mred\u001b[39m \\u001b[8mhidden\\u001b[0m \\u001b]0;title\\u0007 \\u001b[2J \\u009b31m',
  );
  expect(forTerminal(text, false)).not.toContain('\u001b');
});
