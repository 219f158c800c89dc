import { suggest } from '../../scenario/problems.ts';
import type { TapeColumns } from '../../scenario/recording.ts';

/** What is wrong with a recording, and which key of the scenario says so. */
export class RecordingProblem extends Error {
  /** Of pos: `tape`, or a key of its map. */
  readonly key: string;

  constructor(key: 'tape' | 'encoding' | keyof TapeColumns, message: string) {
    super(message);
    this.key = key;
  }
}

/** A column that the map names, and by which key. */
export interface Wanted {
  readonly key: keyof TapeColumns;
  readonly column: string;
}

/** Takes the wanted columns of one row; null: the file has nothing there. */
export type TakeRow = (values: readonly (string | null)[]) => void;

/** A recorded file as its reader takes it. */
export interface RowReader {
  /** Hands out every row of the file, in its order. Throws RecordingProblem at what cannot be read. */
  read(wanted: readonly Wanted[], take: TakeRow): Promise<void>;
  /** Where the n-th row (from 0) stands, as a message says it: `line 402`. */
  placeOf(row: number): Promise<string>;
}

/** Where in each row of a file the wanted columns stand. */
export function placesIn(known: readonly string[], wanted: readonly Wanted[]): readonly number[] {
  return wanted.map(({ key, column }) => {
    const place = known.indexOf(column);
    if (place < 0) throw noColumn({ key, column }, known);
    if (known.indexOf(column, place + 1) >= 0) {
      throw new RecordingProblem(key, `the recording has the column "${column}" more than once`);
    }
    return place;
  });
}

/** That a column is not there, with the nearest one that is. */
export function noColumn({ key, column }: Wanted, known: readonly string[]): RecordingProblem {
  const names = known.map(shown);
  const near = suggest(column, names);
  const list = near.startsWith('known') ? '' : ` (known here: ${names.join(', ')})`;
  return new RecordingProblem(key, `the recording has no column "${column}": ${near}${list}`);
}

const MOST_SHOWN = 60;

/** A value of the file for a message: on one line, without control characters, and not too long. */
export function shown(text: string): string {
  const start = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
  return start.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
