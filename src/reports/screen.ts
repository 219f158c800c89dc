import picocolors from 'picocolors';
import { type Cell, cell, type Tone } from './section.ts';
import { painter, wrapped } from './terminal.ts';

/**
 * Lays out lines for one screen: no line is wider than the screen, and the least important rows that do not fit are left
 * out, with a line that says how many.
 */

/** A piece of a line; bold: a title or the verdict. */
interface Span extends Cell {
  readonly bold?: boolean;
  /** Never cut: a path must be copyable. */
  readonly whole?: boolean;
}
export type Line = readonly Span[];

/** Lines that are shown or left out together. */
export interface Row {
  readonly lines: readonly Line[];
  /** Importance: the lowest is left out first; +∞: never. */
  readonly keep: number;
  /** Left out without a note. */
  readonly minor?: boolean;
}

export interface Block {
  readonly rows: readonly Row[];
  /** Note on what was left out of this block. */
  readonly more?: (hidden: readonly Row[]) => string;
}

export const bold = (text: string, tone: Tone = 'plain'): Span => ({ text, tone, bold: true });
export const row = (keep: number, ...lines: readonly Line[]): Row => ({ keep, lines });

/** Text on one line: a record's text may have line breaks in it. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Cuts a text to `width` characters, with an ellipsis. */
export function clipped(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width <= 0) return '';
  // Do not keep half of a surrogate pair.
  return `${text.slice(0, width - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** At most `most` lines of `width` characters, broken at spaces. */
export function paragraph(text: string, width: number, most: number): readonly string[] {
  const lines = wrapped(oneLine(text), width);
  const shown = lines.slice(0, most).map((line) => clipped(line, width));
  if (lines.length > most) shown[most - 1] = clipped(`${shown[most - 1]} …`, width);
  return shown;
}

/** A label and its text, with a hanging indent and in at most three lines. */
export function labelled(label: string, text: string, width: number, tone: Tone = 'plain'): Line[] {
  const indent = 12;
  return paragraph(text, width - indent, 3).map((line, i) => [
    bold((i === 0 ? label : '').padEnd(indent)),
    cell(line, tone),
  ]);
}

/** A column of a table; on a narrow screen columns with a lower `keep` are left out first. */
export interface Column {
  readonly name: string;
  readonly align: 'left' | 'right';
  readonly keep: number;
  readonly most?: number;
  /** The column is shrunk to this width before more important columns are left out. */
  readonly least?: number;
}

const WIDEST_CELL = 24;
const GAP = 2;

/** The lines of a table, headings first, and the names of the columns that do not fit. */
export function tabulated(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
): { readonly lines: readonly Line[]; readonly left: readonly string[] } {
  const most = (i: number) => columns[i]?.most ?? WIDEST_CELL;
  const fitting = (cells: readonly Cell[]) =>
    cells.map(({ text, tone }, i) => cell(clipped(oneLine(text), most(i)), tone));
  const names = fitting(columns.map(({ name }) => cell(name, 'dim')));
  const all = rows.map(fitting);
  const widths = columns.map((_, i) =>
    Math.max(...[names, ...all].map((cells) => cells[i]?.text.length ?? 0)),
  );
  const shown = new Set(columns.keys());
  const total = () => [...shown].reduce((sum, i) => sum + (widths[i] as number) + GAP, 0) - GAP;
  const byKeep = [...columns.entries()].slice(1).toSorted(([, a], [, b]) => a.keep - b.keep);
  for (const [i, { least }] of byKeep) {
    const over = total() - width;
    if (over <= 0) break;
    if (least === undefined) shown.delete(i);
    else widths[i] = Math.max(least, (widths[i] as number) - over);
  }
  const line = (cells: readonly Cell[]): Line =>
    [...shown].flatMap((i, at) => {
      const { text: all, tone } = cells[i] ?? cell('');
      const text = clipped(all, widths[i] as number);
      const gap = ' '.repeat((widths[i] as number) - text.length);
      const before = at === 0 ? '' : ' '.repeat(GAP);
      return columns[i]?.align === 'left'
        ? [cell(before + text, tone), cell(gap)]
        : [cell(before + gap), cell(text, tone)];
    });
  return {
    lines: [line(names), ...all.map(line)],
    left: columns.filter((_, i) => !shown.has(i)).map(({ name }) => name),
  };
}

/** The headings of a table with its title first. */
export function titled(names: Line): Line {
  return names.map((span, i) => (i === 0 ? bold(span.text) : span));
}

/** The blocks as text, a blank line between them, in at most `lines` lines of `width` characters. */
export function screen(
  blocks: readonly Block[],
  {
    lines,
    width,
    color,
  }: { readonly lines: number; readonly width: number; readonly color: boolean },
): string {
  const present = blocks
    .filter(({ rows }) => rows.length > 0)
    .map((block) => ({ block, lines: linesOf(block.rows), hidden: new Set<Row>(), told: 0 }));
  const height = ({ block, lines: shown, told }: (typeof present)[number]) =>
    shown + (told > 0 && block.more !== undefined ? 1 : 0);
  const total = () =>
    present.reduce((sum, one) => sum + (height(one) === 0 ? 0 : height(one) + 1), 0) - 1;
  const order = present
    .flatMap((of) => of.block.rows.map((one, i) => ({ of, one, i })))
    .filter(({ one }) => one.keep < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.one.keep - b.one.keep || b.i - a.i);
  for (const { of, one } of order) {
    if (total() <= lines) break;
    of.hidden.add(one);
    of.lines -= one.lines.length;
    if (one.minor !== true) of.told += 1;
  }
  return `${present
    .map(({ block, hidden }) => shownLines(block, hidden))
    .filter((shown) => shown.length > 0)
    .map((shown) => shown.map((line) => painted(line, width, color)).join('\n'))
    .join('\n\n')}\n`;
}

function linesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { lines }) => sum + lines.length, 0);
}

function shownLines({ rows, more }: Block, hidden: ReadonlySet<Row>): readonly Line[] {
  const left = rows.filter((one) => hidden.has(one) && one.minor !== true);
  return [
    ...rows.filter((one) => !hidden.has(one)).flatMap(({ lines }) => lines),
    ...(left.length > 0 && more ? [[cell(`… ${more(left)}`, 'dim')]] : []),
  ];
}

function painted(line: Line, width: number, color: boolean): string {
  const paint = painter(color);
  const strong = picocolors.createColors(color).bold;
  let left = width;
  const spans = line.flatMap(({ text, tone, bold: isBold, whole }) => {
    const flat = text.replace(/\s/g, ' ');
    const shown = whole ? flat : clipped(flat, left);
    left -= shown.length;
    return [isBold && shown !== '' ? strong(paint(shown, tone)) : paint(shown, tone)];
  });
  return spans.join('').trimEnd();
}
