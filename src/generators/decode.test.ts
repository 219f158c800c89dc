import { expect, test } from 'vitest';
import { event, type Fields } from '../../test/integration/support/wire.ts';
import { decode } from './decode.ts';

const decoded = (changed: Fields) =>
  decode('pos', Buffer.from(JSON.stringify(event('pos', 'e', 1, changed))));

test('a list becomes one array per field', () => {
  const lines = [
    { sku_id: 11, quantity: '2', unit_price_cents: null, extended_cents: 5 },
    { sku_id: 12, quantity: -1, unit_price_cents: 3, extended_cents: -5 },
  ].map((line, i) => ({ ...line, line_no: i + 1 }));
  expect(decoded({ lines })).toMatchObject({
    lists: {
      line_sku_ids: [11, 12],
      line_quantities: [2, -1],
      line_unit_price_cents: [null, 3],
      line_extended_cents: [5, -5],
    },
  });
});

test.each([
  [{ lines: [{ quantity: 1 }] }, 'missing_key:lines[*].sku_id'],
  [{ lines: [5] }, 'missing_key:lines[*].sku_id'],
  [{ lines: [{}, { sku_id: 'x' }] }, 'wrong_type:lines[*].sku_id'],
  [{ lines: {} }, 'wrong_type:lines'],
  [{ lines: undefined }, 'missing_key:lines'],
])('%j is rejected', (changed, rejection) => {
  expect(decoded(changed)).toEqual({ rejection });
});

test('an optional list that is absent is null, and one that is none has no elements', () => {
  const items = (given: unknown) =>
    decode('cart', Buffer.from(JSON.stringify(event('cart', 'e', 1, { items: given }))));
  expect(items(undefined)).toMatchObject({ lists: { item_sku_ids: null } });
  expect(items(null)).toMatchObject({ lists: { item_sku_ids: [] } });
  expect(items('none')).toMatchObject({ lists: { item_sku_ids: [] } });
});
