/**
 * Runs one request under a long-lived signal. Client libraries leave their listeners on a signal until it
 * is collected, so each request gets a signal of its own.
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
