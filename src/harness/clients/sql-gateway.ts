import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { httpRequest } from './http.ts';
import { causeIn } from './root-cause.ts';

/** One row of a statement's result, by column name. */
type SqlRow = Readonly<Record<string, unknown>>;

/** One session of Flink's SQL Gateway. Its owner closes it: `await using`. */
export interface SqlSession extends AsyncDisposable {
  /**
   * Runs one statement to its end and returns all of its rows. An unbounded SELECT ends only by an abort.
   * Rejects with the innermost cause when Flink rejects the statement.
   */
  run(statement: string, signal?: AbortSignal): Promise<readonly SqlRow[]>;
  close(): Promise<void>;
}

interface GatewayResult {
  readonly resultType: 'NOT_READY' | 'PAYLOAD' | 'EOS';
  readonly nextResultUri?: string;
  readonly results?: {
    readonly columns: readonly { readonly name: string }[];
    readonly data: readonly { readonly kind: string; readonly fields: readonly unknown[] }[];
  };
}

/** Pauses between two looks for a result, ms; then always the last. Most statements take milliseconds, submitting a job about a second. */
const PAUSES_MS: readonly number[] = [2, 4, 8, 16];
const LAST_PAUSE_MS = 40;

/** Opens a session on the gateway at `uri` (http://host:port). */
export async function openSqlSession(
  uri: string,
  options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** Removes secrets from Flink's errors before they are cut: they quote the rejected statement. */
    readonly masked?: (text: string) => string;
  },
): Promise<SqlSession> {
  const { clock, masked = (text: string) => text } = options;
  const call = <T>(method: string, path: string, body?: unknown, signal?: AbortSignal) =>
    gatewayCall<T>(uri, method, path, { body, masked, signal: signal ?? options.signal });
  const opened = await call<{ sessionHandle: string }>('POST', '/v1/sessions', {});
  const session = `/v1/sessions/${opened.sessionHandle}`;

  async function run(statement: string, signal?: AbortSignal): Promise<readonly SqlRow[]> {
    const submitted = await call<{ operationHandle: string }>(
      'POST',
      `${session}/statements`,
      { statement },
      signal,
    );
    const rows: SqlRow[] = [];
    let pauses = 0;
    let next: string | undefined =
      `${session}/operations/${submitted.operationHandle}/result/0?rowFormat=JSON`;
    while (next !== undefined) {
      const page: GatewayResult = await call<GatewayResult>('GET', next, undefined, signal);
      if (page.resultType === 'NOT_READY') {
        await clock.sleep(PAUSES_MS[pauses++] ?? LAST_PAUSE_MS, signal ?? options.signal);
      }
      const columns = page.results?.columns.map((column) => column.name) ?? [];
      for (const { fields } of page.results?.data ?? []) {
        rows.push(Object.fromEntries(columns.map((name, index) => [name, fields[index]])));
      }
      next = page.resultType === 'EOS' ? undefined : page.nextResultUri;
    }
    return rows;
  }

  // Not the run's signal: the session must be closed after an interrupted run as well.
  const close = async () => {
    await gatewayCall(uri, 'DELETE', session, { masked, signal: AbortSignal.timeout(5_000) });
  };
  return { run, close, [Symbol.asyncDispose]: close };
}

async function gatewayCall<T>(
  uri: string,
  method: string,
  path: string,
  {
    body,
    masked,
    signal,
  }: {
    readonly body?: unknown;
    readonly masked: (text: string) => string;
    readonly signal: AbortSignal;
  },
): Promise<T> {
  const { ok, text } = await httpRequest(`${uri}${path}`, { method, body, signal });
  if (ok) return JSON.parse(text) as T;
  throw stackBroke(`Flink's SQL Gateway refused a statement: ${causeIn(text, masked)}`);
}
