import { expect, test } from 'vitest';
import { decide, LOOKS } from './gate-decision.ts';

const [first] = LOOKS;
const alpha = first?.alpha ?? 0;
const log = (shares: readonly number[]) => shares.map(Math.log1p);
const metric = (shares: readonly number[], noise: number | null = null) => ({
  ...{ logRatios: log(shares), effect: 0.1, noise },
});

test('the looks share an error of 5 %', () => {
  expect(LOOKS.map(({ pairs }) => pairs)).toEqual([6, 9, 12]);
  expect(LOOKS.reduce((sum, look) => sum + look.alpha, 0)).toBeLessThanOrEqual(0.05);
});

test('six pairs that are all worse by more than half of the effect are worse', () => {
  const worse = metric([0.2, 0.25, 0.22, 0.3, 0.18, 0.21]);
  const [found] = decide([worse, metric([0.01, -0.02, 0, 0.01, -0.01, 0])], alpha);
  expect(found).toMatchObject({ found: 'worse', p: 1 / 64, pairsNeeded: null });
  expect(found?.estimate).toBeCloseTo(0.22, 6);
});

test('a change below half of the effect, or within the noise of the machine, is not worse', () => {
  const small = [0.03, 0.02, 0.04, 0.03, 0.02, 0.03];
  expect(decide([metric(small)], alpha)).toMatchObject([{ found: 'same', p: 1 / 64 }]);
  const loud = metric([0.2, 0.25, 0.22, 0.3, 0.18, 0.21], 0.4);
  expect(decide([loud], alpha)).toMatchObject([{ found: 'undecided' }]);
});

test('an improvement is the same, whatever its size', () => {
  expect(decide([metric([-0.5, -0.4, -0.6, -0.5, -0.5, -0.4])], alpha)).toMatchObject([
    { found: 'same', p: 1 },
  ]);
});

test('values that scatter are undecided, with about the pairs that would decide', () => {
  const [found] = decide([metric([0.3, -0.2, 0.25, -0.15, 0.2, -0.1])], alpha);
  expect(found?.found).toBe('undecided');
  expect(found?.pairsNeeded).toBeGreaterThan(12);
  const never = { ...metric([]), logRatios: [Infinity, -Infinity, Infinity, 0, 0, 0] };
  expect(decide([never], alpha)).toMatchObject([{ found: 'undecided', pairsNeeded: null }]);
});

test('five pairs of two metrics decide nothing: no p-value is small enough', () => {
  const worse = metric([0.2, 0.25, 0.22, 0.3, 0.18]);
  expect(decide([worse, worse], alpha)).toMatchObject([{ found: 'undecided' }, { p: 1 / 32 }]);
});
