import fc from 'fast-check';
import { expect, test } from 'vitest';
import { random } from './random.ts';
import { judgeGroups, splitsOf } from './unpaired.ts';

const one = (base: readonly number[], head: readonly number[]) => judgeGroups([{ base, head }])[0];

test('the p-value of one metric is the share of splits that look as bad, counted by hand', () => {
  // The head has the two highest of five values: one of ten splits.
  expect(one([1, 2, 3], [4, 5])).toBeCloseTo(1 / 10, 12);
  expect(one([1, 2, 3], [3, 5])).toBeCloseTo(2 / 10, 12);
  expect(one([4, 5, 6], [1, 2])).toBe(1);
  expect(one([7, 7, 7], [7, 7, 7])).toBe(1);
  expect(one([1, 1, 1], [2, 2, 2])).toBeCloseTo(1 / 20, 12);
});

test('what never answered is worse than every number', () => {
  expect(one([1, 2, 3], [Infinity, Infinity, Infinity])).toBeCloseTo(1 / 20, 12);
  expect(one([Infinity, Infinity, Infinity], [1, 2, 3])).toBe(1);
  expect(one([Infinity, Infinity], [Infinity, Infinity])).toBe(1);
});

test('a second metric can only raise a p-value, and a copy of a metric leaves it as it is', () => {
  const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), {
    minLength: 4,
    maxLength: 4,
  });
  fc.assert(
    fc.property(values, values, values, values, (base, head, other, others) => {
      const alone = one(base, head) as number;
      const [both] = judgeGroups([
        { base, head },
        { base: other, head: others },
      ]);
      expect(both).toBeGreaterThanOrEqual(alone - 1e-12);
      const copies = judgeGroups([
        { base, head },
        { base, head },
      ]);
      expect(copies[0]).toBeCloseTo(alone, 12);
      expect(copies[1]).toBeCloseTo(alone, 12);
    }),
    { numRuns: 100 },
  );
});

test('without a change at most one gate in twenty finds one, in any of three metrics', () => {
  const draw = random(1, 'no change');
  const gates = 400;
  const group = () => Array.from({ length: 5 }, () => draw.normal());
  let found = 0;
  for (let i = 0; i < gates; i++) {
    const p = judgeGroups([0, 1, 2].map(() => ({ base: group(), head: group() })));
    if (Math.min(...p) <= 0.05) found += 1;
  }
  // Three standard deviations above 5 %.
  expect(found / gates).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / gates));
  expect(found).toBeGreaterThan(0);
});

test('with many trials splits are drawn, and the observed one is among them', () => {
  expect(splitsOf(20, 10)).toBe(184_756);
  const low = Array.from({ length: 10 }, (_, i) => i);
  const p = one(
    low,
    low.map((value) => value + 100),
  );
  expect(p).toBeGreaterThanOrEqual(1 / 20_000);
  expect(p).toBeLessThan(0.001);
});

test('groups of different sizes for two metrics, and empty ones, are refused', () => {
  expect(() => judgeGroups([{ base: [], head: [1] }])).toThrow(RangeError);
  expect(() =>
    judgeGroups([
      { base: [1], head: [1] },
      { base: [1, 2], head: [1] },
    ]),
  ).toThrow(RangeError);
});
