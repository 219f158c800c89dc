import fc from 'fast-check';
import { expect, test } from 'vitest';
import { valueAt } from '../../generators/stock/stock-course.ts';
import { type Lateness, meanLatenessMs, shownLate } from './late-view.ts';

const NEVER = Number.POSITIVE_INFINITY;
const course = { atMs: [Number.NEGATIVE_INFINITY, 1_000, 2_500, 2_600], value: [9, 7, 6, 2] };

test('a constant lateness moves every change, and what was true before is shown from the beginning', () => {
  expect(shownLate(course, { kind: 'constant', ms: 300 }, '1/7')).toEqual({
    atMs: [Number.NEGATIVE_INFINITY, 1_300, 2_800, 2_900],
    value: [9, 7, 6, 2],
  });
});

test('batches show the last of their changes, at the multiple of the interval after it', () => {
  const batches: Lateness = { kind: 'batches', everyMs: 1_000 };
  expect(shownLate(course, batches, '1/7')).toEqual({
    atMs: [Number.NEGATIVE_INFINITY, 1_000, 3_000],
    value: [9, 7, 2],
  });
  expect(meanLatenessMs(batches)).toBe(500);
});

test('a change that takes forever is not shown, and the ones after it are', () => {
  const never: Lateness = { kind: 'measured', sortedMs: [NEVER] };
  expect(shownLate(course, never, '1/7')).toEqual({ atMs: [Number.NEGATIVE_INFINITY], value: [9] });
  expect(meanLatenessMs(never)).toBe(NEVER);
});

test('a view is never ahead, shows nothing older than its lateness allows, and never goes back', () => {
  const steps = fc
    .uniqueArray(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 40 })
    .map((times) => times.sort((a, b) => a - b))
    .map((times) => ({
      atMs: [Number.NEGATIVE_INFINITY, ...times],
      // The value is the number of the version.
      value: [0, ...times.map((_, i) => i + 1)],
    }));
  const delays = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(steps, delays, fc.integer({ min: 0, max: 130_000 }), (truth, measured, atMs) => {
      const sortedMs = measured.sort((a, b) => a - b);
      const shown = shownLate(truth, { kind: 'measured', sortedMs }, '1/7');
      const version = (steps: typeof shown, ms: number) => valueAt(steps, ms) ?? -1;
      expect(version(shown, atMs)).toBeLessThanOrEqual(version(truth, atMs));
      const oldest = version(truth, atMs - (sortedMs.at(-1) as number));
      expect(version(shown, atMs)).toBeGreaterThanOrEqual(oldest);
      expect(shown.value).toEqual([...shown.value].sort((a, b) => a - b));
      expect(shown.atMs).toEqual([...new Set(shown.atMs)].sort((a, b) => a - b));
    }),
  );
});

test('drawn times have the distribution of the measured ones', () => {
  const atMs = Array.from({ length: 20_000 }, (_, i) => i * 1_000_000);
  const shown = shownLate(
    { atMs, value: atMs },
    { kind: 'measured', sortedMs: [1_000, 1_000, 1_000, 90_000] },
    '1/7',
  );
  const late = shown.atMs.filter((ms, i) => ms - (atMs[i] as number) === 90_000).length;
  expect(late / atMs.length).toBeGreaterThan(0.24);
  expect(late / atMs.length).toBeLessThan(0.26);
});
