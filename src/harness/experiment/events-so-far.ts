import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FACTS } from '../../record/facts.ts';
import type { Connection } from '../clients/duckdb.ts';
import { ingestSql, threadFiles } from '../load/fact-file.ts';
import { MARK_DUPLICATES } from '../load/ingest-facts.ts';

const READ_BYTES = 4 * 2 ** 20;
const [QUOTE, NEWLINE] = [0x22, 0x0a];

/**
 * The events of a load that goes on: a table `events` of this connection alone, which grows with the files of the
 * producing threads. Each byte of a file is read once.
 */
export class EventsSoFar {
  readonly #sql: Connection;
  readonly #files: readonly { readonly path: string; offset: number }[];
  readonly #chunk: string;

  private constructor(sql: Connection, { dir, threads }: Source) {
    this.#sql = sql;
    this.#files = Array.from({ length: threads }, (_, thread) => ({
      path: threadFiles(dir, thread).events,
      offset: 0,
    }));
    this.#chunk = join(dir, 'events-so-far.csv');
  }

  static async open(sql: Connection, source: Source): Promise<EventsSoFar> {
    await sql.run(
      `CREATE TEMP TABLE events (${FACTS.events}); CREATE TEMP TABLE chunk (${FACTS.events})`,
    );
    return new EventsSoFar(sql, source);
  }

  /** Reads every line that was complete in its file at the time of the call. */
  async read(): Promise<void> {
    for (const file of this.#files) {
      while (true) {
        const lines = completeLines(file.path, file.offset);
        if (lines.byteLength === 0) break;
        file.offset += lines.byteLength;
        writeFileSync(this.#chunk, lines);
        // The opening stock, markers and canaries are no changes.
        await this.#sql.run(`${ingestSql({ table: 'events', path: this.#chunk, closed: true }, 'chunk')};
          INSERT INTO events FROM chunk WHERE role IN ('original', 'copy'); DELETE FROM chunk`);
      }
    }
    await this.#sql.run(MARK_DUPLICATES);
  }
}

interface Source {
  /** Folder of the files. */
  readonly dir: string;
  readonly threads: number;
}

/** Bytes from an offset on up to the end of the last complete line, a few MB at most. A quoted field may hold a line feed. */
function completeLines(path: string, offset: number): Buffer {
  if (!existsSync(path)) return Buffer.alloc(0);
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(READ_BYTES);
    const length = readSync(file, bytes, 0, READ_BYTES, offset);
    let end = 0;
    let isQuoted = false;
    for (let i = 0; i < length; i++) {
      if (bytes[i] === QUOTE) isQuoted = !isQuoted;
      else if (bytes[i] === NEWLINE && !isQuoted) end = i + 1;
    }
    return bytes.subarray(0, end);
  } finally {
    closeSync(file);
  }
}
