import picocolors from 'picocolors';
import { inUnit, percent, plural, signed } from './format.ts';
import type { Gate, GateMetric, GateVerdict } from './gate.ts';
import { escaped, tableLines as markdownLines } from './markdown.ts';
import { type Cell, cell, left, right, type Table, type Tone } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

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

/** A gate for a terminal. */
export function renderGate(gate: Gate, options: TerminalOptions): string {
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const width = Math.max(60, Math.min(options.columns, 100));
  const noted = (texts: readonly string[], tone: Tone) =>
    texts.flatMap((text) => wrapped(`! ${text}`, width).map((line) => paint(line, tone)));
  const lines = [
    bold(paint(gate.verdict, GATE_TONES[gate.verdict])),
    ...wrapped(gateHeadline(gate), width),
    ...noted(gate.truth, 'bad'),
    ...noted(gate.warnings, 'warn'),
    '',
    ...tableLines(gateTable(gate), paint),
    '',
    ...wrapped(gateLegend(gate), width).map((line) => paint(line, 'dim')),
    paint(`again   ${gate.reproduce}`, 'dim'),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A gate as Markdown: the summary of a job, or a comment for a pull request. */
export function gateMarkdown(gate: Gate): string {
  const lines = [
    `### ${MARKS[gate.verdict]} ${gate.verdict}: ${escaped(gate.scenario)}`,
    '',
    `**${escaped(gateHeadline(gate))}**`,
    '',
    ...gate.truth.map((text) => `> ❌ ${escaped(text)}`),
    ...gate.warnings.map((text) => `> ⚠️ ${escaped(text)}`),
    ...(gate.truth.length + gate.warnings.length > 0 ? [''] : []),
    ...markdownLines(gateTable(gate)),
    '',
    escaped(gateLegend(gate)),
    '',
    `    ${gate.reproduce}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The result in one line. */
export function gateHeadline({ verdict, head, base, pairs, truth, metrics }: Gate): string {
  const after = `after ${plural(pairs, 'pair')}`;
  const worse = metrics.filter(({ found }) => found === 'worse');
  const open = metrics.filter(({ found }) => found !== 'same');
  const nameOf = ({ title, estimate }: GateMetric) => `${title} ${shareOf(estimate)}`;
  if (truth.length > 0) return `${head.label} lost, duplicated or falsified rows, ${after}`;
  if (verdict === 'FAIL') {
    return `${head.label} is worse than ${base.label} ${after}: ${worse.map(nameOf).join(' · ')}`;
  }
  if (verdict === 'PASS') return `${head.label} is not worse than ${base.label}, ${after}`;
  if (verdict === 'INVALID') return 'no pair counts: the harness may have shaped the numbers';
  const missing = metrics.filter(({ found }) => found === 'no data');
  if (missing.length > 0) {
    const names = missing.map(({ id }) => id).join(', ');
    return `undecided: the trials have no ${names}; leave it out of gate.yaml, or choose a scenario that measures it`;
  }
  const needed = open.flatMap(({ pairsNeeded }) => pairsNeeded ?? []);
  const more = needed.length > 0 ? `, needs about ${Math.max(...needed)} pairs` : '';
  return `undecided ${after}: ${open.map(({ title }) => title).join(' · ')}${more}`;
}

/** One row per metric. */
function gateTable({ metrics }: Gate): Table {
  return {
    columns: [
      left('metric'),
      right('base'),
      right('head'),
      right('change'),
      right('at most'),
      right('effect'),
      right('p'),
      left('found'),
    ],
    rows: metrics.map((one) => [
      cell(one.title),
      cell(inUnit(one.base.median, one.unit)),
      cell(inUnit(one.head.median, one.unit)),
      cell(shareOf(one.estimate)),
      cell(shareOf(one.upper)),
      cell(percent(one.effect)),
      cell(one.p === undefined ? '–' : one.p.toFixed(3)),
      foundCell(one),
    ]),
  };
}

function foundCell({ found, pairsNeeded }: GateMetric): Cell {
  if (found === 'worse') return cell('worse', 'bad');
  if (found === 'same') return cell('not worse', 'good');
  if (found === 'no data') return cell('no data', 'warn');
  if (found === null) return cell('too few pairs', 'warn');
  return cell(pairsNeeded == null ? 'undecided' : `undecided, about ${pairsNeeded} pairs`, 'warn');
}

export function shareOf(share: number | null | undefined): string {
  if (share === undefined) return '–';
  return share === null ? '∞' : signed(share, percent);
}

/** How the table is to be read. */
function gateLegend({ look, metrics }: Gate): string {
  const medians = 'Medians over the pairs that count; a positive change is worse.';
  if (look === null) return `${medians} The first decision is after 6 pairs.`;
  const coverage = Math.min(...metrics.flatMap((one) => one.coverage ?? []));
  return (
    `${medians} Decided on ${look.pairs} pairs. "at most": the change is smaller with ${percent(coverage)} probability. ` +
    `p: how often pairs without a change look as bad in any of the metrics; worse is p of at most ${look.alpha.toFixed(3)} ` +
    'and a change above half of the effect. All looks of a gate together err in at most 5 % of gates without a change.'
  );
}
