import { expect, test } from 'vitest';
import { statementOf } from './trino-session.ts';

test('values are written as literals, and the final semicolon is left out', () => {
  const sql = "-- $store\nSELECT '$store;' AS s FROM t WHERE a = $store AND b = $name;\n";
  expect(statementOf(sql, { store: 1_795_000_060_000, name: "it's; $store" })).toBe(
    "-- $store\nSELECT '$store;' AS s FROM t WHERE a = 1795000060000 AND b = 'it''s; $store'",
  );
  expect(statementOf('SELECT $a, $b, $c, $d', { a: null, b: -2.5, c: true, d: 2n ** 60n })).toBe(
    "SELECT NULL, DOUBLE '-2.5', true, 1152921504606846976",
  );
  expect(statementOf('SELECT 1', {})).toBe('SELECT 1');
});
