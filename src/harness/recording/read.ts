import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Recording, TapeMap } from '../../scenario/recording.ts';
import { csvReader } from './csv.ts';
import { LineCollector, wantedBy } from './lines.ts';
import { ndjsonReader } from './ndjson.ts';
import { recordingOfLines } from './number.ts';
import { parquetReader } from './parquet.ts';
import { RecordingProblem, type RowReader } from './problem.ts';

/** Reader of each format, by file extension; text formats may also end in .gz. */
const FORMATS: Readonly<Record<string, (path: string, map: TapeMap) => RowReader>> = {
  csv: (path, { encoding }) => csvReader(path, encoding),
  tsv: (path, { encoding }) => csvReader(path, encoding, '\t'),
  ndjson: (path, { encoding }) => ndjsonReader(path, encoding),
  jsonl: (path, { encoding }) => ndjsonReader(path, encoding),
  parquet: (path) => parquetReader(path),
};

/**
 * Reads a complete recorded file into columns: no line is left out. Throws RecordingProblem for errors in the
 * file or its map.
 */
export async function readRecording(path: string, map: TapeMap): Promise<Recording> {
  const reader = readerOf(path, map);
  const sha256 = await digestOf(path);
  const wanted = wantedBy(map);
  const gatherer = new LineCollector(map, wanted);
  await reader.read(wanted, gatherer.take);
  const lines = await gatherer.lines((row) => reader.positionOf(row));
  return { sha256, ...recordingOfLines(lines, map) };
}

function readerOf(path: string, map: TapeMap): RowReader {
  const [, ending = '', gz] = /\.([a-z]+)(\.gz)?$/i.exec(path) ?? [];
  const format = ending.toLowerCase();
  const open = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (open === undefined || (gz !== undefined && format === 'parquet')) {
    const known = Object.keys(FORMATS).map((name) => `.${name}`);
    throw new RecordingProblem(
      'tape',
      `has an unknown format; known are ${known.join(', ')}, and all but .parquet with .gz added`,
    );
  }
  if (map.encoding !== null && format === 'parquet') {
    throw new RecordingProblem('encoding', 'Parquet has its own encoding: leave it out');
  }
  return open(path, map);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new RecordingProblem('tape', `cannot be read: ${(error as Error).message}`);
  }
  return hash.digest('hex');
}
