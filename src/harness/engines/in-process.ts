import type { Params } from '../clients/duckdb.ts';
import { inProcessOf } from '../stack/in-process.ts';
import { NO_USAGE, type QueryAnswer, type QueryEngine, type QueryLimits } from './engine.ts';

/** Simulated latency of a query: a constant and a part per file of the tables, ms. */
const QUERY_MS = 5;
const QUERY_MS_PER_FILE = 0.5;

/**
 * DuckDB in this process, over tables in this process. Latency is simulated, not measured: a query sleeps by the
 * stack's clock, for a time that depends on the number of files.
 */
export const inProcess: QueryEngine & { readonly kind: 'in-process' } = {
  kind: 'in-process',
  servers: [],
  program: null,
  second: null,
  async open({ stack }, { clock }) {
    const { tables } = inProcessOf(stack);
    const connection = await tables.connect();
    let last: Promise<unknown> = Promise.resolve();
    let open = true;
    const run = async (sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer> => {
      const startMs = clock.nowMs();
      const ended = (end: Pick<QueryAnswer, 'outcome' | 'rows' | 'error'>): QueryAnswer => ({
        ...end,
        ...{ startMs, endMs: clock.nowMs(), cpuS: (clock.nowMs() - startMs) / 1_000 },
      });
      const tookMs = QUERY_MS + QUERY_MS_PER_FILE * tables.liveFiles();
      if (tookMs > limits.timeoutMs) {
        await clock.sleep(limits.timeoutMs);
        const error = `not done within ${limits.timeoutMs} ms`;
        return ended({ outcome: 'timeout', rows: [], error });
      }
      try {
        const rows = await connection.rows(sql, params);
        await clock.sleep(tookMs);
        return ended({ outcome: 'ok', rows, error: null });
      } catch (error) {
        return ended({ outcome: 'failed', rows: [], error: (error as Error).message });
      }
    };
    const query = (sql: string, params: Params, limits: QueryLimits) => {
      const answer = last.then(() => run(sql, params, limits));
      last = answer;
      return answer;
    };
    const close = async () => {
      await last;
      if (open) connection.close();
      open = false;
    };
    return {
      query,
      cold: async (...given) => ({ ...(await query(...given)), attachMs: 0 }),
      crashes: 0,
      pid: null,
      usage: () => NO_USAGE,
      close,
      [Symbol.asyncDispose]: close,
    };
  },
};
