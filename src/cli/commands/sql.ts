import { EXIT } from '../../core/exit-codes.ts';
import { escaped } from '../../core/printable.ts';
import { querySql, type SqlResult } from '../../record/query-sql.ts';
import type { Command } from '../command.ts';

export const sqlCommand: Command = {
  command: 'sql <dir> <query>',
  describe: 'Query a record in SQL: each Parquet file of its folder is a table',
  builder: (yargs) =>
    yargs
      .positional('dir', { type: 'string', demandOption: true, describe: 'a run folder' })
      .positional('query', { type: 'string', demandOption: true, describe: 'one SELECT' })
      .option('json', { type: 'boolean', default: false, describe: 'rows as a JSON array' })
      .example('$0 sql results/… "FROM commits LIMIT 5"', 'the first five commits')
      .example(
        `$0 sql results/… "FROM stores LIMIT 5"`,
        'dimensions: events JOIN stores USING (store_id)',
      )
      .example('$0 sql results/… "SHOW TABLES"', 'the tables'),
  stopping: 'stopping: interrupting the query',
  async run({ dir, query, json }, { terminal, signal }) {
    const answer = await querySql(dir, query, signal);
    for (const { file, fact } of answer.leftOut) {
      terminal.say(`note: ${file} is left out: ${fact}`);
    }
    terminal.result(json ? asJson(answer) : asText(answer, terminal.columns));
    return EXIT.pass;
  },
};

function asJson({ columns, rows }: SqlResult): string {
  const objects = rows.map((row) =>
    Object.fromEntries(columns.map((column, index) => [column, row[index]])),
  );
  return JSON.stringify(objects, null, 1);
}

function onOneLine(text: string): string {
  return escaped(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** A table; if it is too wide for the terminal, one line per value. A pipe always gets the table. */
function asText({ columns, rows }: SqlResult, width: number): string {
  const cells = rows.map((row) =>
    // On one line each, so that a cell cannot look like a row.
    row.map((cell) => onOneLine(typeof cell === 'string' ? cell : JSON.stringify(cell))),
  );
  const table = asTable(columns.map(onOneLine), cells);
  const wide = table.split('\n').some((line) => line.length > width);
  return wide && process.stdout.isTTY === true ? asRecords(columns, cells) : table;
}

function asRecords(columns: readonly string[], cells: readonly (readonly string[])[]): string {
  const width = widest(columns);
  return cells
    .map((row, n) =>
      [
        `── row ${n + 1} of ${cells.length}`,
        ...row.map((cell, i) => `${columns[i]?.padEnd(width)}  ${cell}`),
      ].join('\n'),
    )
    .join('\n');
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0);
}

/** Largest width to align: a value of megabytes must not make every row as long. */
const WIDEST = 400;

function asTable(columns: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.min(WIDEST, widest([column, ...cells.map((row) => row[index] ?? '')])),
  );
  const line = (row: readonly (string | undefined)[]) =>
    row
      .map((cell, index) => (cell ?? '').padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(columns), rule, ...cells.map(line)].join('\n');
}
