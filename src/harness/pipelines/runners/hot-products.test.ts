import { expect, test } from 'vitest';
import { HotProducts } from './hot-products.ts';

test('the products of the plan are hot from the start, and those with a large share from then on', () => {
  const hot = new HotProducts({ share: 0.1, keep: 3 }, [7]);
  expect([hot.has(7), hot.has(1)]).toEqual([true, false]);
  for (let i = 0; i < 99; i++) hot.count(i % 9 === 0 ? 1 : 100 + i);
  expect(hot.has(1)).toBe(false);
  // 100 changes give a product with a tenth of them ten.
  hot.count(1);
  expect([hot.has(1), hot.size]).toEqual([true, 2]);
  for (let i = 0; i < 1_000; i++) hot.count(10_000 + i);
  expect([hot.has(1), hot.size]).toEqual([true, 2]);
});

test('no more are hot than it keeps, those of the plan first', () => {
  const hot = new HotProducts({ share: 0.2, keep: 2 }, [1, 2, 3]);
  for (let i = 0; i < 100; i++) hot.count(4);
  expect([1, 2, 3, 4].map((sku) => hot.has(sku))).toEqual([true, true, false, false]);
});

test('among ever new products, in as few counters as it has, only the frequent one is hot', () => {
  const hot = new HotProducts({ share: 0.05, keep: 1_000 }, []);
  for (let i = 0; i < 20_000; i++) hot.count(i % 10 === 0 ? 1 : 2 + i);
  expect([hot.has(1), hot.size]).toEqual([true, 1]);
});
