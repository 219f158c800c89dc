import type { Clock } from '../../core/clock.ts';
import type { Poll, Sighted } from '../visibility/visibility.ts';
import type { PollSchedule } from './poll-schedule.ts';

/** Polls one table by its schedule until `signal` aborts. Never rejects. */
export async function follow<C extends Sighted>(
  followed: { poll(signal: AbortSignal): Promise<Poll<C>> },
  schedule: PollSchedule,
  options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** Everything that the catalog served at `startMs` has been found. */
    readonly polled: (poll: Poll<C>, startMs: number) => void;
    readonly failed: (error: unknown) => void;
  },
): Promise<void> {
  const { clock, signal, polled, failed } = options;
  while (!signal.aborted) {
    const startMs = clock.nowMs();
    try {
      const poll = await followed.poll(signal);
      schedule.record(poll.found);
      polled(poll, startMs);
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
    }
    await clock.sleep(schedule.waitMs(startMs, clock.nowMs()), signal).catch(() => {});
  }
}
