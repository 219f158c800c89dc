import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CsvBuffer, type CsvValue } from './csv.ts';

/** The text of some lines, from a buffer that is first too small for them. */
function textOf(lines: readonly (readonly CsvValue[])[]): string {
  const buffer = new CsvBuffer(4);
  for (const line of lines) buffer.appendLine(line);
  expect(buffer.length).toBe(buffer.take().byteLength);
  expect(buffer.length).toBe(0);
  for (const line of lines) buffer.appendLine(line);
  return buffer.take().toString('utf8');
}

test('null is an empty field, and an empty text is a quoted one', () => {
  expect(textOf([['a', null, '', true, -7, 0.25, 'say "so", twice', 'two\nlines']])).toBe(
    'a,,"",true,-7,0.25,"say ""so"", twice","two\nlines"\n',
  );
});

test('numbers have the text that JavaScript gives them', () => {
  const numbers = [
    ...[0, -0, 9, 10, 999_999_999, 1_000_000_000, 1_000_000_001, 1_795_770_000_207],
    ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 60, 1e21, 1e-7, -1.5],
  ];
  expect(textOf(numbers.map((number) => [number]))).toBe(
    numbers.map((number) => `${number}\n`).join(''),
  );
});

test('property: a reader of CSV finds every value', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.boolean(),
  );
  const lines = fc.array(fc.array(value, { minLength: 3, maxLength: 3 }), { maxLength: 20 });
  fc.assert(
    fc.property(lines, (written) => {
      const read = parse(textOf(written), { relax_column_count: false, skip_empty_lines: false });
      expect(read).toEqual(written.map((line) => line.map(String)));
    }),
  );
});
