import picocolors from 'picocolors';
import type { RunRecord } from '../record/record.ts';
import type { Cell, Table, Tone } from './section.ts';
import { summarize } from './summary.ts';

/** Width of the terminal, and whether colours are allowed (the caller reads NO_COLOR). */
export interface TerminalOptions {
  readonly color: boolean;
  readonly columns: number;
  /** Path of the run's folder; its name by default. */
  readonly dir?: string;
  /** Exit code of the command if it differs from the record's, because a report could not be written. */
  readonly exitCode?: number;
}

type Paint = (text: string, tone: Tone) => string;

/** Colours a text by its tone, or leaves it as it is. */
export function painter(color: boolean): Paint {
  const { green, red, yellow, dim } = picocolors.createColors(color);
  const tones = { plain: (text: string) => text, good: green, bad: red, warn: yellow, dim };
  return (text, tone) => (text === '' ? text : tones[tone](text));
}

/** Sections that only the long reports print. */
const LEFT_OUT = new Set(['changes', 'waterfall', 'age', 'trickle', 'cost']);

/** Explanation of a section in one line; the long reports have it in full. */
const IN_SHORT: Readonly<Record<string, string>> = {
  staleness: 'p50 / p99, from when it happened to when a reader could see it',
  faults: 'recovered: from when it was back until age stayed below the target',
  queries: 'hot: engine open; answer age: how old the answer was when it came',
  files: 'data + equality-delete + position-delete files, when each phase ended',
  truth:
    'one row lost, duplicated, wrong or regressed is a FAIL; BOOK is what happened in the shops',
  promises: 'orders replayed against what the stock table showed, and what was there',
  canaries: 'marked rows polled by key, to check the census',
  producing: 'messages, by the phase they were due in',
  health: 'past a limit the run is INVALID',
};

/** The whole record for a terminal: verdict and headline first, the command to repeat the run last. */
export function renderTerminal(record: RunRecord, options: TerminalOptions): string {
  const summary = summarize(record);
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const width = Math.max(60, Math.min(options.columns, 100));
  const lines: string[] = [];
  const say = (text: string, tone: Tone = 'plain', indent = '') =>
    lines.push(...wrapped(text, width - indent.length).map((line) => indent + paint(line, tone)));

  lines.push(`${bold(paint(summary.verdict.text, summary.verdict.tone))}  ${record.scenario.name}`);
  lines.push(...wrapped(summary.headline, width).map((line) => bold(line)));
  for (const alarm of summary.alarms) say(`! ${alarm}`, 'bad');
  for (const warning of summary.warnings) say(`! ${warning}`, 'warn');
  for (const section of summary.sections) {
    if (LEFT_OUT.has(section.id)) continue;
    const short = IN_SHORT[section.id];
    lines.push('', bold(section.title) + (short ? paint(`  ${short}`, 'dim') : ''));
    for (const table of section.tables) lines.push(...tableLines(table, paint));
    for (const note of section.notes) say(note.text, note.tone, '  ');
  }
  lines.push('', ...footer(summary.reproduce, record, paint));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function footer(reproduce: string, record: RunRecord, paint: Paint): readonly string[] {
  return [
    `${paint('again  ', 'dim')} ${reproduce}`,
    `${paint('record ', 'dim')} ${record.id}`,
    `${paint('terms  ', 'dim')} docs/measuring.md says what each number means`,
  ];
}

/** Columns as wide as their widest cell, two spaces apart; headings dim. */
export function tableLines(table: Table, paint: Paint): readonly string[] {
  const widths = table.columns.map(({ name }, i) =>
    Math.max(name.length, ...table.rows.map((row) => row[i]?.text.length ?? 0)),
  );
  const line = (cells: readonly Cell[]) =>
    `  ${table.columns
      .map(({ align }, i) => {
        const { text, tone } = cells[i] as Cell;
        const gap = ' '.repeat((widths[i] as number) - text.length);
        return align === 'left' ? paint(text, tone) + gap : gap + paint(text, tone);
      })
      .join('  ')}`;
  return [
    line(table.columns.map(({ name }) => ({ text: name, tone: 'dim' as const }))),
    ...table.rows.map(line),
  ];
}

/** Wraps at spaces; a word longer than the line stays whole, so that it can be copied. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
