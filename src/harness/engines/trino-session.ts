import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import type { Cell, Params } from '../clients/duckdb.ts';
import { readProcess } from '../clients/proc.ts';
import { HOST } from '../stack/plan.ts';
import { freePort } from '../stack/ports.ts';
import { claimedPorts, defaultRegistryDir } from '../stack/registry.ts';
import type { Exit, Launched } from '../stack/server.ts';
import {
  type SessionOptions,
  type SessionProcess,
  startSessionProcess,
} from '../stack/session-process.ts';
import type { ReaderRow } from './engine.ts';
import { withParameters } from './parameters.ts';
import type { InstanceAnswer } from './process-reader.ts';
import type { Session, Statement } from './session-reader.ts';
import { TRINO_READY, trinoServer } from './trino-server.ts';

/** Beginning of the error of a request to a process that has ended, or whose connection broke. */
export const NO_ANSWER = 'Trino did not answer';

const USER = 'doorbuster';

/** A part of an answer in Trino's client protocol. The last one has no `nextUri`. */
interface Page {
  readonly nextUri?: string;
  readonly columns?: readonly { readonly name: string; readonly type: string }[];
  readonly data?: readonly (readonly unknown[])[];
  readonly error?: { readonly message: string };
}

/** A statement that runs. */
interface Running {
  /** Path of its next page; null before its first one. */
  next: string | null;
  cancelled: boolean;
}

/**
 * A Trino server that runs statements until it is closed, with the catalog as `ice`. Every statement sees the newest
 * snapshot of its tables. It ends with the stack or with this process at the latest.
 */
export class TrinoSession implements Session, AsyncDisposable {
  readonly pid: Launched['pid'];
  /** On loopback. */
  readonly port: number;
  readonly exited: Promise<Exit>;
  #attachMs: number;
  readonly #launched: Launched;
  readonly #clock: Clock;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #log: string;
  readonly #running = new Map<string, Running>();

  /**
   * Rejects with a DoorbusterError if Trino is not on this machine (`doorbuster setup --with trino`), does not start, or
   * does not reach the catalog; and with the signal's reason.
   */
  static async start(options: SessionOptions): Promise<TrinoSession> {
    const key = randomBytes(32);
    const port = await freePort(claimedPorts(defaultRegistryDir()));
    const { clock, log } = options;
    const process = await startSessionProcess(
      {
        title: 'Trino',
        readyLine: TRINO_READY,
        program: trinoServer(
          { ...options, port, key: key.toString('base64') },
          options.stack.endpoints,
        ),
      },
      options,
    );
    const readyMs = clock.monotonicMs();
    const session = new TrinoSession({ ...process, port, token: signed(key), clock, log });
    try {
      // Attaches the catalog now, and not within the first statement.
      const { error } = await session.rows({ id: 'attach', sql: 'SHOW SCHEMAS', params: {} });
      if (error !== null) {
        throw stackBroke(`Trino does not reach the catalog: ${error}`, `less ${log}`);
      }
    } catch (error) {
      await session.close();
      throw error;
    }
    session.#attachMs += clock.monotonicMs() - readyMs;
    return session;
  }

  private constructor(
    its: SessionProcess & {
      readonly port: number;
      readonly token: string;
      readonly clock: Clock;
      readonly log: string;
    },
  ) {
    this.#launched = its.launched;
    this.#clock = its.clock;
    this.#log = its.log;
    this.port = its.port;
    this.pid = its.launched.pid;
    this.exited = its.exited;
    this.#attachMs = its.attachMs;
    this.#headers = {
      authorization: `Bearer ${its.token}`,
      'x-forwarded-proto': 'https',
      'x-trino-user': USER,
      'x-trino-time-zone': 'UTC',
      // A table without its namespace is one that does not exist, instead of a session that lacks a schema.
      'x-trino-catalog': 'ice',
      'x-trino-schema': 'information_schema',
    };
  }

  get attachMs(): number {
    return this.#attachMs;
  }

  async rows({ id, sql, params }: Statement): Promise<InstanceAnswer> {
    const running: Running = { next: null, cancelled: false };
    this.#running.set(id, running);
    const startMs = this.#clock.nowMs();
    const started = this.#clock.monotonicMs();
    const cpuBefore = this.#cpuS();
    try {
      const answer = await this.#follow(running, statementOf(sql, params));
      const cpuAfter = this.#cpuS();
      return {
        ...answer,
        startMs,
        endMs: startMs + (this.#clock.monotonicMs() - started),
        cpuS: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore,
      };
    } finally {
      this.#running.delete(id);
    }
  }

  async cancel(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.cancelled = true;
    // Before its first page it has no path yet: `#follow` cancels it then.
    if (running.next !== null) await this.#stop(running.next);
  }

  async close(): Promise<void> {
    this.#launched.kill('SIGKILL');
    await this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** CPU seconds of its process so far; null if it is not visible from here. */
  #cpuS(): number | null {
    return this.pid === null ? null : (readProcess(this.pid)?.ownS ?? null);
  }

  /** Reads an answer page by page to its end. */
  async #follow(
    running: Running,
    statement: string,
  ): Promise<Pick<InstanceAnswer, 'rows' | 'error'>> {
    const rows: ReaderRow[] = [];
    let page = await this.#send('POST', '/v1/statement', statement);
    for (;;) {
      if (page.error !== undefined) return { rows: [], error: page.error.message };
      rows.push(...rowsOf(page));
      if (page.nextUri === undefined) return { rows, error: null };
      // Its host is that of a proxy, which a forwarded request names.
      const { pathname, search } = new URL(page.nextUri);
      running.next = `${pathname}${search}`;
      if (running.cancelled) {
        await this.#stop(running.next);
        return { rows: [], error: 'cancelled' };
      }
      page = await this.#send('GET', running.next);
    }
  }

  async #stop(path: string): Promise<void> {
    // A process that has ended has nothing to cancel.
    await fetch(this.#url(path), { method: 'DELETE', headers: this.#headers }).then(
      (response) => response.text(),
      () => '',
    );
  }

  async #send(method: 'GET' | 'POST', path: string, body?: string): Promise<Page> {
    const response = await fetch(this.#url(path), {
      ...{ method, headers: this.#headers },
      ...(body === undefined ? {} : { body }),
    }).catch((error) => this.#unanswered(error));
    const text = await response.text().catch((error) => this.#unanswered(error));
    if (response.status !== 200) {
      throw stackBroke(`Trino answered with status ${response.status}: ${text}`);
    }
    return JSON.parse(text) as Page;
  }

  #url(path: string): string {
    return `http://${HOST}:${this.port}${path}`;
  }

  #unanswered(error: Error): never {
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    throw stackBroke(`${NO_ANSWER}: ${why}`, `less ${this.#log}`, error);
  }
}

/** A JSON Web Token (RFC 7519) for the only user, signed by HMAC-SHA256. */
function signed(key: Buffer): string {
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: USER })}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** A statement as Trino accepts it: with values in place of `$name`, and without a final semicolon. */
export function statementOf(sql: string, params: Params): string {
  const values = params as Readonly<Record<string, Cell>>;
  const written = withParameters(sql, params, (name) => literalOf(values[name]));
  return written.trimEnd().replace(/;$/, '');
}

function literalOf(value: Cell): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === 'number' && !Number.isInteger(value)) return `DOUBLE '${value}'`;
  return String(value);
}

/** The rows of a page by column. A decimal, which JSON has as text, becomes a number. */
function rowsOf({ columns = [], data = [] }: Page): readonly ReaderRow[] {
  return data.map((row) =>
    Object.fromEntries(
      columns.map(({ name, type }, i) => [
        name,
        type.startsWith('decimal') && row[i] !== null ? Number(row[i]) : row[i],
      ]),
    ),
  );
}
