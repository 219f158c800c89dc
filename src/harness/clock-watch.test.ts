import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../core/clock.ts';
import type { DoorbusterError } from '../core/errors.ts';
import { watchClock } from './clock-watch.ts';

/** The machine's clock, whose wall time a test sets. */
function settable(): Clock & { set(byMs: number): void } {
  let offMs = 0;
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + offMs,
    set(byMs) {
      offMs += byMs;
    },
  };
}

test.each([
  [3_600_000, '3600.0 s forward'],
  [-3_600_000, '3600.0 s back'],
])('a jump of %d ms is reported once, and stays in apartMs', async (byMs, words) => {
  const clock = settable();
  const told: DoorbusterError[] = [];
  const watch = watchClock(clock, (error) => told.push(error));
  expect(watch.apartMs()).toBeLessThan(1_000);
  clock.set(byMs);
  for (let waits = 0; waits < 100 && told.length === 0; waits++) await systemClock.sleep(50);
  clock.set(-byMs);
  expect(watch.apartMs()).toBeGreaterThan(3_599_000);
  watch.stop();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    exitCode: 3,
    message: expect.stringContaining(`the machine's clock jumped ${words}`),
  });
});

test('a small one is left for the verdict', () => {
  const clock = settable();
  const told: DoorbusterError[] = [];
  const watch = watchClock(clock, (error) => told.push(error));
  clock.set(200);
  const apartMs = watch.apartMs();
  watch.stop();
  expect(told).toEqual([]);
  expect(apartMs).toBeGreaterThan(150);
  expect(apartMs).toBeLessThan(1_000);
});
