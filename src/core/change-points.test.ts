import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changePoints } from './change-points.ts';
import { random } from './random.ts';

const draw = random(5, 'series');
/** Normal values around 100 with a deviation of 5, times `level`. */
const around = (level: number, n: number) =>
  Array.from({ length: n }, () => level * (100 + 5 * draw.normal()));

test('a step is found where it is, and so is the step back', () => {
  const series = [...around(1, 20), ...around(1.3, 15), ...around(1, 20)];
  const found = changePoints(series);
  expect(found.map(({ at }) => at)).toEqual([20, 35]);
  for (const { p } of found) expect(p).toBeLessThanOrEqual(0.01);
});

test('one outlier is no change, and neither is a constant', () => {
  const series = around(1, 40);
  series[17] = 500;
  expect(changePoints(series)).toEqual([]);
  expect(changePoints(Array<number>(30).fill(7))).toEqual([]);
  expect(changePoints([])).toEqual([]);
  expect(changePoints([1, 2, 3, 4, 5])).toEqual([]);
});

test('another spread around the same level is a change too', () => {
  const calm = Array.from({ length: 40 }, (_, i) => 100 + (i % 2));
  const wild = Array.from({ length: 40 }, (_, i) => 100 + (i % 2 ? 60 : -60));
  expect(changePoints([...calm, ...wild]).map(({ at }) => at)).toEqual([40]);
});

test('from when on nothing answers any more is a change', () => {
  const never = Array<number>(12).fill(Number.POSITIVE_INFINITY);
  expect(changePoints([...around(1, 12), ...never]).map(({ at }) => at)).toEqual([12]);
  expect(changePoints(never)).toEqual([]);
});

test('series without a change have few: about one look in a hundred errs', () => {
  const series = 300;
  let wrong = 0;
  for (let i = 0; i < series; i++) if (changePoints(around(1, 24)).length > 0) wrong += 1;
  // Three standard deviations above 1 %.
  expect(wrong / series).toBeLessThanOrEqual(0.01 + 3 * Math.sqrt((0.01 * 0.99) / series));
});

test('changes do not depend on the unit, are in order, and leave three values between them', () => {
  const value = fc.double({ min: 0.1, max: 1_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { maxLength: 40 }), (values) => {
      const found = changePoints(values);
      const ends = [0, ...found.map(({ at }) => at), values.length];
      for (let i = 1; i < ends.length; i++) {
        if (found.length > 0) {
          expect((ends[i] as number) - (ends[i - 1] as number)).toBeGreaterThanOrEqual(3);
        }
      }
      expect(changePoints(values.map((one) => one * 4)).map(({ at }) => at)).toEqual(
        found.map(({ at }) => at),
      );
    }),
    { numRuns: 60 },
  );
});
