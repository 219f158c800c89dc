import fc from 'fast-check';
import { expect, test } from 'vitest';
import { zipfMandelbrot } from '../../core/distributions.ts';
import { hash32 } from '../../core/random.ts';
import { Assortment, assortmentLaw, carriedShare, Permutation } from './assortment.ts';

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

const STORES = 2_000;
const SKUS = 500;
const SIZE = 60;

/** Which of STORES stores carry each rank. */
function carriers(by: 'popularity' | 'core') {
  const law = assortmentLaw(zipfMandelbrot(SKUS, 0.74, 3), SIZE, by);
  const stores = Array.from(
    { length: STORES },
    (_, i) => new Set(new Assortment(law, hash32(5, 'store', i)).ranks()),
  );
  return { law, stores };
}

test('a product is in as many stores as its popularity says, and the best sellers are in all', () => {
  const { law, stores } = carriers('popularity');
  const shares = Array.from({ length: SKUS }, (_, rank) => carriedShare(law, rank));
  expect(law.core).toBe(SIZE / 4);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(SIZE, 6);
  shares.forEach((share, rank) => {
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThanOrEqual(shares[rank - 1] ?? 1);
    const found = stores.filter((carried) => carried.has(rank)).length / STORES;
    // Four standard errors, and one store.
    const tolerance = 4 * Math.sqrt((share * (1 - share)) / STORES) + 1 / STORES;
    expect(Math.abs(found - share), `rank ${rank}`).toBeLessThanOrEqual(tolerance);
  });
  // (rank + 3)^-1.11, averaged over strata.
  const slope = Math.log((shares[450] as number) / (shares[60] as number)) / Math.log(454 / 64);
  expect(Math.abs(slope + 1.11)).toBeLessThan(0.15);
});

test('assortments of two stores have no more in common than chance and popularity give them', () => {
  for (const by of ['popularity', 'core'] as const) {
    const { law, stores } = carriers(by);
    let expected = 0;
    for (let rank = 0; rank < SKUS; rank++) expected += carriedShare(law, rank) ** 2;
    const common = stores
      .slice(1)
      .map((own, i) => [...own].filter((rank) => stores[i]?.has(rank)).length);
    const mean = common.reduce((sum, n) => sum + n, 0) / common.length;
    expect(Math.abs(mean - expected), by).toBeLessThan(0.3);
    expect(new Set(common).size, by).toBeGreaterThan(5);
  }
});

test('the law holds for any chain: a fixed size, and no probability above 1', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3_000 }),
      fc.integer({ min: 1, max: 3_000 }),
      fc.constantFrom(0, 0.74, 3),
      fc.nat(),
      (skus, wanted, s, hash) => {
        const size = Math.min(skus, wanted);
        const law = assortmentLaw(zipfMandelbrot(skus, s, 3), size, 'popularity');
        const { core, strata } = law;
        expect(core).toBeGreaterThanOrEqual(1);
        expect(core + strata.reduce((sum, stratum) => sum + stratum.size, 0)).toBe(skus);
        for (const stratum of strata) expect(stratum.carried).toBeLessThanOrEqual(stratum.size);
        expect(new Set(new Assortment(law, hash).ranks()).size).toBe(size);
      },
    ),
    { numRuns: 200 },
  );
});
