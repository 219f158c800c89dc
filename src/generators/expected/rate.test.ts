import { expect, test } from 'vitest';
import { EVERYTHING, ofStream, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import { timeline } from '../../scenario/timeline.ts';
import { messagesPerEvent } from '../faults/copies.ts';
import { expectedCounts, rateAt } from './rate.ts';

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
      const during = ofStream(events, row.stream).filter(
        ({ occurredMs, truth }) =>
          truth.role === 'original' && occurredMs >= startMs && occurredMs < endMs,
      );
      // Events come in bundles (a basket, a session), so that luck is larger than Poisson's.
      const luck = 5 * Math.sqrt(row.events * (row.stream === 'inventory' ? 25 : 8)) + 5;
      expect(Math.abs(during.length - row.events), `${row.phase}/${row.stream}`).toBeLessThan(luck);
      if (row.receipts !== null) {
        expect(row.receipts).toBe(row.events);
        const lines = ofStream(during, 'pos').reduce((sum, { body }) => sum + body.lines.length, 0);
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

const MESSY = [
  ...EVERYTHING,
  'traffic.pos={receipts: 1500/store/h, training: 20%, returns: 10%}',
  'traffic.wms={delist: 20%}',
  'retail={stores: 20, skus: 400, assortment: 160, hours: flat}',
  'traffic.faults.redelivery={every: 6s, last: 20}',
  'traffic.faults.offline={stores: 30%, at: 20s, for: 15s, replay: 100/s}',
  'traffic.faults.transport={delay: 2s, sigma: 0.5, slow: 10%, slow_delay: 10s, slow_sigma: 0.5}',
  'phases=[{name: calm, for: 20s}, {name: spike, for: 40s, load: 2x}]',
];

test('delisting, training and re-deliveries are expected as they come', () => {
  const messy = scenarioOf(...MESSY);
  const all = tapeUntil(messy, 150_000);
  for (const { phase, startMs, endMs } of timeline(messy)) {
    for (const row of expectedCounts(messy).filter((row) => row.phase === phase.name)) {
      const of = all.filter(({ stream }) => stream === row.stream);
      const happened = of.filter(
        ({ truth, occurredMs }) =>
          truth.role === 'original' && occurredMs >= startMs && occurredMs < endMs,
      );
      const name = `${row.phase}/${row.stream}`;
      const luck = 5 * Math.sqrt(row.events * (row.stream === 'inventory' ? 25 : 8)) + 5;
      expect(Math.abs(happened.length - row.events), name).toBeLessThan(luck);
      if (row.stream !== 'inventory') continue;
      const again = of.filter(
        ({ truth, dueMs }) =>
          truth.fault?.kind === 'redelivery' && dueMs >= startMs && dueMs < endMs,
      ).length;
      const expected = row.messages - row.events * messagesPerEvent(messy.traffic.faults);
      expect(expected).toBeGreaterThan(200);
      // Baskets come in lumps: while the last images are few, a mean store has more than stores on average.
      expect(Math.abs(again / expected - 1), name).toBeLessThan(startMs === 0 ? 0.3 : 0.1);
    }
  }
});

test('the rate follows transport, an outage and its replay', () => {
  const messy = scenarioOf(...MESSY);
  const all = tapeUntil(messy, 60_000);
  for (let fromMs = 0; fromMs < 60_000; fromMs += 5_000) {
    const found = all.filter(({ dueMs }) => dueMs >= fromMs && dueMs < fromMs + 5_000).length;
    let expected = 0;
    for (let ms = fromMs + 125; ms < fromMs + 5_000; ms += 250) expected += rateAt(messy, ms) / 4;
    // Copies come a little after their originals, which the rate leaves out.
    const luck = 0.08 * expected + 5 * Math.sqrt(expected * 12) + 5;
    expect(Math.abs(found - expected), `from ${fromMs}`).toBeLessThan(luck);
  }
});

test('streams that are off are not expected, and a rate of nothing is 0', () => {
  const only = expectedCounts(scenarioOf());
  expect(only.map(({ stream }) => stream)).toEqual(['pos']);
  expect(only[0]?.receipts).toBeCloseTo(80, 6);
  expect(rateAt(scenarioOf(), 1e9)).toBeCloseTo(80 / 60, 6);
});
