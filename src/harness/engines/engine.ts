import type { Clock } from '../../core/clock.ts';
import type { EngineKind } from '../../topology/manifest.ts';
import type { StageProcess } from '../batches/child-process.ts';
import type { Params } from '../clients/duckdb.ts';
import type { Usage } from '../clients/proc.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { Program } from '../setup/needs.ts';
import type { Jit, ServerName, Stack } from '../stack/stack.ts';

/** A row of an answer, by column. */
export type ReaderRow = Readonly<Record<string, unknown>>;

/** Time and CPU time of a statement. */
export interface StatementTimes {
  /** Epoch ms, stamped by the engine around the statement. */
  readonly startMs: number;
  readonly endMs: number;
  /** CPU seconds that the engine used in between; null: unknown. */
  readonly cpuS: number | null;
}

/**
 * Result of one query. `timeout`: it was stopped at its limit. `crashed`: the engine crashed or became
 * unusable, and a new one is started for the next query.
 */
export interface QueryAnswer extends StatementTimes {
  readonly outcome: 'ok' | 'timeout' | 'failed' | 'crashed';
  readonly rows: readonly ReaderRow[];
  /** The reason, unless the outcome is ok. */
  readonly error: string | null;
}

export interface QueryLimits {
  readonly timeoutMs: number;
}

/** Usage of the processes of a reader so far, including ended ones. */
export interface EngineUsage extends Usage {
  /** The part of `cpuS` by processes that have ended. */
  readonly endedCpuS: number;
  /** Ids of the running processes. */
  readonly pids: readonly number[];
}

/** Usage of a reader without a process. */
export const NO_USAGE: EngineUsage = { cpuS: 0, rssBytes: 0, endedCpuS: 0, pids: [] };

/** The query engine under measurement, with the tables attached as `ice`. The caller closes it. */
export interface Reader extends AsyncDisposable {
  /** Runs queries one at a time, in the order of the calls. A failed query is an answer, not a rejection. */
  query(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer>;
  /**
   * Runs a query in a new instance that ends afterwards. `attachMs` is the time to attach the tables, which is not
   * part of the latency. The caches of the operating system and of the object store stay warm.
   */
  cold(
    sql: string,
    params: Params,
    limits: QueryLimits,
  ): Promise<QueryAnswer & { readonly attachMs: number | null }>;
  /** Number of times the engine crashed or became unusable. */
  readonly crashes: number;
  /** Id of the process that answers `query`; null between two processes, and if the engine has no process of its own. */
  readonly pid: number | null;
  usage(): EngineUsage;
  close(): Promise<void>;
}

/** Clock and resource limits of a reader. */
export interface ReaderOptions {
  readonly clock: Clock;
  readonly threads?: number;
  readonly memoryMb?: number;
  /** How an engine on a JVM is compiled; `full` where latencies are measured. */
  readonly jit?: Jit;
  /**
   * Keeps what it has read of a file, and does not validate it again: files of a table never change. Not for queries whose
   * latency is measured, which pay for what they read.
   */
  readonly cachesFiles?: boolean;
}

/** The stack whose tables are read. */
export interface EngineContext {
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess' | 'launch'>;
  readonly extensions: Artifacts['duckdbExtensions'];
  /** Namespace of the run's tables. */
  readonly namespace: string;
  /** Folder for the engine's logs. */
  readonly logDir: string;
  /** The engine that a stage has started; absent or null: none has. */
  readonly warehouse?: StageProcess | null;
}

/** Some columns of a table, by the table's own names. */
export interface TableColumns {
  readonly table: string;
  readonly columns: readonly string[];
}

/** Another engine, whose cost grows with the size of a table and not with its deletes. Its owner disposes it. */
export interface TableExports extends AsyncDisposable {
  /** Its name in the record. */
  readonly name: string;
  /** Writes a table, as a reader sees it, to one Parquet file. Rejects with the reason if it could not. */
  toParquet(of: TableColumns, file: string): Promise<void>;
}

/** Context in which another engine reads tables. */
export interface ExportOptions {
  readonly stack: Pick<Stack, 'endpoints' | 'launch'>;
  readonly clock: Clock;
  readonly namespace: string;
  /** Folder for the engine's log. */
  readonly logDir: string;
  readonly signal: AbortSignal;
}

/** Extension point of query engines: one file per kind, and one line in engines.ts. */
export interface QueryEngine {
  readonly kind: EngineKind;
  /** The servers that it reads from. */
  readonly servers: readonly ServerName[];
  /** The program that it is, next to the servers; null: it needs none. */
  readonly program: Program | null;
  /** Opens a reader; rejects when it cannot reach the tables. */
  open(context: EngineContext, options: ReaderOptions): Promise<Reader>;
  /** Another engine, for tables that this one cannot read for the oracles, or not in time; null: there is none. */
  readonly second: ((options: ExportOptions) => TableExports) | null;
}
