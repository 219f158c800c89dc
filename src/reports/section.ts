import type { RunRecord } from '../record/record.ts';

/** The elements of all reports. */

/** The meaning of a text; a format decides its appearance. */
export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'dim';

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

export interface Table {
  readonly columns: readonly { readonly name: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A section of a report: a title, notes, and tables. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** Explanation of the numbers for a first-time reader. */
  readonly about: string;
  readonly tables: readonly Table[];
  readonly notes: readonly Cell[];
}

export const cell = (text: string, tone: Tone = 'plain'): Cell => ({ text, tone });
export const left = (name: string) => ({ name, align: 'left' }) as const;
export const right = (name: string) => ({ name, align: 'right' }) as const;

/** A verdict as a cell. */
export function verdictTone(verdict: NonNullable<RunRecord['verdict']>): Cell {
  const tones = { PASS: 'good', FAIL: 'bad', INVALID: 'warn', NO_DATA: 'warn' } as const;
  return cell(verdict.replace('_', ' '), tones[verdict]);
}
