import { badInput } from '../../core/errors.ts';
import type { StageProcess } from '../batches/child-process.ts';
import type { Params } from '../clients/duckdb.ts';
import {
  type EngineUsage,
  NO_USAGE,
  type QueryAnswer,
  type QueryEngine,
  type QueryLimits,
} from './engine.ts';
import { answerWithin, EngineProcess } from './process-reader.ts';

/** See `answerWithin`, ms: a query waits for the merge of one table before it can be interrupted. */
const STOP_WITHIN_MS = 60_000;

/**
 * The engine of a warehouse, which the stage has started: it answers while it merges. All readers of a run share it, and a
 * cold query is one like the others, since there is no second instance.
 */
export const warehouseEngine: QueryEngine & { readonly kind: 'warehouse' } = {
  kind: 'warehouse',
  servers: ['minio'],
  program: null,
  second: null,
  async open({ warehouse }, { clock }) {
    if (!warehouse) {
      throw badInput(
        'the engine warehouse is a part of the stage warehouse',
        'stages: [{ run: warehouse }]',
      );
    }
    const processes = new Map<number, EngineProcess>();
    let last: Promise<unknown> = Promise.resolve();
    let closed = false;
    const run = async (sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer> => {
      if (closed) {
        const nowMs = clock.nowMs();
        const none = { outcome: 'failed' as const, rows: [], cpuS: null };
        return { ...none, error: 'the reader is closed', startMs: nowMs, endMs: nowMs };
      }
      const id = nextId(warehouse);
      const answered = new AbortController();
      const answer = warehouse.answerTo(id, answered.signal);
      // Without an answer, `answered` ends the wait.
      answer.catch(() => undefined);
      warehouse.send({ kind: 'query', id, sql, params });
      try {
        return await answerWithin(answer, limits, {
          clock,
          exited: warehouse.exited,
          interrupt: () => warehouse.send({ kind: 'interrupt', id }),
          kill: async () => {},
          stopWithinMs: STOP_WITHIN_MS,
        });
      } finally {
        answered.abort();
      }
    };
    const query = (sql: string, params: Params, limits: QueryLimits) => {
      const answer = last.then(() => run(sql, params, limits));
      last = answer;
      return answer;
    };
    const usage = (): EngineUsage => {
      const { pid } = warehouse;
      if (pid !== null && !processes.has(pid)) {
        processes.set(pid, new EngineProcess(pid, warehouse.exited));
      }
      const all = [...processes.values()];
      const sum = (list: readonly EngineProcess[], key: 'cpuS' | 'rssBytes') =>
        list.reduce((total, one) => total + one.usage()[key], 0);
      const running = all.filter(({ ended }) => !ended);
      return {
        ...NO_USAGE,
        ...{ cpuS: sum(all, 'cpuS'), rssBytes: sum(running, 'rssBytes') },
        endedCpuS: sum(
          all.filter(({ ended }) => ended),
          'cpuS',
        ),
        pids: running.map(({ pid: one }) => one),
      };
    };
    const close = async () => {
      closed = true;
      await last;
    };
    return {
      ...{ query, usage, close, crashes: 0 },
      // The tables are attached already.
      cold: async (...given) => ({ ...(await query(...given)), attachMs: 0 }),
      get pid() {
        return warehouse.pid;
      },
      [Symbol.asyncDispose]: close,
    };
  },
};

/** Ids of queries, over all readers of an engine. */
const ids = new WeakMap<StageProcess, number>();

function nextId(warehouse: StageProcess): number {
  const id = (ids.get(warehouse) ?? 0) + 1;
  ids.set(warehouse, id);
  return id;
}
