import picocolors from 'picocolors';
import { METRICS } from '../core/metrics.ts';
import { inUnit, percent, plural } from './format.ts';
import { escaped, tableLines as markdownLines } from './markdown.ts';
import type { Repetition, Spread } from './repetition.ts';
import { type Cell, cell, left, right, type Table, verdictTone } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

/** The metrics that the terminal prints; the other reports have all of them. */
const IN_SHORT: readonly string[] = ['staleness', 'query', 'files', 'payback'];

/** A series for a terminal: each trial, the checks, some metrics, and the verdict last. */
export function renderRepetition(repetition: Repetition, options: TerminalOptions): string {
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const width = Math.max(60, Math.min(options.columns, 100));
  const metrics = repetition.metrics.filter(
    ({ name, phase, stat }) =>
      IN_SHORT.includes(name) &&
      (stat === null || stat === 'p50') &&
      (phase === null) !== METRICS[name].phased,
  );
  const all = `${repetition.metrics.length - metrics.length} more in repeat.md and repeat.json`;
  const { text, tone } = verdictCell(repetition);
  const lines = [
    bold(titleOf(repetition)),
    ...tableLines(trialTable(repetition), paint),
    '',
    `${bold('Checks')}  ${paint('over the trials that count', 'dim')}`,
    ...tableLines(checkTable(repetition), paint),
    '',
    `${bold('Metrics')}  ${paint(all, 'dim')}`,
    ...tableLines(metricTable({ ...repetition, metrics }), paint),
    '',
    paint(`again   ${repetition.reproduce}`, 'dim'),
    ...wrapped(`${text}  ${summaryOf(repetition)}`, width).map((line) => bold(paint(line, tone))),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const MARKS: Readonly<Record<string, string>> = { good: '✅', bad: '❌', warn: '⚠️' };

/** A series as Markdown, with every metric. */
export function repetitionMarkdown(repetition: Repetition): string {
  const { text, tone } = verdictCell(repetition);
  const lines = [
    `### ${MARKS[tone] ?? ''} ${text}: ${escaped(titleOf(repetition))}`,
    '',
    `**${escaped(summaryOf(repetition))}**`,
    '',
    ...markdownLines(trialTable(repetition)),
    '',
    ...markdownLines(checkTable(repetition)),
    '',
    '<details><summary>Every metric</summary>',
    '',
    ...markdownLines(metricTable(repetition)),
    '',
    '</details>',
    '',
    'Median, minimum, maximum and the coefficient of variation (CV: standard deviation ÷ mean) are over the n trials that count.',
    '',
    `    ${repetition.reproduce}`,
  ];
  return `${lines.join('\n')}\n`;
}

function titleOf({ scenario, trials, runs, seeds }: Repetition): string {
  const [first, last] = [runs.find(({ number }) => number > 0)?.seed, runs.at(-1)?.seed];
  const range = seeds === 'same' || first === last ? `seed ${first}` : `seeds ${first} to ${last}`;
  return `${scenario}: ${plural(trials, 'trial')} on one stack, ${first === undefined ? 'none begun' : range}`;
}

function summaryOf({ trials, counted, runs }: Repetition): string {
  const left = runs.filter(({ number, counted: its }) => number > 0 && !its);
  const named = left.map(({ number, outcome, verdict }) => `trial ${number} ${verdict ?? outcome}`);
  const missing = trials - runs.filter(({ number }) => number > 0).length;
  return [
    `${counted} of ${plural(trials, 'trial')} counted`,
    ...(named.length === 0 ? [] : [`not counted: ${named.join(', ')}`]),
    ...(missing === 0 ? [] : [`${missing} not run`]),
  ].join('; ');
}

function verdictCell({ verdict, trials, runs }: Repetition): Cell {
  if (verdict !== null) return verdictTone(verdict);
  const begun = runs.filter(({ number }) => number > 0).length;
  return cell(begun < trials ? 'INCOMPLETE' : 'NOT JUDGED', 'warn');
}

function trialTable({ runs }: Repetition): Table {
  return {
    columns: [
      right('trial'),
      right('seed'),
      left('verdict'),
      left('counted'),
      left('run'),
      left(''),
    ],
    rows: runs.map(({ number, seed, verdict, outcome, counted, run, reason }) => [
      cell(number === 0 ? 'warm-up' : String(number)),
      cell(String(seed)),
      verdict === null ? cell(outcome, 'warn') : verdictTone(verdict),
      cell(counted ? 'yes' : 'no', counted ? 'plain' : 'warn'),
      cell(run),
      cell(reason ?? '', 'dim'),
    ]),
  };
}

const SPREAD = [right('median'), right('min'), right('max'), right('CV'), right('n')];

function spreadCells({ n, missing, median, min, max, cv }: Spread, unit: string): readonly Cell[] {
  return [
    ...[median, min, max].map((value) => cell(inUnit(value, unit), n === 0 ? 'warn' : 'plain')),
    cell(cv === undefined ? '–' : percent(cv)),
    cell(missing === 0 ? String(n) : `${n} of ${n + missing}`, missing === 0 ? 'plain' : 'warn'),
  ];
}

function checkTable({ checks }: Repetition): Table {
  return {
    columns: [left('check'), left('trials'), ...SPREAD],
    rows: checks.map(({ text, unit, verdicts, spread }) => {
      const told = Object.entries(verdicts).map(([verdict, n]) => `${n} ${verdict}`);
      if (told.length === 0) told.push('none counted');
      const passed = verdicts.PASS !== undefined && Object.keys(verdicts).length === 1;
      const tone = verdicts.FAIL ? 'bad' : passed ? 'good' : 'warn';
      return [cell(text), cell(told.join(', '), tone), ...spreadCells(spread, unit)];
    }),
  };
}

function metricTable({ metrics }: Pick<Repetition, 'metrics'>): Table {
  return {
    columns: [left('metric'), left('phase'), ...SPREAD],
    rows: metrics.map(({ name, of, phase, stat, unit, spread }) => [
      cell(`${name}${of === null ? '' : `(${of})`}${stat === null ? '' : `.${stat}`}`),
      cell(phase ?? 'whole run'),
      ...spreadCells(spread, unit),
    ]),
  };
}
