import type { PostgresAddress } from './endpoints.ts';

/** A value of a statement's parameter. */
export type Parameter = string | number | boolean | null | readonly Parameter[];

/** One session of a database. Its owner closes it. */
export interface Database extends AsyncDisposable {
  /** Rows of a statement; a `bigint` comes as text. With `name` it is prepared once per session. */
  rows<T>(text: string, values?: readonly Parameter[], name?: string): Promise<readonly T[]>;
  /** Ends the session; never rejects. */
  close(): Promise<void>;
}

const CONNECT_WITHIN_MS = 5_000;

/**
 * Opens a session. It does not reconnect. A statement without an answer for `answerWithinMs` (30 s by default) rejects:
 * between us and a container there is a proxy, which can outlive the server.
 */
export async function openDatabase(
  { host, port, user, database }: PostgresAddress,
  { answerWithinMs = 30_000 }: { readonly answerWithinMs?: number } = {},
): Promise<Database> {
  // Only a run with a database loads it.
  const { Client } = await import('pg');
  const client = new Client({
    ...{ host, port, user, database },
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: answerWithinMs,
    application_name: 'doorbuster',
  });
  // Without a listener the loss of the connection would end the process; statements reject in any case.
  client.on('error', () => undefined);
  await client.connect();
  const close = () => client.end().catch(() => undefined);
  return {
    async rows<T>(text: string, values: readonly Parameter[] = [], name?: string) {
      const prepared = name === undefined ? {} : { name };
      const { rows } = await client.query({ text, values: [...values], ...prepared });
      return rows as readonly T[];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Classes of SQLSTATE that a repetition can mend: lost connection, conflict, lack of resources, server going away. */
const PASSING = ['08', '40', '53', '57'];

/** Whether a statement may succeed when it is repeated in another session. */
export function canRepeat(error: unknown): boolean {
  // Only an answer of the server has a severity.
  if (!(error instanceof Error) || !('severity' in error && 'code' in error)) return true;
  return PASSING.includes(String(error.code).slice(0, 2));
}
