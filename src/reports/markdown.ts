import type { RunRecord } from '../record/record.ts';
import type { Section, Table } from './section.ts';
import { summarize } from './summary.ts';

const MARKS: Readonly<Record<string, string>> = { good: '✅', bad: '❌', warn: '⚠️' };

/** Sections that are folded in a comment. */
const FOLDED = new Set([
  'changes',
  'waterfall',
  'trickle',
  'files',
  'canaries',
  'producing',
  'health',
  'cost',
]);

/** A comment for a pull request: verdict, checks and headline on top, the rest folded. */
export function renderMarkdown(record: RunRecord): string {
  const summary = summarize(record);
  const mark = MARKS[summary.verdict.tone] ?? '';
  const checks = summary.sections.find(({ id }) => id === 'checks');
  const others = summary.sections.filter(({ id }) => id !== 'checks');
  const lines = [
    `### ${mark} ${escaped(summary.verdict.text)}: ${escaped(record.scenario.name)}`,
    '',
    `**${escaped(summary.headline)}**`,
    '',
    ...summary.alarms.map((alarm) => `> ❌ ${escaped(alarm)}`),
    ...summary.warnings.map((warning) => `> ⚠️ ${escaped(warning)}`),
    ...(summary.alarms.length + summary.warnings.length > 0 ? [''] : []),
    ...(checks ? sectionLines(checks) : []),
    ...others.filter(({ id }) => !FOLDED.has(id)).flatMap(sectionLines),
    '<details><summary>More of this run</summary>',
    '',
    ...others.filter(({ id }) => FOLDED.has(id)).flatMap(sectionLines),
    ...summary.identity.map(({ name, value }) => `- ${escaped(name)}: ${escaped(value)}`),
    '',
    '</details>',
    '',
    code(summary.reproduce),
  ];
  return `${lines.join('\n')}\n`;
}

function sectionLines(section: Section): readonly string[] {
  return [
    `**${escaped(section.title)}.** ${escaped(section.about)}`,
    '',
    ...section.tables.flatMap((table) => [...tableLines(table), '']),
    ...section.notes.map((note) =>
      `- ${MARKS[note.tone] ?? ''} ${escaped(note.text)}`.replace('-  ', '- '),
    ),
    ...(section.notes.length > 0 ? [''] : []),
  ];
}

export function tableLines(table: Table): readonly string[] {
  const row = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    row(table.columns.map(({ name }) => name)),
    `|${table.columns.map(({ align }) => (align === 'left' ? ' --- |' : ' ---: |')).join('')}`,
    ...table.rows.map((cells) => row(cells.map(({ text }) => text))),
  ];
}

export function escaped(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\\|<>*_`[\]&~]/g, (character) => `\\${character}`);
}

/** As code, on one line: fenced by more backticks than the text has in a row. */
function code(text: string): string {
  const runs = (text.match(/`+/g) ?? []).map(({ length }) => length);
  const longest = runs.reduce((most, length) => Math.max(most, length), 0);
  const fence = '`'.repeat(longest + 1);
  const space = longest > 0 ? ' ' : '';
  return `${fence}${space}${text.replace(/\s*\n\s*/g, ' ')}${space}${fence}`;
}
