import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { scaledRecord } from '../../test/support/scaled-record.ts';
import { random } from '../core/random.ts';
import type { GatePlan } from '../record/gate-plan.ts';
import type { CompletedRecord } from '../record/record.ts';
import { DEFAULT_METRICS } from './gate-metrics.ts';
import { noiseOf, renderNoise } from './noise.ts';

const fixture = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);
const plan: GatePlan = { id: 'a', reproduce: '', wanted: DEFAULT_METRICS, noiseLane: null };

const side = (label: string, factors: readonly number[], verdict: 'PASS' | 'INVALID' = 'PASS') => ({
  label,
  trials: factors.map((factor, i) => ({
    ...{ number: i + 1, seed: 7 + i },
    record: { ...scaledRecord(fixture, factor), verdict } as CompletedRecord,
  })),
});

test('the noise of normal pairs is that of the estimate of six of them', () => {
  const draw = random(3, 'noise');
  const factors = (n: number) => Array.from({ length: n }, () => Math.exp(0.07 * draw.normal()));
  const noise = noiseOf(plan, { base: side('base', factors(16)), head: side('head', factors(16)) });
  expect(noise).toMatchObject({ pairs: 16, lane: fixture.environment.lane });
  const [staleness, , files] = noise?.metrics ?? [];
  // A pair has √2 × 7 %; the estimate of six a standard error of 4 %, and 95 % are within two of these.
  expect(staleness?.floor).toBeGreaterThan(0.05);
  expect(staleness?.floor).toBeLessThan(0.12);
  const found = staleness?.detectable.map(({ effect }) => effect as number) ?? [];
  expect(found).toEqual(found.toSorted((a, b) => b - a));
  expect(found[0]).toBeGreaterThan(staleness?.floor as number);
  // The fixture's files are the same in every trial.
  expect(files).toMatchObject({ id: 'files-written', floor: 0 });
  expect(renderNoise(noise as NonNullable<typeof noise>, { color: false, columns: 100 })).toContain(
    'found with 6 pairs',
  );
});

test('a metric without data, or without a bound, has no floor; without a pair there is nothing', () => {
  const wanted = [...DEFAULT_METRICS, { id: 'query-unheard', effect: 0.1, noise: null }];
  const sides = { base: side('base', [1, 1, 1]), head: side('head', [1, 1, 1]) };
  expect(noiseOf({ ...plan, wanted }, sides)?.metrics.at(-1)).toMatchObject({ floor: null });
  const none = { base: side('base', [1], 'INVALID'), head: side('head', [1]) };
  expect(noiseOf(plan, none)).toBeNull();
});
