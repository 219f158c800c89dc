import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { columnOf, type Dataset } from '../../topology/dataset.ts';
import { type Cell, type Connection, type Database, openDatabase } from './duckdb.ts';
import type { FileEntry, Snapshot } from './iceberg.ts';

/** A row by column; a column that is left out is NULL. */
export type TableRow = Readonly<Record<string, Cell>>;

/** A snapshot of a table, with the rows and files that it added and the live files; empty once it is released. */
export interface TableCommit {
  readonly snapshot: Omit<Snapshot, 'manifestList'>;
  readonly rows: readonly TableRow[];
  readonly added: readonly FileEntry[];
  readonly live: readonly FileEntry[];
}

interface Table {
  readonly columns: Readonly<Record<string, string>>;
  /** Columns of the key, by which an upsert replaces rows; null: rows are only appended. */
  readonly key: readonly string[] | null;
  readonly commits: TableCommit[];
  /** The files that readers read now; null before the first commit. */
  live: readonly FileEntry[] | null;
}

/** Assumed size of a row in a file, bytes. */
const BYTES_PER_ROW = 100;
/** Rows beyond it are on disk, as those of a lakehouse. */
const MEMORY_MB = 128;

/**
 * Lakehouse tables in this process: every commit is a snapshot and adds a data file, and for an upsert an
 * equality-delete file. DuckDB holds the rows under the catalog `ice`, so that a pipeline's queries need no changes.
 */
export class InProcessTables {
  readonly #clock: Clock;
  readonly #database: Database;
  readonly #connection: Connection;
  readonly #tables = new Map<string, Table>();
  #commits = 0;
  /** Commits run one at a time, because each uses the staging table. */
  #last: Promise<unknown> = Promise.resolve();

  /** `spillDir`: a folder that is created when rows have to go to disk, and removed on close. */
  static async open(clock: Clock, spillDir: string): Promise<InProcessTables> {
    const limits = { memoryMb: MEMORY_MB, threads: 1, spillDir };
    const database = await openDatabase(':memory:', limits);
    const connection = await database.connect();
    await connection.run(`ATTACH ':memory:' AS ice`);
    return new InProcessTables(clock, database, connection);
  }

  private constructor(clock: Clock, database: Database, connection: Connection) {
    this.#clock = clock;
    this.#database = database;
    this.#connection = connection;
  }

  /** A separate connection. The caller closes it. */
  connect(): Promise<Connection> {
    return this.#database.connect();
  }

  /** Creates an empty table. `columns`: name → DuckDB type. */
  async create(name: string, { columns, key }: Pick<Table, 'columns' | 'key'>): Promise<void> {
    const schema = name.split('.')[0];
    const list = Object.entries(columns).map(([column, type]) => `"${column}" ${type}`);
    await this.#connection.run(`CREATE SCHEMA IF NOT EXISTS ice.${schema};
      CREATE TABLE ice.${name} (${list.join(', ')});
      CREATE TABLE ${staging(name)} (${list.join(', ')})`);
    this.#tables.set(name, { columns, key, commits: [], live: null });
  }

  /**
   * Commits rows, which are visible at once. In a table with a key they replace rows of the same keys; rows of
   * `again` are added without replacing any, so that a key can exist twice.
   */
  commit(name: string, rows: readonly TableRow[], again: readonly TableRow[] = []): Promise<void> {
    const done = this.#last.then(() => this.#commit(name, rows, again));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Replaces the files of a table by one data file with the same rows. Waits for the commits before it. */
  rewrite(
    name: string,
  ): Promise<{ readonly removed: readonly FileEntry[]; readonly added: readonly FileEntry[] }> {
    const done = this.#last.then(() => this.#rewrite(name));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Snapshots of a table, oldest first. */
  history(name: string): readonly TableCommit[] {
    return this.#table(name).commits;
  }

  /** The files that readers of a table read now; null before its first commit. */
  live(name: string): readonly FileEntry[] | null {
    return this.#table(name).live;
  }

  /** Drops the rows and lists of files of a snapshot, which are not read again. The table keeps its rows. */
  release(name: string, snapshotId: string): void {
    const { commits } = this.#table(name);
    const at = commits.findLastIndex(({ snapshot }) => snapshot.id === snapshotId);
    const commit = commits[at];
    if (commit !== undefined) commits[at] = { ...commit, rows: [], added: [], live: [] };
  }

  /** The tables of a namespace, by their full names. */
  names(namespace: string): readonly string[] {
    return [...this.#tables.keys()].filter((name) => name.startsWith(`${namespace}.`));
  }

  columnsOf(name: string): readonly string[] {
    return Object.keys(this.#table(name).columns);
  }

  /** Number of files that an engine reads to scan these tables. */
  liveFiles(): number {
    return [...this.#tables.values()].reduce((total, { live }) => total + (live?.length ?? 0), 0);
  }

  close(): void {
    this.#connection.close();
    this.#database.close();
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw stackBroke(`there is no table ${name}`);
    return table;
  }

  async #commit(
    name: string,
    rows: readonly TableRow[],
    again: readonly TableRow[],
  ): Promise<void> {
    const table = this.#table(name);
    const { key } = table;
    const [connection, batch] = [this.#connection, staging(name)];
    await connection.append(batch, rows);
    if (key !== null) {
      const same = key.map((column) => `t."${column}" = b."${column}"`).join(' AND ');
      await connection.run(`DELETE FROM ice.${name} t USING ${batch} b WHERE ${same}`);
    }
    await connection.append(batch, again);
    await connection.run(`INSERT INTO ice.${name} BY NAME FROM ${batch}; DELETE FROM ${batch}`);
    const all = [...rows, ...again];
    const id = String(++this.#commits);
    const added = [
      fileOf(name, id, 'data', all.length),
      ...(key === null || rows.length === 0
        ? []
        : [fileOf(name, id, 'equality_delete', rows.length)]),
    ];
    const live = [...(table.live ?? []), ...added];
    this.#push(table, { id, rows: all, added, live }, key === null ? 'append' : 'overwrite');
  }

  async #rewrite(name: string) {
    const table = this.#table(name);
    const [row] = await this.#connection.rows<{ n: number }>(
      `SELECT count(*)::DOUBLE AS n FROM ice.${name}`,
    );
    const removed = table.live ?? [];
    const id = String(++this.#commits);
    const added = [fileOf(name, id, 'data', row?.n ?? 0)];
    this.#push(table, { id, rows: [], added, live: added }, 'replace');
    return { removed, added };
  }

  #push(
    table: Table,
    { id, ...commit }: Omit<TableCommit, 'snapshot'> & { readonly id: string },
    operation: Snapshot['operation'],
  ): void {
    const { commits } = table;
    table.live = commit.live;
    commits.push({
      ...commit,
      snapshot: {
        id,
        parentId: commits.at(-1)?.snapshot.id ?? null,
        sequenceNumber: commits.length + 1,
        timestampMs: this.#clock.nowMs(),
        operation,
        summary: {},
      },
    });
  }
}

function fileOf(table: string, id: string, content: FileEntry['content'], rows: number): FileEntry {
  return {
    ...{ status: 'added', snapshotId: id, content, rows, bytes: rows * BYTES_PER_ROW },
    path: `in-process/${table}/${id}-${content}`,
  };
}

function staging(name: string): string {
  return `staged_${name.replace('.', '_')}`;
}

/** Renames the columns of a row from our names to those of the dataset's table. */
export function rowNamedFor(dataset: Pick<Dataset, 'columns'>): (row: TableRow) => TableRow {
  return (row) =>
    Object.fromEntries(Object.entries(row).map(([name, cell]) => [columnOf(dataset, name), cell]));
}
