import { EXIT } from '../../core/exit-codes.ts';
import { comparisonDir } from '../../record/comparison-plan.ts';
import { gateDir } from '../../record/gate-plan.ts';
import { readRecord, runDir } from '../../record/read.ts';
import { seriesDir } from '../../record/series.ts';
import { FORMATS, type FormatName, formats } from '../../reports/formats.ts';
import type { Command } from '../command.ts';
import { comparisonFormat, reportComparison } from '../comparison.ts';
import { gateFormat, reportGate } from '../gate.ts';
import { reportSeries } from '../series.ts';
import { colorOnStdout } from '../terminal.ts';
import { sayWritten, writeReports } from '../write-reports.ts';

export const reportCommand: Command = {
  command: 'report <dir>',
  describe: 'Print the report of a run, and rewrite its report files',
  builder: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        demandOption: true,
        describe:
          'the folder of a run, a series, a comparison or a gate, or its record.json, repeat.json, compare.json or gate.json',
      })
      .option('format', {
        choices: FORMATS,
        default: 'terminal' as FormatName,
        describe: 'format of the output on stdout',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the record, as --format json' })
      .example('$0 report results/…', 'every table, and report.html in that folder')
      .example('$0 report results/… --format short', 'one screen, as at the end of the run')
      .example('$0 report results/… --format markdown', 'a comment for a pull request'),
  async run({ dir, format, json }, { terminal }) {
    const name: FormatName = json ? 'json' : format;
    const gate = gateDir(dir);
    if (gate !== null) return reportGate(gate, gateFormat(name), terminal);
    const comparison = comparisonDir(dir);
    if (comparison !== null) {
      return reportComparison(comparison, comparisonFormat(name), terminal);
    }
    const series = seriesDir(dir);
    if (series !== null) return reportSeries(series, name, terminal);
    const record = readRecord(dir);
    terminal.result(
      formats[name].render(record, {
        color: colorOnStdout(),
        columns: terminal.columns,
        dir: runDir(dir),
      }),
    );
    return sayWritten(terminal, writeReports(runDir(dir), record), EXIT.pass);
  },
};
