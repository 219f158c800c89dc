/** An answer, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly text: string;
}

/**
 * One HTTP request. The signal of a whole run may be given: fetch itself would leave a listener on it
 * per request until the next garbage collection, thousands while something is polled.
 */
export async function httpRequest(
  url: string,
  options: {
    readonly method?: string;
    /** Sent as JSON. */
    readonly body?: unknown;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<HttpAnswer> {
  const { method = 'GET', body, signal } = options;
  signal?.throwIfAborted();
  const own = new AbortController();
  const onAbort = () => own.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const response = await fetch(url, {
      method,
      signal: own.signal,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: response.status, ok: response.ok, text: await response.text() };
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
