import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test, vi } from 'vitest';
import type { Measured } from '../../src/harness/measure/measure.ts';
import { makeRunFixture, recompute, stable } from '../support/run-fixture.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * Every metric of a real run of scenarios/quick.yaml, computed again from its facts: any change of the arithmetic shows
 * in recomputed.json. How to record another run, and how to accept a change that was meant: CONTRIBUTING.md.
 */
const FIXTURE = fileURLToPath(new URL('../fixtures/quick', import.meta.url));
const from = process.env.DOORBUSTER_RUN_FIXTURE;

let measured: Measured;
beforeAll(async () => {
  if (from !== undefined) await makeRunFixture(from, FIXTURE);
  measured = await recompute(FIXTURE);
});

test('every metric of a recorded run follows from its facts', async () => {
  expect(measured.metrics.length).toBeGreaterThan(100);
  await expect(stable(measured)).toMatchFileSnapshot('./recomputed.json');
});

test('a difference of a millisecond shows', async () => {
  const later = await recompute(FIXTURE, 'UPDATE commits SET seen_ms = seen_ms + 1');
  expect(stable(later)).not.toBe(stable(measured));
});
