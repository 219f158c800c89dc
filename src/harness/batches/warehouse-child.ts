import { systemClock as clock } from '../../core/clock.ts';
import type { Params } from '../clients/duckdb.ts';
import { takeServerPriority } from '../priority.ts';
import { reasonOf } from '../reason.ts';
import type { ChildReport } from './child-process.ts';
import { Warehouse, type WarehouseConfig } from './warehouse.ts';

/** The process of a warehouse: it answers queries, and merges while none waits. It ends at its first error of a merge. */

/** Messages to the process. `drain`: report when everything that is staged is merged. */
export type ToWarehouse =
  | { readonly kind: 'start'; readonly config: WarehouseConfig }
  | { readonly kind: 'query'; readonly id: number; readonly sql: string; readonly params: Params }
  | { readonly kind: 'interrupt'; readonly id: number }
  | { readonly kind: 'drain' };

/** A query, and when it came: what it waits for a merge is part of its latency. */
type Query = Extract<ToWarehouse, { kind: 'query' }> & {
  readonly startMs: number;
  readonly startedMs: number;
};

/** Interval at which an idle warehouse looks for staged loads, ms. */
const IDLE_MS = 50;

const queries: Query[] = [];
let running: { readonly id: number; readonly warehouse: Warehouse; stopped: boolean } | null = null;
let draining = false;
let wake = new AbortController();

// It belongs to the system under test: it takes the servers' priority before it starts a thread.
takeServerPriority();

process.on('message', (message: ToWarehouse) => {
  if (message.kind === 'start') run(message.config).catch(fail);
  if (message.kind === 'query') {
    queries.push({ ...message, startMs: clock.nowMs(), startedMs: clock.monotonicMs() });
  }
  if (message.kind === 'drain') draining = true;
  if (message.kind === 'interrupt') interrupt(message.id);
  wake.abort();
});

// The parent is gone, and a running statement would keep this process alive.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

async function run(config: WarehouseConfig): Promise<void> {
  const warehouse = await Warehouse.open(config, clock);
  send({ kind: 'ready' });
  for (;;) {
    await answerAll(warehouse);
    const next = await warehouse.next();
    if (next !== null) {
      const number = await warehouse.merge(next, () => answerAll(warehouse));
      send({ kind: 'loaded', load: number });
      continue;
    }
    send({ kind: 'loaded', load: null });
    if (draining) send({ kind: 'drained' });
    draining = false;
    wake = new AbortController();
    if (queries.length === 0) await clock.sleep(IDLE_MS, wake.signal).catch(() => {});
  }
}

async function answerAll(warehouse: Warehouse): Promise<void> {
  for (let query = queries.shift(); query !== undefined; query = queries.shift()) {
    await answer(query, warehouse);
  }
}

async function answer(
  { id, sql, params, startMs, startedMs }: Query,
  warehouse: Warehouse,
): Promise<void> {
  const cpu = process.cpuUsage();
  const done = () => {
    const { user, system } = process.cpuUsage(cpu);
    const endMs = startMs + (clock.monotonicMs() - startedMs);
    return { id, startMs, endMs, cpuS: (user + system) / 1e6 };
  };
  const own = { id, warehouse, stopped: false };
  running = own;
  try {
    await warehouse.refresh();
    if (own.stopped) throw new Error('interrupted before it began');
    const rows = await warehouse.connection.rows(sql, params);
    send({ kind: 'answer', rows, error: null, ...done() });
  } catch (error) {
    send({ kind: 'answer', rows: [], error: reasonOf(error), ...done() });
  } finally {
    running = null;
  }
}

/** Ends a query, and no merge. */
function interrupt(id: number): void {
  if (running?.id === id) {
    running.stopped = true;
    running.warehouse.connection.interrupt();
  }
  const at = queries.findIndex((query) => query.id === id);
  if (at < 0) return;
  const [{ startMs } = { startMs: clock.nowMs() }] = queries.splice(at, 1);
  const error = 'interrupted before it began';
  send({ kind: 'answer', id, rows: [], error, startMs, endMs: clock.nowMs(), cpuS: 0 });
}

function fail(error: unknown): void {
  process.send?.({ kind: 'failed', error: reasonOf(error) } satisfies ChildReport, () =>
    process.kill(process.pid, 'SIGKILL'),
  );
}

function send(message: ChildReport): void {
  process.send?.(message);
}
