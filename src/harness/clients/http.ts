import { stackBroke } from '../../core/errors.ts';
import { isLocal, localGet } from './local-http.ts';
import { scoped } from './scoped-signal.ts';

/** A response with its whole body. */
interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly text: string;
}

/**
 * Sends one HTTP request; `signal` may be that of a whole run. Rejects with a DoorbusterError when
 * there is no response.
 */
export async function httpRequest(
  url: string,
  options: {
    readonly method?: string;
    /** Sent as JSON. */
    readonly body?: unknown;
    /** Sent as a form, instead of a JSON body. */
    readonly form?: URLSearchParams;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<HttpAnswer> {
  const { method = 'GET', body, form, headers, signal } = options;
  signal?.throwIfAborted();
  const sent =
    body === undefined
      ? { headers: { ...headers }, ...(form === undefined ? {} : { body: form }) }
      : {
          body: JSON.stringify(body),
          headers: { ...headers, 'content-type': 'application/json' },
        };
  try {
    return await scoped(signal, async (own) => {
      const plain = method === 'GET' ? await plainAnswer(url, headers, own) : null;
      if (plain !== null) return plain;
      const response = await fetch(url, { method, signal: own, ...sent });
      return { status: response.status, ok: response.ok, text: await response.text() };
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw stackBroke(`no answer from ${new URL(url).host}: ${reasonOf(error)}`, undefined, error);
  }
}

/** The answer of a server on this machine; null: it is elsewhere, or redirects, which `fetch` follows. */
async function plainAnswer(
  url: string,
  headers: Readonly<Record<string, string>> | undefined,
  signal: AbortSignal,
): Promise<HttpAnswer | null> {
  const target = new URL(url);
  if (!isLocal(target)) return null;
  const { status, body } = await localGet(target, { headers, signal });
  if (status >= 300 && status < 400) return null;
  return { status, ok: status >= 200 && status < 300, text: body.toString('utf8') };
}

export type Body = Readonly<Record<string, unknown>>;

/** The JSON object of a body from any server; empty if the body is not JSON. */
export function jsonOf(text: string): Body {
  try {
    return Object(JSON.parse(text)) as Body;
  } catch {
    return {};
  }
}

/** The cause of a failed fetch, whose own message is only "fetch failed", or the code of another failed request. */
function reasonOf(error: unknown): string {
  const { message, code, cause } = error as Error & {
    code?: unknown;
    cause?: { code?: string; message?: string };
  };
  return cause?.code ?? cause?.message ?? (typeof code === 'string' ? code : message);
}
