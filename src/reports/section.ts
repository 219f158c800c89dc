import type { RunRecord } from '../record/record.ts';

/** The words every part of a report is made of. */

/** How a piece of text is to be taken; a format decides what it looks like. */
export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'dim';

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

export interface Table {
  readonly columns: readonly { readonly name: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** One part of a report: a title, what it says, and the tables behind it. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** What the numbers are, for someone who sees them for the first time. */
  readonly about: string;
  readonly tables: readonly Table[];
  readonly notes: readonly Cell[];
}

export const cell = (text: string, tone: Tone = 'plain'): Cell => ({ text, tone });
export const left = (name: string) => ({ name, align: 'left' }) as const;
export const right = (name: string) => ({ name, align: 'right' }) as const;

/** What a verdict looks like. */
export function verdictTone(verdict: NonNullable<RunRecord['verdict']>): Cell {
  const tones = { PASS: 'good', FAIL: 'bad', INVALID: 'warn', NO_DATA: 'warn' } as const;
  return cell(verdict.replace('_', ' '), tones[verdict]);
}
