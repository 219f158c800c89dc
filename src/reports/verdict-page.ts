import picocolors from 'picocolors';
import { inUnit, percent, signed } from './format.ts';
import type { GateVerdict } from './gate.ts';
import { escaped, tableLines as markdownLines } from './markdown.ts';
import type { Spread } from './repetition.ts';
import { type Cell, cell, left, right, type Table, type Tone } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

/** What both kinds of gate say, whatever they decide by. */
export interface VerdictPage {
  readonly verdict: GateVerdict;
  readonly scenario: string;
  /** The result in one line. */
  readonly headline: string;
  /** What was lost, duplicated or falsified, as sentences. */
  readonly truth: readonly string[];
  readonly warnings: readonly string[];
  readonly table: Table;
  /** How the table is to be read. */
  readonly legend: string;
  readonly reproduce: string;
}

export const GATE_TONES: Readonly<Record<GateVerdict, Tone>> = {
  PASS: 'good',
  FAIL: 'bad',
  UNDECIDED: 'warn',
  INVALID: 'warn',
};
const MARKS: Readonly<Record<GateVerdict, string>> = {
  PASS: '✅',
  FAIL: '❌',
  UNDECIDED: '⚠️',
  INVALID: '⚠️',
};

/** For a terminal. */
export function verdictText(page: VerdictPage, options: TerminalOptions): string {
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const width = Math.max(60, Math.min(options.columns, 100));
  const noted = (texts: readonly string[], tone: Tone) =>
    texts.flatMap((text) => wrapped(`! ${text}`, width).map((line) => paint(line, tone)));
  const lines = [
    bold(paint(page.verdict, GATE_TONES[page.verdict])),
    ...wrapped(page.headline, width),
    ...noted(page.truth, 'bad'),
    ...noted(page.warnings, 'warn'),
    '',
    ...tableLines(page.table, paint),
    '',
    ...wrapped(page.legend, width).map((line) => paint(line, 'dim')),
    paint(`again   ${page.reproduce}`, 'dim'),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** As Markdown: the summary of a job, or a comment for a pull request. */
export function verdictMarkdown(page: VerdictPage): string {
  const lines = [
    `### ${MARKS[page.verdict]} ${page.verdict}: ${escaped(page.scenario)}`,
    '',
    `**${escaped(page.headline)}**`,
    '',
    ...page.truth.map((text) => `> ❌ ${escaped(text)}`),
    ...page.warnings.map((text) => `> ⚠️ ${escaped(text)}`),
    ...(page.truth.length + page.warnings.length > 0 ? [''] : []),
    ...markdownLines(page.table),
    '',
    escaped(page.legend),
    '',
    `    ${page.reproduce}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** A metric that was decided, as far as the table shows it. */
interface Decided {
  readonly title: string;
  readonly unit: Parameters<typeof inUnit>[1];
  readonly base: Pick<Spread, 'median'>;
  readonly head: Pick<Spread, 'median'>;
  readonly estimate?: number | null;
  readonly upper?: number | null;
  readonly effect: number;
  readonly p?: number;
}

/** One row per metric. */
export function decidedTable<M extends Decided>(
  metrics: readonly M[],
  found: (metric: M) => Cell,
): Table {
  return {
    columns: [
      ...[left('metric'), right('base'), right('head'), right('change'), right('at most')],
      ...[right('effect'), right('p'), left('found')],
    ],
    rows: metrics.map((one) => [
      cell(one.title),
      cell(inUnit(one.base.median, one.unit)),
      cell(inUnit(one.head.median, one.unit)),
      cell(shareOf(one.estimate)),
      cell(shareOf(one.upper)),
      cell(percent(one.effect)),
      cell(one.p === undefined ? '–' : one.p.toFixed(3)),
      found(one),
    ]),
  };
}

/** A change as a signed share; null: +∞. */
export function shareOf(share: number | null | undefined): string {
  if (share === undefined) return '–';
  return share === null ? '∞' : signed(share, percent);
}
