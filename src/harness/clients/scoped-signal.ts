/**
 * Runs one request under a long-lived signal. The clients' own listeners stay on the signal they are
 * given until it is collected, so each request gets one that goes away with it.
 */
export async function scoped<T>(
  signal: AbortSignal | undefined,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await request(controller.signal);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
