import type { Clock } from '../../core/clock.ts';

/** Sampling interval of the delay, ms. Each sample wakes a thread that may have nothing else to do. */
const SAMPLE_EVERY_MS = 50;

/**
 * Samples the delay of this thread's event loop at fixed intervals. Node's monitorEventLoopDelay
 * gives one sample per stall, however long it was. Here each interval that a stall covers gives a
 * sample, so that a quantile is a share of time. Returns a function that stops the sampling.
 */
export function sampleLoopDelay(
  clock: Clock,
  observed: (atMs: number, delayMs: number) => void,
): () => void {
  const wallMs = clock.nowMs() - clock.monotonicMs();
  const over = new AbortController();
  const watch = async () => {
    let nextMs = clock.monotonicMs() + SAMPLE_EVERY_MS;
    for (;;) {
      await clock.sleep(Math.max(0, nextMs - clock.monotonicMs()), over.signal);
      const nowMs = clock.monotonicMs();
      for (; nextMs <= nowMs; nextMs += SAMPLE_EVERY_MS) {
        observed(Math.round(wallMs + nextMs), Math.round((nowMs - nextMs) * 100) / 100);
      }
    }
  };
  watch().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return () => over.abort();
}
