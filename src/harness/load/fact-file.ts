import { once } from 'node:events';
import { createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { quoted } from '../../core/sql.ts';
import type { FactTable } from '../../record/facts.ts';
import { CsvBuffer, type CsvValue } from './csv.ts';

/** A CSV file (no header, NULL is empty) whose columns are those of one table of facts, in order. */
export interface FactFileRef {
  readonly table: FactTable;
  readonly path: string;
  /** Every line is complete. Otherwise the last one may be torn (see truncate-torn-line.ts). */
  readonly closed: boolean;
}

const FLUSH_AT = 256 * 1024;
/** A longer line costs a copy of the buffer. */
const LONGEST_LINE = 4 * 1024;

/**
 * Appends rows of one table to a file as they arise: a producing thread holds few rows in memory, and
 * an interrupted run keeps the rows that were written.
 */
export class FactFile implements AsyncDisposable {
  readonly #table: FactTable;
  readonly #path: string;
  readonly #out: WriteStream;
  readonly #lines = new CsvBuffer(FLUSH_AT + LONGEST_LINE);
  #error: Error | undefined;
  #closed = false;

  constructor(table: FactTable, path: string) {
    this.#table = table;
    this.#path = path;
    this.#out = createWriteStream(path);
    this.#out.on('error', (error) => {
      this.#error = error;
    });
  }

  get ref(): FactFileRef {
    return { table: this.#table, path: this.#path, closed: this.#closed };
  }

  append(values: readonly CsvValue[]): void {
    this.#lines.appendLine(values);
    if (this.#lines.length >= FLUSH_AT) this.#write();
  }

  /** Applies backpressure between batches: resolves when the write buffer is short, rejects after a write error. */
  async settle(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#out.writableNeedDrain && this.#out.writableLength > 16 * 1024 * 1024) {
      await once(this.#out, 'drain');
    }
  }

  /** Resolves when every row appended so far is in the file; rejects after a write error. */
  async written(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve, reject) => {
      this.#out.write(this.#lines.take(), (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#write();
    this.#out.end();
    if (this.#error === undefined && !this.#out.closed) await once(this.#out, 'close');
    if (this.#error !== undefined) throw this.#error;
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write(): void {
    if (this.#lines.length > 0) this.#out.write(this.#lines.take());
  }
}

/** The files that a producing thread keeps, by table. */
export function threadFiles(dir: string, worker: number) {
  return {
    events: join(dir, `events-${worker}.csv`),
    loop_delay: join(dir, `loop-delay-${worker}.csv`),
    load: join(dir, `load-${worker}.csv`),
  } as const satisfies Partial<Record<FactTable, string>>;
}

/** Files of a producing thread that ended without reporting that it closed them. */
export function unclosedFiles(dir: string, worker: number): readonly FactFileRef[] {
  return Object.entries(threadFiles(dir, worker)).flatMap(([table, path]) =>
    existsSync(path) ? [{ table: table as FactTable, path, closed: false }] : [],
  );
}

/** SQL that loads a file into its table of facts, or into one with the same columns. */
export function ingestSql(file: FactFileRef, into: string = file.table): string {
  return `COPY ${into} FROM ${quoted(file.path)} (FORMAT csv, HEADER false, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR '', AUTO_DETECT false)`;
}
