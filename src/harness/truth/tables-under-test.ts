import type { Stream } from '../../scenario/scenario.ts';

/** Runs SQL where the facts of the run and the tables under test can both be named. */
export type Rows = <T = Record<string, unknown>>(sql: string) => Promise<readonly T[]>;

/** A table that no oracle can judge. */
export interface NotRead {
  readonly of: Stream | 'dead_letter';
  readonly table: string;
  readonly reason: string;
}

/**
 * Where the tables under test are: anything that may stand after FROM, with the columns of read-tables.ts.
 * Those in `absent` hold nothing but NULL, since the pipeline's table does not have them.
 */
export interface TablesUnderTest {
  readonly streams: Partial<Readonly<Record<Stream, string>>>;
  /** null: it was not read. */
  readonly deadLetter: string | null;
  /** Whether inventory keeps every version of a key (a ledger), or the newest alone. */
  readonly ledger: boolean;
  /** `stream.column` of what can therefore not be scored. */
  readonly absent: readonly string[];
  /** Tables that no engine could read, each with the reason. */
  readonly notRead: readonly NotRead[];
  /** The engine that read each table, by the pipeline's name of the table. */
  readonly readBy: Readonly<Record<string, string>>;
}
