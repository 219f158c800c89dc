import { expect, test } from 'vitest';
import { systemClock as clock } from '../../core/clock.ts';
import { follow } from './follow.ts';
import { PollSchedule } from './poll-schedule.ts';

test('a poll that gets no answer is given up and repeated, and what it kept waiting for is then found', async () => {
  const ends = new AbortController();
  const failures: unknown[] = [];
  let asked = 0;
  let foundAfterMs = Number.POSITIVE_INFINITY;
  const startMs = clock.nowMs();
  await follow(
    {
      async poll(signal) {
        asked += 1;
        // The first request is stuck behind a server that was down when it came.
        if (asked === 1) {
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          });
        }
        return { found: [], gap: null };
      },
    },
    new PollSchedule(5_000),
    {
      clock,
      signal: ends.signal,
      polled() {
        foundAfterMs = clock.nowMs() - startMs;
        ends.abort();
      },
      failed: (error) => failures.push(error),
    },
  );
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({ name: 'TimeoutError' });
  expect(asked).toBe(2);
  expect(foundAfterMs).toBeGreaterThanOrEqual(900);
});

test('the end of the run ends a poll without a failure', async () => {
  const ends = new AbortController();
  const failures: unknown[] = [];
  const followed = follow(
    {
      poll: (signal) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    },
    new PollSchedule(5_000),
    { clock, signal: ends.signal, polled: () => {}, failed: (error) => failures.push(error) },
  );
  ends.abort(new Error('stopped'));
  await followed;
  expect(failures).toEqual([]);
});
