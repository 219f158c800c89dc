import { expect, test } from 'vitest';
import type { GatePlan } from '../../src/record/gate-plan.ts';
import type { CompletedRecord } from '../../src/record/record.ts';
import { gateOf } from '../../src/reports/gate.ts';
import { gateJunit } from '../../src/reports/gate-junit.ts';
import { DEFAULT_METRICS } from '../../src/reports/gate-metrics.ts';
import { gateMarkdown, renderGate } from '../../src/reports/gate-text.ts';
import { completedRecord } from '../support/completed.ts';
import { scaledRecord } from '../support/scaled-record.ts';

const fixture = completedRecord(new URL('../fixtures/black-friday', import.meta.url).pathname);

/** Trials with the times of a real run multiplied; one of them is INVALID. */
const side = (label: string, factors: readonly number[]) => ({
  label,
  trials: factors.map((factor, i) => ({
    ...{ number: i + 1, seed: 7 + i },
    record: {
      ...scaledRecord(fixture, factor),
      id: `20261127T12000${i}Z-black-friday-000${i}`,
      verdict: i === 3 ? 'INVALID' : 'PASS',
      invalid: i === 3 ? [{ rule: 'event loop', fact: 'p99 61.7 ms in load', limit: '50 ms' }] : [],
    } as CompletedRecord,
  })),
});

const plan: GatePlan = {
  id: '20261127T120000Z-gate-cafe',
  reproduce: 'doorbuster gate --base main:pipelines/mine --head pipelines/mine',
  wanted: DEFAULT_METRICS,
  noiseLane: null,
};
const sides = {
  base: side('base main:pipelines/mine', [1, 1.05, 0.98, 1, 1.1, 1.02, 1]),
  head: side('head pipelines/mine', [1.3, 1.4, 1.2, 9, 1.35, 1.3, 1.28]),
};
const gate = gateOf(plan, sides);

test('a gate in a terminal', async () => {
  const text = renderGate(gate, { color: false, columns: 100 });
  await expect(text).toMatchFileSnapshot('./gate.txt');
});

test('a gate as Markdown', async () => {
  await expect(gateMarkdown(gate)).toMatchFileSnapshot('./gate.md');
});

test('a gate as JSON', async () => {
  await expect(`${JSON.stringify(gate, null, 1)}\n`).toMatchFileSnapshot('./gate.json');
});

test('a gate as JUnit', async () => {
  const times = { startedAt: fixture.startedAt, tookMs: 600_000 };
  await expect(gateJunit(gate, times)).toMatchFileSnapshot('./gate.xml');
});
