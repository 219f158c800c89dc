import { stackBroke } from '../../core/errors.ts';

/** An answer, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly text: string;
}

/**
 * One HTTP request. The signal of a whole run may be given: fetch itself would leave a listener on it
 * per request until the next garbage collection, thousands while something is polled. Rejects with a
 * DoorbusterError when nobody answers.
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
  } catch (error) {
    signal?.throwIfAborted();
    throw stackBroke(`no answer from ${new URL(url).host}: ${reasonOf(error)}`, undefined, error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** fetch hides why it failed behind "fetch failed". */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
