import picocolors from 'picocolors';
import { METRICS } from '../core/metrics.ts';
import type { ComparedNumber, Comparison } from './comparison.ts';
import { inUnit, percent, plural, ratio, signed } from './format.ts';
import { escaped, tableLines as markdownLines } from './markdown.ts';
import { type Cell, cell, left, right, type Table, type Tone, verdictTone } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

/** A comparison for a terminal: what differs, then the numbers that decide, with the first design as the base. */
export function renderComparison(comparison: Comparison, options: TerminalOptions): string {
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const width = Math.max(60, Math.min(options.columns, 100));
  const table = (title: string, shown: Table, note = '') =>
    shown.rows.length === 0
      ? []
      : ['', `${bold(title)}  ${paint(note, 'dim')}`, ...tableLines(shown, paint)];
  const lines = [
    bold(comparisonTitle(comparison)),
    ...comparison.warnings.flatMap((text) =>
      wrapped(`! ${text}`, width).map((line) => paint(line, 'warn')),
    ),
    ...tableLines(designTable(comparison), paint),
    ...table('Settings that differ', settingTable(comparison)),
    ...table('Compared', measureTable(comparison), `each with ${nameOf(comparison, 0)}`),
    '',
    ...wrapped(legendOf(comparison), width).map((line) => paint(line, 'dim')),
    paint(`again   ${comparison.reproduce}`, 'dim'),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A comparison as Markdown, with every metric folded. */
export function comparisonMarkdown(comparison: Comparison): string {
  const settings = settingTable(comparison);
  const lines = [
    `### ${escaped(comparisonTitle(comparison))}`,
    '',
    ...comparison.warnings.map((text) => `> ⚠️ ${escaped(text)}`),
    ...(comparison.warnings.length > 0 ? [''] : []),
    ...markdownLines(designTable(comparison)),
    '',
    ...(settings.rows.length > 0 ? [...markdownLines(settings), ''] : []),
    ...markdownLines(measureTable(comparison, 'with intervals')),
    '',
    escaped(legendOf(comparison)),
    '',
    '<details><summary>Every metric</summary>',
    '',
    ...markdownLines(metricTable(comparison)),
    '',
    '</details>',
    '',
    `    ${comparison.reproduce}`,
  ];
  return `${lines.join('\n')}\n`;
}

export function comparisonTitle({ scenario, designs, repeat }: Comparison): string {
  return `${scenario}: ${plural(designs.length, 'design')} under the same traffic, ${plural(repeat, 'trial')} of each`;
}

const nameOf = ({ designs }: Comparison, i: number) => designs[i]?.label ?? '';

/** How the cells are to be read, and how far to trust them. */
export function legendOf({ designs, measures }: Comparison): string {
  const changes = measures.flatMap((one) => one.designs.flatMap(({ change }) => change ?? []));
  const decided = changes.filter(({ found }) => found !== 'undecided');
  const least = Math.min(...decided.map(({ coverage }) => coverage));
  const medians = designs.some(({ counted }) => counted > 1)
    ? 'Medians over the trials that count. '
    : '';
  if (decided.length === 0) return `${medians}"?": undecided, with too few trials.`;
  return (
    `${medians}Factors and differences are to the first design, by Hodges and Lehmann; "=": no difference found, the interval contains none. ` +
    `Intervals contain the true value with at least ${percent(least)} probability: about 1 in ${Math.round(1 / (1 - least))} of equal numbers seems to differ.`
  );
}

/** One row per design. */
export function designTable({ designs }: Comparison): Table {
  return {
    columns: [left('design'), left('pipeline'), right('tier'), right('trials'), left('verdicts')],
    rows: designs.map(({ label, pipeline, tier, counted, trials }) => {
      const shown = trials.map(({ verdict, outcome }) => verdict ?? outcome);
      const all = [...new Set(shown)].map(
        (one) => `${shown.filter((other) => other === one).length} ${one.replace('_', ' ')}`,
      );
      const tone = shown.every((one) => one === 'PASS') ? 'good' : 'warn';
      return [
        cell(label),
        cell(pipeline),
        cell(tier === null ? '–' : String(tier)),
        cell(counted === trials.length ? String(counted) : `${counted} of ${trials.length}`),
        cell(all.join(', '), tone),
      ];
    }),
  };
}

/** One row per trial that is not counted or did not pass, with its reason. */
export function reasonTable({ designs }: Comparison): Table {
  return {
    columns: [left('design'), right('trial'), right('seed'), left('verdict'), left('reason')],
    rows: designs.flatMap(({ label, trials }) =>
      trials.flatMap(({ number, seed, verdict, outcome, reason }) =>
        reason === null
          ? []
          : [
              [
                cell(label),
                cell(String(number)),
                cell(String(seed)),
                verdict === null ? cell(outcome, 'warn') : verdictTone(verdict),
                cell(reason),
              ],
            ],
      ),
    ),
  };
}

export function settingTable({ designs, settings }: Comparison): Table {
  return {
    columns: [left('setting'), ...designs.map(({ label }) => left(label))],
    rows: settings.map(({ path, values }) => [
      cell(path),
      ...values.map((value) => cell(value ?? '–', value === null ? 'dim' : 'plain')),
    ]),
  };
}

type Detail = 'short' | 'with intervals';

/** The numbers that decide, one row each. */
export function measureTable(comparison: Comparison, detail: Detail = 'short'): Table {
  return {
    columns: [left('number'), ...comparison.designs.map(({ label }) => right(label))],
    rows: comparison.measures.map((one) => [cell(one.title), ...numberCells(one, detail)]),
  };
}

/** Every statistic of every metric, one row each. */
export function metricTable(comparison: Comparison): Table {
  return {
    columns: [
      left('metric'),
      left('phase'),
      ...comparison.designs.map(({ label }) => right(label)),
    ],
    rows: comparison.metrics.map((one) => [
      cell(
        `${one.name}${one.of === null ? '' : `(${one.of})`}${one.stat === null ? '' : `.${one.stat}`}`,
      ),
      cell(one.phase ?? (METRICS[one.name].phased ? 'all phases' : 'whole run')),
      ...numberCells(one, 'with intervals'),
    ]),
  };
}

function numberCells({ unit, better, designs }: ComparedNumber, detail: Detail): readonly Cell[] {
  return designs.map(({ spread, change }) => {
    if (spread.n === 0) return cell('no data', 'warn');
    const median = inUnit(spread.median, unit);
    if (change === null) return cell(median);
    const amount = (value: number | null) =>
      change.kind === 'ratio'
        ? value === null
          ? '∞'
          : ratio(value)
        : value === null
          ? 'unbounded'
          : signed(value, (number) => inUnit(number, unit));
    const sign = change.kind === 'ratio' ? '×' : '';
    const interval =
      detail === 'short' || change.coverage === 0
        ? ''
        : ` [${amount(change.low)} to ${amount(change.high)}]`;
    const same = change.kind === 'ratio' ? 1 : 0;
    const equal = change.low === same && change.high === same;
    const text =
      equal || (change.found === 'no difference' && detail === 'short')
        ? '='
        : `${sign}${amount(change.estimate)}${interval}${MARKS[change.found]}`;
    return cell(`${median}  ${text}`, toneOf(change.found, better));
  });
}

const MARKS = { lower: '', higher: '', 'no difference': ' =', undecided: ' ?' } as const;

function toneOf(found: keyof typeof MARKS, better: ComparedNumber['better']): Tone {
  if (found === 'no difference' || found === 'undecided') return 'dim';
  return found === better ? 'good' : 'bad';
}
