import { expect, test } from 'vitest';
import { EVERYTHING, quantile, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import type { TapeEvent } from '../event.ts';
import { LATE_MS } from './transport.ts';

/** Most of it in the first 40 s, so that one can wait until the last of that has arrived. */
const STREAMS_ON = [
  ...EVERYTHING.slice(0, 4),
  'traffic.pos={receipts: 150/store/h}',
  'traffic.cart={sessions: 0.5/s}',
  'phases=[{name: only, for: 40s, load: 20x}]',
];

/** What happened in the first 40 s, however late it came. */
function delayed(...transport: readonly string[]): TapeEvent[] {
  const scenario = scenarioOf(...STREAMS_ON, `traffic.faults.transport={${transport.join(', ')}}`);
  return tapeUntil(scenario, 900_000).filter(({ occurredMs }) => occurredMs < 40_000);
}

const delayMs = ({ dueMs, occurredMs }: TapeEvent) => dueMs - occurredMs;

test('97 % take 0.8 s in the median and the rest 20 s (estimates), and no event changes but in that', () => {
  const events = delayed();
  expect(events.length).toBeGreaterThan(3_000);
  const delays = events.map(delayMs);
  // Of the mixture: a median of 0.84 s, and 1.12 % above 30 s.
  expect(quantile(delays, 0.5)).toBeGreaterThan(780);
  expect(quantile(delays, 0.5)).toBeLessThan(900);
  const beyond = delays.filter((ms) => ms > 30_000).length / delays.length;
  expect(Math.abs(beyond - 0.0112)).toBeLessThan(0.003);
  const clean = tapeUntil(scenarioOf(...STREAMS_ON), 40_000);
  const told = (event: TapeEvent) =>
    JSON.stringify([event.stream, event.store, event.id, event.occurredMs, event.body]);
  expect(events.map(told).sort()).toEqual(clean.map(told).sort());
});

test('a spread of 0 is a fixed delay', () => {
  for (const event of delayed('delay: 750ms', 'sigma: 0', 'slow: 0%')) {
    expect(delayMs(event)).toBe(750);
  }
});

test('the slow way has its share and its own median', () => {
  const events = delayed(
    'delay: 1s',
    'sigma: 0',
    'slow: 25%',
    'slow_delay: 30s',
    'slow_sigma: 0.5',
  );
  const slow = events.map(delayMs).filter((ms) => ms !== 1_000);
  expect(Math.abs(slow.length / events.length - 0.25)).toBeLessThan(0.02);
  expect(Math.abs(quantile(slow, 0.5) / 30_000 - 1)).toBeLessThan(0.05);
  expect(Math.abs(Math.log(quantile(slow, 0.841) / quantile(slow, 0.5)) - 0.5)).toBeLessThan(0.06);
});

test('late is what was more than ten seconds on its way, and nothing else', () => {
  const events = delayed('slow: 20%');
  for (const event of events) {
    expect(event.truth.labels.includes('late')).toBe(delayMs(event) > LATE_MS);
  }
  expect(events.filter(({ truth }) => truth.labels.includes('late')).length).toBeGreaterThan(300);
});
