import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  AliasTable,
  drawRounded,
  logNormalOf,
  multiplierTable,
  normalCdf,
  normalQuantile,
  poissonTail,
  roundedMean,
  survival,
} from './distributions.ts';
import { hash32, random } from './random.ts';

test('an alias table draws every index in proportion to its weight', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 }),
      fc.nat(),
      (weights, seed) => {
        const table = new AliasTable(weights);
        const own = random(seed, 'alias');
        const counts = weights.map(() => 0);
        const n = 4_000;
        for (let i = 0; i < n; i++) {
          const drawn = table.draw(own);
          counts[drawn] = (counts[drawn] as number) + 1;
        }
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        return weights.every((weight, i) => {
          const p = weight / total;
          // Six standard errors, and room for the long tail of a rare index: by Bernstein's bound less than
          // one failure in ten million.
          const off = Math.abs((counts[i] as number) - n * p);
          return off <= 6 * Math.sqrt(n * p * (1 - p)) + 12;
        });
      },
    ),
    { numRuns: 20 },
  );
});

test('the quantile undoes the distribution function', () => {
  for (const p of [1e-4, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-4]) {
    expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 6);
  }
});

test('the closed forms agree with what is drawn', () => {
  const own = random(3, 'closed-forms');
  const law = { mu: 1.706, sigma: 1.047 };
  const draws = Array.from({ length: 40_000 }, () => drawRounded(own, law, 60));
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  expect(roundedMean(law, 60)).toBeCloseTo(mean, 0);
  const delay = logNormalOf(20, 0.8);
  const late = Array.from({ length: 40_000 }, () => own.logNormal(delay.mu, delay.sigma)).filter(
    (value) => value > 45,
  ).length;
  expect(survival(delay, 45)).toBeCloseTo(late / 40_000, 2);
});

test('multipliers have mean 1 and the requested spread', () => {
  const table = multiplierTable(0.56);
  const logs = [...table].map(Math.log);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const sigma = Math.sqrt(logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logs.length);
  expect([...table].reduce((sum, value) => sum + value, 0) / table.length).toBeCloseTo(1, 9);
  expect(sigma).toBeCloseTo(0.56, 2);
});

test('a hash spreads neighbours over all of its bits', () => {
  const buckets = new Array<number>(64).fill(0);
  for (let i = 0; i < 64_000; i++) {
    const bucket = hash32(1, 'neighbours', i) % 64;
    buckets[bucket] = (buckets[bucket] as number) + 1;
  }
  expect(Math.min(...buckets)).toBeGreaterThan(850);
  expect(Math.max(...buckets)).toBeLessThan(1_150);
});

test('the tail of a Poisson law', () => {
  expect(poissonTail(2, 0)).toBe(1);
  expect(poissonTail(2, 1)).toBeCloseTo(1 - Math.exp(-2), 12);
  expect(poissonTail(2, 3)).toBeCloseTo(1 - 5 * Math.exp(-2), 12);
  expect(poissonTail(0, 1)).toBe(0);
  expect(poissonTail(3, 1_000)).toBe(0);
  // Where the sum has no digits left, the normal law goes on without a step.
  expect(poissonTail(501, 520)).toBeCloseTo(poissonTail(499, 518), 2);
});
