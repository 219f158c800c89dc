/**
 * Time, injected everywhere so that tests can control it. Only this file may read the machine's clocks
 * (test/tidy enforces it).
 */
export interface Clock {
  /** Wall time in epoch milliseconds: what every stamp is made of. */
  nowMs(): number;
  /** A clock that never jumps, in milliseconds from an arbitrary origin: what durations are made of. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Runs `work` every `ms` by this clock, first after `ms`; returns a function that stops it. */
export function every(clock: Clock, ms: number, work: () => void): () => void {
  const over = new AbortController();
  const run = async () => {
    for (;;) {
      await clock.sleep(ms, over.signal);
      work();
    }
  };
  run().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return () => over.abort();
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
