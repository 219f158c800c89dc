import type { Params } from '../clients/duckdb.ts';
import { inProcessOf } from '../stack/in-process.ts';
import type { QueryAnswer, QueryEngine, QueryLimits } from './engine.ts';

/** What a query takes by this engine's clock: so much, and so much more per file of the tables, ms. */
const PER_QUERY_MS = 5;
const PER_FILE_MS = 0.5;

/**
 * DuckDB in this process, over tables in this process. What a query takes is a law and no measurement: it sleeps
 * by the clock of the stack for as long as its files say.
 */
export const inProcess: QueryEngine & { readonly kind: 'in-process' } = {
  kind: 'in-process',
  servers: [],
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
        ...{ startMs, endMs: clock.nowMs(), cpuS: 0 },
      });
      const tookMs = PER_QUERY_MS + PER_FILE_MS * tables.liveFiles();
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
      usage: () => ({ cpuS: 0, rssBytes: 0, endedCpuS: 0, pids: [] }),
      close,
      [Symbol.asyncDispose]: close,
    };
  },
};
