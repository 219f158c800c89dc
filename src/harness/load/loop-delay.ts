import type { Clock } from '../../core/clock.ts';

/** Distance of the grid on which the delay is taken, ms. */
const LOOP_DELAY_EVERY_MS = 20;

/**
 * Watches how late this thread's event loop comes to a fixed grid of moments. Node's own
 * monitorEventLoopDelay gives one sample for a stall however long it was; here every moment of the
 * grid that the stall covered gives one, so that a quantile means a share of the time. Returns how
 * to stop it.
 */
export function watchLoopDelay(
  clock: Clock,
  observed: (atMs: number, delayMs: number) => void,
): () => void {
  const wallMs = clock.nowMs() - clock.monotonicMs();
  const over = new AbortController();
  const watch = async () => {
    let nextMs = clock.monotonicMs() + LOOP_DELAY_EVERY_MS;
    for (;;) {
      await clock.sleep(Math.max(0, nextMs - clock.monotonicMs()), over.signal);
      const nowMs = clock.monotonicMs();
      for (; nextMs <= nowMs; nextMs += LOOP_DELAY_EVERY_MS) {
        observed(Math.round(wallMs + nextMs), Math.round((nowMs - nextMs) * 100) / 100);
      }
    }
  };
  watch().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return () => over.abort();
}
