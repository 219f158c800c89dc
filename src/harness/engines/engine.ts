import type { Clock } from '../../core/clock.ts';
import type { EngineKind } from '../../topology/manifest.ts';
import type { Params } from '../clients/duckdb.ts';
import type { Usage } from '../clients/proc.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { ServerName, Stack } from '../stack/stack.ts';

/** A row of an answer, by column. */
export type ReaderRow = Readonly<Record<string, unknown>>;

/** When a statement was at work. */
export interface Timed {
  /** Epoch ms, stamped by the engine around the statement. */
  readonly startMs: number;
  readonly endMs: number;
  /** CPU seconds the engine used in between; null when it could not tell any more. */
  readonly cpuS: number | null;
}

/**
 * What became of one query. `timeout`: it was stopped at its limit. `crashed`: the engine died of it
 * or declared itself broken, and a new one is started for the next query.
 */
export interface QueryAnswer extends Timed {
  readonly outcome: 'ok' | 'timeout' | 'failed' | 'crashed';
  readonly rows: readonly ReaderRow[];
  /** Why, unless it is ok. */
  readonly error: string | null;
}

/** When to stop a query. */
export interface QueryLimits {
  readonly timeoutMs: number;
}

/** What the processes of a reader have used so far, the ended ones included. */
export interface EngineUsage extends Usage {
  /** Of `cpuS`, the part of processes that have ended. */
  readonly endedCpuS: number;
  /** The processes that live. */
  readonly pids: readonly number[];
}

/** The query engine under measurement, with the tables attached as `ice`. The caller closes it. */
export interface Reader extends AsyncDisposable {
  /** Never rejects for what a query does: that is the answer. One at a time, in order of the calls. */
  query(sql: string, params: Params, limits: QueryLimits): Promise<QueryAnswer>;
  /**
   * The same in a new instance that dies afterwards. `attachMs` is what attaching the tables took, apart
   * from the latency. The system's and the store's caches stay warm.
   */
  cold(
    sql: string,
    params: Params,
    limits: QueryLimits,
  ): Promise<QueryAnswer & { readonly attachMs: number | null }>;
  /** Times the engine died or broke by itself. */
  readonly crashes: number;
  /** Of the process that answers `query`; null between two of them, and where it has none of its own. */
  readonly pid: number | null;
  usage(): EngineUsage;
  close(): Promise<void>;
}

/** What a reader may use of the machine. */
export interface ReaderOptions {
  readonly clock: Clock;
  readonly threads?: number;
  readonly memoryMb?: number;
}

/** Whose tables are read. */
interface EngineContext {
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess'>;
  readonly extensions: Artifacts['duckdbExtensions'];
}

/** Some columns of a table, by the table's own names. */
export interface TableColumns {
  readonly table: string;
  readonly columns: readonly string[];
}

/** Another engine: it copies a table to one that has neither deletes nor partitions, which anybody can read. */
export interface PlainCopies {
  /** What the record calls it. */
  readonly name: string;
  /** `work` is given the name of the copy, which is gone afterwards. Rejects with why there could be none. */
  withCopy(of: TableColumns, work: (copy: string) => Promise<void>): Promise<void>;
}

/** Where another engine makes its copies. */
export interface CopyOptions {
  readonly stack: Pick<Stack, 'endpoints' | 'launch'>;
  readonly namespace: string;
  /** Folder for the engine's log. */
  readonly logDir: string;
  readonly signal: AbortSignal;
  /** Called with a copy that could not be removed. */
  readonly onLeftBehind: (table: string, reason: string) => void;
}

/** The interface of an engine: one file per kind, and one line in engines.ts. */
export interface QueryEngine {
  readonly kind: EngineKind;
  /** The servers that it reads from. */
  readonly servers: readonly ServerName[];
  /** Opens a reader; rejects when it cannot reach the tables. */
  open(context: EngineContext, options: ReaderOptions): Promise<Reader>;
  /** Another engine, which reads for the oracles what this one cannot; null: there is none. */
  readonly second: ((options: CopyOptions) => PlainCopies) | null;
}
