import { createReadStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import type { FactFileRef } from './fact-file.ts';

const QUOTE = 0x22;
const NEWLINE = 0x0a;

/**
 * Cuts an incomplete last line off a file that was not closed, because DuckDB rejects a file with one.
 * Returns the bytes that were cut; 0 if there was no such line. A closed file is never changed: a torn
 * line there is damage, and stays an error.
 */
export async function truncateTornLine(file: FactFileRef): Promise<number> {
  if (file.closed) return 0;
  const { size } = await stat(file.path);
  const wholeBytes = await endOfLastLine(file.path);
  if (wholeBytes < size) await truncate(file.path, wholeBytes);
  return size - wholeBytes;
}

/** Offset after the last newline. A newline within quotes ends no line. */
async function endOfLastLine(path: string): Promise<number> {
  let at = 0;
  let end = 0;
  let quoted = false;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      at++;
      // An escaped quote is two quotes, which cancel each other out.
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === NEWLINE && !quoted) end = at;
    }
  }
  return end;
}
