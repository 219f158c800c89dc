import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scenarioOf } from '../../../test/support/retail.ts';
import { random } from '../../core/random.ts';
import { Permutation, Shelf } from './shelf.ts';
import { worldOf } from './world.ts';

test('a permutation without a table hits every number once, and can be undone', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (size, hash) => {
      const shuffled = new Permutation(size, hash);
      const images = Array.from({ length: size }, (_, i) => shuffled.apply(i));
      expect([...images].sort((a, b) => a - b)).toEqual(images.map((_, i) => i));
      images.forEach((image, i) => {
        expect(shuffled.invert(image)).toBe(i);
      });
    }),
    { numRuns: 60 },
  );
});

test('a store sells what it carries and nothing else', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 8 }),
      (skus, wanted, store) => {
        const world = worldOf(
          scenarioOf(`retail={stores: 8, skus: ${skus}, assortment: ${Math.min(skus, wanted)}}`),
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
    { numRuns: 30 },
  );
});

test('draws from a shelf are those of rejection by the store alone', () => {
  const world = worldOf(scenarioOf('retail={stores: 8, skus: 400, assortment: 40}'));
  const shelf = new Shelf(world, 3);
  const ceiling = world.multipliers.at(-1) as number;
  const [own, plain] = [random(7, 'sales'), random(7, 'sales')];
  for (let i = 0; i < 2_000; i++) {
    let rank: number;
    do rank = world.popularity.draw(plain);
    while (!(plain.next() * ceiling < shelf.multiplier(rank)) || !shelf.carries(rank));
    expect(shelf.draw(own)).toBe(rank);
  }
});
