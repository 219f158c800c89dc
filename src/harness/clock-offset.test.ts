import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { clockOffset, middleOf, offsetClock, widthOf } from './clock-offset.ts';

test('an injected offset is found, within the reported width', () => {
  const message = fc.record({
    atMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    thereMs: fc.double({ min: 0, max: 500, noNaN: true }),
    backMs: fc.double({ min: 0, max: 500, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.array(message, { minLength: 1, maxLength: 20 }),
      (offsetMs, messages) => {
        const said = messages.map(({ atMs, thereMs, backMs }) => ({
          sentMs: atMs,
          kafkaMs: Math.floor(atMs + thereMs + offsetMs),
          ackedMs: atMs + thereMs + backMs,
        }));
        const found = clockOffset(said);
        // A millisecond for the stamp's grain; what doubles lose is less.
        expect(offsetMs).toBeGreaterThanOrEqual(found.fromMs - 1e-6);
        expect(offsetMs).toBeLessThanOrEqual(found.toMs + 1e-6);
        const narrowest = Math.min(...messages.map(({ thereMs, backMs }) => thereMs + backMs));
        expect(widthOf(found)).toBeLessThanOrEqual(narrowest + 1 + 1e-6);
      },
    ),
  );
});

test('if a clock was set in between, the narrowest interval is taken', () => {
  const said = [
    { sentMs: 0, kafkaMs: 10, ackedMs: 20 },
    { sentMs: 100, kafkaMs: 5_104, ackedMs: 108 },
  ];
  expect(middleOf(clockOffset(said))).toBeCloseTo(5_000.5, 0);
});

test('a clock that is read ahead sleeps as long as ever', async () => {
  const ahead = offsetClock(systemClock, 60_000);
  expect(ahead.nowMs() - systemClock.nowMs()).toBeGreaterThan(59_000);
  const startedMs = ahead.monotonicMs();
  await ahead.sleep(5);
  expect(ahead.monotonicMs() - startedMs).toBeLessThan(1_000);
});
