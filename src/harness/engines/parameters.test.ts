import { expect, test } from 'vitest';
import { withParameters } from './parameters.ts';

test('a parameter is replaced, and not in text, in comments, or in a longer name', () => {
  const sql = `SELECT '$store', 'it''s $store' -- $store\nFROM t WHERE a = $store AND b < $store_id AND c = $sku`;
  expect(withParameters(sql, { store: 1, sku: 2 }, (name) => `:${name}`)).toBe(
    `SELECT '$store', 'it''s $store' -- $store\nFROM t WHERE a = :store AND b < $store_id AND c = :sku`,
  );
  expect(withParameters(sql, {}, () => 'x')).toBe(sql);
});
