import { expect, test } from 'vitest';
import type { Gate } from './gate.ts';
import { gateAnnotations } from './gate-annotations.ts';

const gate = (how: Partial<Gate>) =>
  ({
    ...{ verdict: 'FAIL', truth: [], metrics: [], pairs: 6 },
    ...{ head: { label: 'head' }, base: { label: 'base' } },
    ...how,
  }) as unknown as Gate;
const metric = (found: string) => ({ title: 'cost', found, estimate: 0.3, effect: 0.1 });

test('a failed gate has an error per finding, on one line each', () => {
  const metrics = [metric('worse'), metric('same')] as unknown as Gate['metrics'];
  expect(gateAnnotations(gate({ metrics, truth: ['1 row lost\nin x'] }))).toEqual([
    '::error title=doorbuster gate::1 row lost%0Ain x',
    '::error title=doorbuster gate::cost is +30 %25 worse (effect 10 %25)',
  ]);
});

test('a gate that passed has none, and one that is undecided a warning', () => {
  expect(gateAnnotations(gate({ verdict: 'PASS' }))).toEqual([]);
  const metrics = [{ ...metric('undecided'), pairsNeeded: 20 }] as unknown as Gate['metrics'];
  expect(gateAnnotations(gate({ verdict: 'UNDECIDED', metrics }))).toEqual([
    '::warning title=doorbuster gate::undecided after 6 pairs: cost, needs about 20 pairs',
  ]);
});
