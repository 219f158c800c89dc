import { systemClock } from '../../core/clock.ts';
import { openLake } from '../batches/lake.ts';
import { openBatches } from '../batches/open-batches.ts';
import type { Connection } from '../clients/duckdb.ts';
import { openLakehouse } from '../clients/duckdb-lakehouse.ts';
import { takeServerPriority } from '../priority.ts';
import type { FromChild, ReaderConfig, ToChild } from './duckdb-engine.ts';

/**
 * The process in which a Reader runs its queries: DuckDB can crash its process, and a query that ignores an
 * interrupt can only be ended from outside.
 */
let connection: Connection | undefined;
/** Brings the tables up to date before a query; a catalog does so by itself. */
let refresh: () => Promise<void> = async () => {};

// The engine belongs to the system under test: it takes the servers' priority before it starts a thread.
takeServerPriority();

process.on('message', (message: ToChild) => {
  if (message.kind === 'open') return void open(message.config);
  if (message.kind === 'query') return void query(message);
  connection?.interrupt();
});

// The parent is gone, and a running query would keep this process alive.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

/** Otherwise each query asks the store for the size and the date of every file, manifests included. */
const CACHE_FILES = `SET enable_http_metadata_cache = true; SET parquet_metadata_cache = true;
  SET validate_external_file_cache = 'NO_VALIDATION'`;

async function open(config: ReaderConfig): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  try {
    connection = await openTables(config);
    if (config.cachesFiles) await connection.run(CACHE_FILES);
    send({ kind: 'opened', attachMs: systemClock.monotonicMs() - startedMs });
  } catch (error) {
    send({ kind: 'refused', error: textOf(error) });
  }
}

async function openTables({ tables, ...config }: ReaderConfig): Promise<Connection> {
  if (tables.from === 'catalog') {
    const { s3, extensions } = config;
    return (await openLakehouse({ s3, catalog: tables.catalog }, extensions, config)).connection;
  }
  if (tables.from === 'lake') {
    const { namespace } = tables;
    return (await openLake({ ...config, namespace, readOnly: true })).connection;
  }
  const opened = await openBatches({ ...config, namespace: tables.namespace });
  refresh = opened.refresh;
  return opened.connection;
}

async function query({ id, sql, params }: Extract<ToChild, { kind: 'query' }>): Promise<void> {
  const startMs = systemClock.nowMs();
  const startedMs = systemClock.monotonicMs();
  const cpu = process.cpuUsage();
  const done = () => {
    const { user, system } = process.cpuUsage(cpu);
    // The monotonic clock never jumps, and is finer than a millisecond.
    const endMs = startMs + (systemClock.monotonicMs() - startedMs);
    return { id, startMs, endMs, cpuS: (user + system) / 1e6 };
  };
  try {
    if (!connection) throw new Error('the reader received a query before it was open');
    await refresh();
    const rows = await connection.rows(sql, params);
    send({ kind: 'answer', rows, error: null, ...done() });
  } catch (error) {
    send({ kind: 'answer', rows: [], error: textOf(error), ...done() });
  }
}

function send(message: FromChild): void {
  process.send?.(message);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
