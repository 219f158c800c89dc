import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { RecordingProblem } from './problem.ts';

/** Longest accepted line; the longest known one of an export has a few kilobytes. */
export const LONGEST_LINE = 2 ** 20;
const CHUNK_BYTES = 2 ** 18;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * The text of a file in chunks, without its byte order mark. Throws RecordingProblem, with the line, for bytes that
 * are invalid in the encoding. A UTF-8 chunk ends at the end of a line.
 */
export async function* textOf(path: string, encoding: string | null): AsyncGenerator<string> {
  const pieces = encoding === null ? utf8(path) : decoded(path, encoding);
  let first = true;
  for await (const piece of pieces) {
    yield first && piece.startsWith('\ufeff') ? piece.slice(1) : piece;
    first = false;
  }
}

/** The bytes of a file, decompressed if its name ends in .gz. */
async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const stream = path.endsWith('.gz') ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  file.on('error', (error) => stream.destroy(error));
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw new RecordingProblem('tape', `cannot be read: ${(error as Error).message}`);
  } finally {
    file.destroy();
  }
}

async function* decoded(path: string, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  const decode = (bytes?: Buffer) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new RecordingProblem('encoding', `the recording is not in ${encoding}`);
    }
  };
  for await (const bytes of bytesOf(path)) yield decode(bytes);
  yield decode();
}

async function* utf8(path: string): AsyncGenerator<string> {
  let lines = 0;
  let rest: Buffer = Buffer.alloc(0);
  let first = true;
  for await (const bytes of bytesOf(path)) {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    if (first) rejectOtherByteOrderMark(all);
    first = false;
    const end = lastLineEnd(all);
    if (all.length - end > LONGEST_LINE) throw tooLong(lines + linesIn(all.subarray(0, end)) + 1);
    if (end > 0) {
      yield checked(all.subarray(0, end), lines);
      lines += linesIn(all.subarray(0, end));
    }
    rest = all.subarray(end);
  }
  if (rest.length > 0) yield checked(rest, lines);
}

/** Offset after the last line end; CR LF is not split. */
function lastLineEnd(bytes: Buffer): number {
  const feed = bytes.lastIndexOf(LINE_FEED);
  return feed >= 0 ? feed + 1 : bytes.subarray(0, -1).lastIndexOf(CARRIAGE_RETURN) + 1;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}

function checked(bytes: Buffer, linesBefore: number): string {
  if (isUtf8(bytes) && !bytes.includes(0)) return bytes.toString('utf8');
  let from = 0;
  for (let line = linesBefore + 1; ; line++) {
    const feed = bytes.indexOf(LINE_FEED, from);
    const to = feed < 0 ? bytes.length : feed + 1;
    const own = bytes.subarray(from, to);
    if (own.includes(0)) {
      throw new RecordingProblem(
        'tape',
        `line ${line} has a byte 0, as UTF-16 has: map.encoding says what it is, like utf-16le`,
      );
    }
    if (!isUtf8(own) || feed < 0) {
      throw new RecordingProblem(
        'tape',
        `line ${line} is not UTF-8: map.encoding says what it is, like windows-1252`,
      );
    }
    from = to;
  }
}

function rejectOtherByteOrderMark(bytes: Buffer): void {
  const mark = bytes.subarray(0, 2).toString('latin1');
  const encoding = mark === 'ÿþ' ? 'utf-16le' : mark === 'þÿ' ? 'utf-16be' : null;
  if (encoding === null) return;
  throw new RecordingProblem('tape', `the recording is UTF-16: map.encoding has to be ${encoding}`);
}

export function tooLong(line: number): RecordingProblem {
  return new RecordingProblem('tape', `line ${line} is longer than ${LONGEST_LINE} bytes`);
}
