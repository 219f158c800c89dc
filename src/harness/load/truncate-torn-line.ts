import { createReadStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import type { FactFileRef } from './fact-file.ts';

const QUOTE = 0x22;
const NEWLINE = 0x0a;

/**
 * Cuts the unfinished line off the end of a file that was not closed in good order: DuckDB refuses the
 * whole file for it. Gives the bytes of that line; 0 when there was none. Only such a file is touched: in
 * one that was closed a torn line is damage, and stays an error.
 */
export async function truncateTornLine(file: FactFileRef): Promise<number> {
  if (file.closed) return 0;
  const { size } = await stat(file.path);
  const wholeBytes = await endOfLastLine(file.path);
  if (wholeBytes < size) await truncate(file.path, wholeBytes);
  return size - wholeBytes;
}

/** Where the last line ends that has its newline. A newline within quotes ends no line. */
async function endOfLastLine(path: string): Promise<number> {
  let at = 0;
  let end = 0;
  let quoted = false;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      at++;
      // An escaped quote is two of them, so it changes nothing.
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === NEWLINE && !quoted) end = at;
    }
  }
  return end;
}
