import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scenarioOf } from '../../../test/support/retail.ts';
import { random } from '../../core/random.ts';
import { ASSORTMENTS_BY } from '../../scenario/scenario.ts';
import { Shelf } from './shelf.ts';
import { worldOf } from './world.ts';

test('a store sells what it carries and nothing else', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom(...ASSORTMENTS_BY),
      (skus, wanted, store, by) => {
        const assortment = Math.min(skus, wanted);
        const world = worldOf(
          scenarioOf(
            `retail={stores: 8, skus: ${skus}, assortment: ${assortment}, assortment_by: ${by}}`,
          ),
        );
        const shelf = new Shelf(world, store);
        const carried = new Set(shelf.ranks());
        expect(carried.size).toBe(Math.min(skus, wanted));
        for (let rank = 0; rank < skus; rank++) expect(shelf.carries(rank)).toBe(carried.has(rank));
        const own = random(store, 'sales');
        for (let i = 0; i < 50; i++) {
          expect(carried).toContain(shelf.draw(own));
          expect(carried).toContain(shelf.drawOnline(own, null));
        }
      },
    ),
    { numRuns: 60 },
  );
});

test.each([
  ['a bit per SKU', 400, 40],
  ['a Bloom filter', 20_000, 200],
  ['no filter', 20_000, 8_000],
])(
  'draws from a shelf with %s are those of rejection by the store alone',
  (_, skus, assortment) => {
    const world = worldOf(
      scenarioOf(`retail={stores: 8, skus: ${skus}, assortment: ${assortment}}`),
    );
    const shelf = new Shelf(world, 3);
    const ceiling = world.multipliers.at(-1) as number;
    const [own, plain] = [random(7, 'sales'), random(7, 'sales')];
    for (let i = 0; i < 2_000; i++) {
      let rank: number;
      do rank = world.popularity.draw(plain);
      while (!(plain.next() * ceiling < shelf.multiplier(rank)) || !shelf.carries(rank));
      expect(shelf.draw(own)).toBe(rank);
    }
  },
);
