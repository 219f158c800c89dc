import { stackBroke } from '../../core/errors.ts';
import { scoped } from './scoped-signal.ts';

/** An answer, read to its end. */
interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly text: string;
}

/**
 * One HTTP request; the signal of a whole run may be given. Rejects with a DoorbusterError when
 * nobody answers.
 */
export async function httpRequest(
  url: string,
  options: {
    readonly method?: string;
    /** Sent as JSON. */
    readonly body?: unknown;
    /** Sent as it is, in place of a body in JSON. */
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
      const response = await fetch(url, { method, signal: own, ...sent });
      return { status: response.status, ok: response.ok, text: await response.text() };
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw stackBroke(`no answer from ${new URL(url).host}: ${reasonOf(error)}`, undefined, error);
  }
}

export type Body = Readonly<Record<string, unknown>>;

/** The JSON of an answer by whoever it may be: what is none says nothing. */
export function bodyOf(text: string): Body {
  try {
    return Object(JSON.parse(text)) as Body;
  } catch {
    return {};
  }
}

/** fetch hides why it failed behind "fetch failed". */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
