import { expect, test } from 'vitest';
import type { Fate, OrderFate } from '../truth/promises/promises.ts';
import { safetyStock } from './safety-stock.ts';

const fate = (wanted: Fate, shown: number, quantity = 1): OrderFate => ({
  order: { phase: 'only', store: 1, atMs: 0, lines: [{ sku: 7, quantity }] },
  lines: [{ sku: 7, quantity, shown, book: 0, shelf: 0, fate: wanted }],
  fate: wanted,
});

test('the least number of units that prevents the wanted share, and the kept promises that it costs', () => {
  const fates = [
    ...[1, 2, 2, 9].map((shown) => fate('stale', shown)),
    ...[1, 2, 3, 30].map((shown) => fate('kept', shown)),
    fate('phantom', 1),
    fate('refused', 0),
  ];
  // With two withheld units the view has to show three for one to be promised.
  expect(safetyStock(fates, 0.75)).toEqual({
    units: 2,
    stale: 4,
    prevented: 3,
    kept: 4,
    refused: 2,
  });
  expect(safetyStock(fates, 1)).toEqual({ units: 9, stale: 4, prevented: 4, kept: 4, refused: 3 });
});

test('what is ordered comes first: only the units beyond it are spare', () => {
  expect(safetyStock([fate('stale', 5, 4), fate('kept', 6, 5)], 1)).toMatchObject({
    units: 2,
    refused: 1,
  });
});

test('where no promise broke by lateness there is none', () => {
  expect(safetyStock([fate('kept', 1), fate('phantom', 3)], 0.99)).toBeNull();
});
