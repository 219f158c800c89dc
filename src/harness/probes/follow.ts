import type { Clock } from '../../core/clock.ts';
import { limitedSignal } from '../../core/limited-signal.ts';
import { scoped } from '../clients/scoped-signal.ts';
import type { Poll, Sighted } from '../visibility/visibility.ts';
import type { PollSchedule } from './poll-schedule.ts';

/**
 * A poll without an answer is given up and repeated. A server that was asked while another one behind it was down may
 * answer long after both could: the tables would be seen late, which the pipeline is not to blame for. The time doubles
 * with every such poll in a row, for a catalog that is merely slow.
 */
const GIVE_UP_MS = 1_000;
const GIVE_UP_MOST_MS = 4_000;

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
  let giveUpMs = GIVE_UP_MS;
  while (!signal.aborted) {
    const startMs = clock.nowMs();
    try {
      // Of the machine's own time, whatever the run's clock: no request is waited for on a virtual one.
      const poll = await scoped(signal, (own) => followed.poll(limitedSignal(own, giveUpMs)));
      giveUpMs = GIVE_UP_MS;
      schedule.record(poll.found);
      polled(poll, startMs);
    } catch (error) {
      if (signal.aborted) return;
      if ((error as Error)?.name === 'TimeoutError')
        giveUpMs = Math.min(2 * giveUpMs, GIVE_UP_MOST_MS);
      failed(error);
    }
    await clock.sleep(schedule.waitMs(startMs, clock.nowMs()), signal).catch(() => {});
  }
}
