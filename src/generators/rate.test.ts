import { expect, test, vi } from 'vitest';
import { EVERYTHING, scenarioOf, tapeUntil } from '../../test/support/retail.ts';
import { timeline } from '../scenario/timeline.ts';
import { expectedCounts, rateAt } from './rate.ts';

vi.setConfig({ testTimeout: 60_000 });

const scenario = scenarioOf(
  ...EVERYTHING,
  'traffic.pos={receipts: 3000/store/h}',
  'phases=[{name: warmup, for: 20s, measured: false}, {name: spike, for: 40s, load: 4x, shape: doorbuster}, {name: after, for: 20s}]',
);
const events = tapeUntil(scenario, 110_000);
const expected = expectedCounts(scenario);

test('what happens in each phase and stream is what was expected, within its luck', () => {
  for (const { phase, startMs, endMs } of timeline(scenario)) {
    for (const row of expected.filter((row) => row.phase === phase.name)) {
      const during = events.filter(
        ({ stream, occurredMs, truth }) =>
          stream === row.stream &&
          truth.role === 'original' &&
          occurredMs >= startMs &&
          occurredMs < endMs,
      );
      // Events come in bundles (a basket, a session), so that luck is larger than Poisson's.
      const luck = 5 * Math.sqrt(row.events * (row.stream === 'inventory' ? 25 : 8)) + 5;
      expect(Math.abs(during.length - row.events), `${row.phase}/${row.stream}`).toBeLessThan(luck);
      if (row.receipts !== null) {
        expect(row.receipts).toBe(row.events);
        const lines = during.reduce((sum, { body }) => sum + (body.lines as unknown[]).length, 0);
        expect(Math.abs(lines / (row.lines as number) - 1)).toBeLessThan(0.25);
      }
    }
  }
});

test('the rate sums to the expected messages', () => {
  const total = expected.reduce((sum, { messages }) => sum + messages, 0);
  let sum = 0;
  for (let ms = 50; ms < 80_000; ms += 100) sum += rateAt(scenario, ms) / 10;
  expect(Math.abs(sum / total - 1)).toBeLessThan(0.01);
});

test('streams that are off are not expected, and a rate of nothing is 0', () => {
  const only = expectedCounts(scenarioOf());
  expect(only.map(({ stream }) => stream)).toEqual(['pos']);
  expect(only[0]?.receipts).toBeCloseTo(80, 6);
  expect(rateAt(scenarioOf(), 1e9)).toBeCloseTo(80 / 60, 6);
});
