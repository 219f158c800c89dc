import { suggest } from '../../scenario/problems.ts';
import type { TapeColumns } from '../../scenario/recording.ts';

/** An error in a recording, and the key of the scenario that it concerns. */
export class RecordingProblem extends Error {
  /** Key of `pos`: `tape`, or a key of its map. */
  readonly key: string;

  constructor(key: 'tape' | 'encoding' | keyof TapeColumns, message: string) {
    super(message);
    this.key = key;
  }
}

/** A column that the map names, and its key in the map. */
export interface WantedColumn {
  readonly key: keyof TapeColumns;
  readonly column: string;
}

/** Receives the wanted columns of one row; null: the field is missing. */
export type OnRow = (values: readonly (string | null)[]) => void;

/** Reader of a file format. */
export interface RowReader {
  /** Passes every row of the file to `take`, in its order. Throws RecordingProblem for what cannot be read. */
  read(wanted: readonly WantedColumn[], take: OnRow): Promise<void>;
  /** Position of the n-th row (from 0) for a message: `line 402`. */
  positionOf(row: number): Promise<string>;
}

/** Indexes of the wanted columns in each row of a file. */
export function columnIndexes(
  known: readonly string[],
  wanted: readonly WantedColumn[],
): readonly number[] {
  return wanted.map(({ key, column }) => {
    const place = known.indexOf(column);
    if (place < 0) throw noColumn({ key, column }, known);
    if (known.indexOf(column, place + 1) >= 0) {
      throw new RecordingProblem(key, `the recording has the column "${column}" more than once`);
    }
    return place;
  });
}

/** The error for a missing column, with the most similar existing one. */
export function noColumn(
  { key, column }: WantedColumn,
  known: readonly string[],
): RecordingProblem {
  const names = known.map(excerpt);
  const near = suggest(column, names);
  const list = near.startsWith('known') ? '' : ` (known here: ${names.join(', ')})`;
  return new RecordingProblem(key, `the recording has no column "${column}": ${near}${list}`);
}

const MAX_EXCERPT = 60;

/** A value of the file for a message: on one line, without control characters, and not too long. */
export function excerpt(text: string): string {
  const start = text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT)}…` : text;
  return start.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
