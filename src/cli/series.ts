import { join } from 'node:path';
import { badInput } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { RUN_FILES } from '../record/folder.ts';
import { readSeries } from '../record/series.ts';
import { writeAtomically } from '../record/write.ts';
import type { FormatName } from '../reports/formats.ts';
import { type Repetition, repetitionOf } from '../reports/repetition.ts';
import { renderRepetition, repetitionMarkdown } from '../reports/repetition-text.ts';
import { colorOnStdout, type Terminal } from './terminal.ts';

/** Formats in which a series can be printed; other formats are for a single trial. */
const PRINTED: {
  readonly [F in FormatName]?: (
    repetition: Repetition,
    options: { readonly color: boolean; readonly columns: number },
  ) => string;
} = {
  terminal: renderRepetition,
  short: renderRepetition,
  markdown: repetitionMarkdown,
  json: (repetition) => JSON.stringify(repetition, null, 1),
};

/** Writes both files of a series next to its trials. */
export function writeSeries(dir: string, repetition: Repetition): void {
  writeAtomically(join(dir, RUN_FILES.repeat), `${JSON.stringify(repetition, null, 1)}\n`);
  writeAtomically(join(dir, RUN_FILES.repeatMarkdown), repetitionMarkdown(repetition));
}

/** Prints a series and returns its exit code. Throws DoorbusterError (exit 2) for a format that only a run has. */
export function showSeries(
  repetition: Repetition,
  format: FormatName,
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  const print = PRINTED[format];
  if (print === undefined) {
    throw badInput(
      `a series has no ${format} report, only ${Object.keys(PRINTED).join(', ')}`,
      `doorbuster report DIR --format ${format}, with the folder of one trial`,
    );
  }
  const color = colorOnStdout();
  terminal.result(print(repetition, { color, columns: terminal.columns }));
  return repetition.exitCode;
}

/** Computes a series again from the records of its trials, prints it, and writes its Markdown again. */
export function reportSeries(
  dir: string,
  format: FormatName,
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  const { plan, trials } = readSeries(dir);
  const repetition = repetitionOf(plan, trials);
  showSeries(repetition, format, terminal);
  writeAtomically(join(dir, RUN_FILES.repeatMarkdown), repetitionMarkdown(repetition));
  return EXIT.pass;
}
