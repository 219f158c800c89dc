import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseScenario } from './parse.ts';

const TEXT = `name: faults
retail: { stores: 10 }
traffic: { pos: {}, cart: { sessions: 2/s }, inventory: {} }
phases:
  - { name: only, for: 30s }
`;

function refusal(set: readonly string[]): string | null {
  try {
    parseScenario(TEXT, { file: 'x.yaml', set });
    return null;
  } catch (error) {
    if (error instanceof DoorbusterError) return error.message;
    throw error;
  }
}

const faults = (yaml: string) => `traffic.faults={${yaml}}`;

test.each([
  ['transport: {delay: 0s, slow: 0%}', 'traffic.faults.transport: nothing is delayed'],
  ['transport: {slow: 0%, slow_delay: 3s}', 'slow_delay: changes nothing with slow: 0%'],
  ['transport: {slow: 0%, slow_sigma: 1}', 'slow_sigma: changes nothing with slow: 0%'],
  ['transport: {slow: 100%, delay: 3s}', 'delay: changes nothing with slow: 100%'],
  ['transport: {slow: 100%, sigma: 1}', 'sigma: changes nothing with slow: 100%'],
  ['transport: {delay: 0s, sigma: 1}', 'sigma: changes nothing of 0s'],
  ['transport: {slow_delay: 0s, slow_sigma: 1}', 'slow_sigma: changes nothing of 0s'],
  ['offline: {at: 30s}', 'offline.at: begins after the timed phases (30s) have ended'],
  ['offline: {replay: 0/s}', 'offline.replay: is a rate per store'],
  ['offline: {for: 0s}', 'must be from 100ms to 1h'],
  ['offline: {}', 'the web shop has no store', 'traffic={cart: {sessions: 2/s}}'],
  ['clocks: {sigma: 0s, hour_off: 0%, wrong_date: 0%, shoppers: 0%}', 'every clock is right'],
  ['clocks: {sigma: 1s}', 'without pos no event', 'traffic={cart: {sessions: 2/s}}'],
  ['clocks: {shoppers: 1%}', 'without cart no event uses', 'traffic={pos: {}}'],
  ['schema_drift: {added: 0%, widened: 0%}', 'no store sends anything else'],
  ['schema_drift: {at: 31s}', 'schema_drift.at: begins after the timed phases (30s) have ended'],
  ['redelivery: {every: 31s}', 'longer than all timed phases'],
  ['redelivery: {last: 0}', 'must be 1 at least'],
] as const)('%s is refused: %s', (yaml, fact, ...traffic) => {
  expect(refusal([...traffic, faults(yaml)])).toContain(fact);
});

test.each([
  ['transport: {}'],
  ['transport: {delay: 10s, sigma: 0, slow: 0%}'],
  ['transport: {slow: 100%}'],
  ['offline: {at: 0s}'],
  ['clocks: {}'],
  ['clocks: {hour_off: 100%, wrong_date: 0%}'],
  ['schema_drift: {over: 0s}'],
  ['schema_drift: {at: 29s, over: 1h}'],
  ['redelivery: {every: 30s}'],
])('%s is taken', (yaml) => {
  expect(refusal([faults(yaml)])).toBeNull();
});

test.each([
  ['starts_at=2026-11-01T01:59', true],
  ['starts_at=2026-11-01T02:00', false],
  ['starts_at=2027-03-14T01:59:45', true],
  ['starts_at=2026-11-25T09:00', false],
])('clocks: us needs a change during the timed phases: %s', (start, taken) => {
  const set = [start, 'retail.clocks=us', 'phases.0.for=90s'];
  if (taken) expect(refusal(set)).toBeNull();
  else expect(refusal(set)).toContain('no clock changes during the timed phases');
});

test('a start that spring skips is refused', () => {
  const set = ['starts_at=2027-03-14T02:30', 'retail.clocks=us'];
  expect(refusal(set)).toContain('starts_at: this time does not exist');
});
