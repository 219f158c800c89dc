import { expect, test } from 'vitest';
import { parseGateMetrics } from './gate-metrics.ts';

test('metrics have the effect of the file, or one of their own', () => {
  const text = 'effect: 20%\nmetrics:\n  cost: {}\n  staleness-p99: { effect: 5% }\n';
  expect(parseGateMetrics(text, 'gate.yaml')).toEqual([
    { id: 'cost', effect: 0.2, noise: null },
    { id: 'staleness-p99', effect: 0.05, noise: null },
  ]);
  expect(parseGateMetrics('metrics: { cost: {} }', 'gate.yaml')).toMatchObject([{ effect: 0.1 }]);
});

test.each([
  ['metrics: {}', 'gate.yaml:1:1: metrics: at least one is needed'],
  [
    'metrics:\n  cost: { efect: 5% }',
    'gate.yaml:2:11: unknown key "efect": did you mean "effect"?',
  ],
  ['metrics:\n  cost: { effect: 5 }', 'gate.yaml:2:19: metrics.cost.effect: '],
  ['effect: 0%\nmetrics: { cost: {} }', 'gate.yaml:1:1: effect: must be above 0 %'],
  ['metrics: [', 'gate.yaml:1:'],
])('%j is refused with line and column', (text, message) => {
  expect(() => parseGateMetrics(text, 'gate.yaml')).toThrow(message);
});
