import { Readable } from 'node:stream';
import { type CsvError, type Options, type Parser, parse } from 'csv-parse';
import { parse as parseAtOnce } from 'csv-parse/sync';
import {
  columnIndexes,
  excerpt,
  type OnRow,
  RecordingProblem,
  type RowReader,
  type WantedColumn,
} from './problem.ts';
import { LONGEST_LINE, textOf } from './text.ts';

const DELIMITERS = [',', ';', '\t', '|'] as const;

/**
 * Strict RFC 4180: quotes are doubled within quotes, every row has as many fields as the header, and there are no
 * comments. Any line ending is accepted.
 */
const STRICT: Options & { readonly readableHighWaterMark: number } = {
  record_delimiter: ['\r\n', '\n', '\r'],
  skip_empty_lines: true,
  max_record_size: LONGEST_LINE,
  // Rows that are buffered.
  readableHighWaterMark: 4_096,
};

/** Reads a CSV file. Without a given delimiter, it uses the one with which the header contains the wanted columns. */
export function csvReader(path: string, encoding: string | null, given?: string): RowReader {
  let delimiter = given ?? ',';
  return {
    async read(wanted, take) {
      const header = await headerOf(path, encoding);
      delimiter = given ?? delimiterOf(header, wanted);
      await eachRow(path, encoding, delimiter, wanted, take);
    },
    positionOf: (row) => placeOf(path, encoding, delimiter, row),
  };
}

/** The beginning of a file, including its first line. */
async function headerOf(path: string, encoding: string | null): Promise<string> {
  let head = '';
  for await (const piece of textOf(path, encoding)) {
    head += piece;
    if (/[^\r\n][\r\n]/.test(head) || head.length > LONGEST_LINE) break;
  }
  return head;
}

function delimiterOf(head: string, wanted: readonly WantedColumn[]): string {
  const found = DELIMITERS.map((delimiter) => ({ delimiter, names: namesIn(head, delimiter) }));
  const has = (names: readonly string[]) =>
    wanted.filter(({ column }) => names.includes(column)).length;
  found.sort((a, b) => has(b.names) - has(a.names) || b.names.length - a.names.length);
  return found[0]?.delimiter ?? ',';
}

function namesIn(head: string, delimiter: string): readonly string[] {
  try {
    return (parseAtOnce(head, { ...STRICT, delimiter, to: 1 }) as string[][])[0] ?? [];
  } catch {
    return [];
  }
}

async function eachRow(
  path: string,
  encoding: string | null,
  delimiter: string,
  wanted: readonly WantedColumn[],
  take: OnRow,
): Promise<void> {
  let places: readonly number[] | undefined;
  for await (const records of parsed(path, encoding, { ...STRICT, delimiter })) {
    for (const record of records as readonly (readonly string[])[]) {
      if (places === undefined) places = columnIndexes(record, wanted);
      else take(places.map((place) => record[place] as string));
    }
  }
  if (places === undefined) columnIndexes([], wanted);
}

/** The records of a file, in batches. Errors of the parser are reported with their line. */
async function* parsed(
  path: string,
  encoding: string | null,
  options: Options,
): AsyncGenerator<readonly unknown[]> {
  const parser = parse(options);
  const source = Readable.from(textOf(path, encoding), { objectMode: true });
  source.on('error', (error) => parser.destroy(error));
  // The error is thrown where the next rows are awaited.
  parser.on('error', () => {});
  source.pipe(parser);
  try {
    while (!parser.readableEnded) {
      const batch = drained(parser);
      if (batch.length > 0) yield batch;
      else if (!parser.readableEnded) await more(parser);
    }
  } catch (error) {
    throw error instanceof RecordingProblem ? error : problemOf(error as CsvError);
  } finally {
    source.destroy();
    parser.destroy();
  }
}

function drained(parser: Parser): readonly unknown[] {
  const batch: unknown[] = [];
  for (let record = parser.read(); record !== null; record = parser.read()) batch.push(record);
  return batch;
}

function more(parser: Parser): Promise<void> {
  return new Promise((resolve, reject) => {
    if (parser.errored) {
      reject(parser.errored);
      return;
    }
    const done = () => {
      parser.off('readable', done).off('end', done).off('error', fail);
      resolve();
    };
    const fail = (error: Error) => {
      parser.off('readable', done).off('end', done);
      reject(error);
    };
    parser.once('readable', done).once('end', done).once('error', fail);
  });
}

/** Messages for the parser's error codes. */
const PARSER_ERRORS: Readonly<Record<string, (error: CsvError) => string>> = {
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: ({ record, message }) => {
    const fields = (record as readonly string[]).length;
    const expected = /expect (\d+)/.exec(message)?.[1];
    return `has ${fields} field${fields === 1 ? '' : 's'}, and the header has ${expected}`;
  },
  INVALID_OPENING_QUOTE: () => 'has a quote within a field that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: () =>
    'has text after a closing quote: within quotes a quote is written twice',
  CSV_QUOTE_NOT_CLOSED: () => 'begins a quote that is never closed',
  CSV_MAX_RECORD_SIZE: () =>
    `has a row longer than ${LONGEST_LINE} bytes, as after a quote that is not closed`,
};

function problemOf(error: CsvError): RecordingProblem {
  const fact = PARSER_ERRORS[error.code]?.(error) ?? excerpt(error.message);
  const { lines } = error as unknown as { readonly lines?: number };
  const place = typeof lines === 'number' ? `line ${lines} ` : 'the file ';
  return new RecordingProblem('tape', place + fact);
}

/** Lines are counted only for a message, because that doubles the time of the parser. */
async function placeOf(
  path: string,
  encoding: string | null,
  delimiter: string,
  row: number,
): Promise<string> {
  const options = { ...STRICT, delimiter, info: true, from: row + 2, to: row + 2 };
  for await (const [found] of parsed(path, encoding, options)) {
    const { info, record } = found as {
      readonly info: { readonly lines: number };
      readonly record: readonly string[];
    };
    const within = record.join('').match(/\r\n|\r|\n/g)?.length ?? 0;
    return `line ${info.lines - within}`;
  }
  return `row ${row + 1}`;
}
