import { join } from 'node:path';
import pc from 'picocolors';
import { DoorbusterError } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { RUN_FILES } from '../record/folder.ts';
import type { RunRecord } from '../record/record.ts';
import { writeAtomically } from '../record/write.ts';
import { FORMATS, formats } from '../reports/formats.ts';
import { errorText, type Terminal } from './terminal.ts';

/**
 * Writes the reports of a record that is done, and shows it: as a summary, or as it is with `json`. Gives the exit
 * code: the record's own, or 2 where all that failed is a report that could not be written.
 */
export function showRecord(
  terminal: Pick<Terminal, 'result' | 'say' | 'columns'>,
  { record, dir }: { readonly record: RunRecord; readonly dir: string },
  json: boolean,
): ExitCode {
  const color = pc.isColorSupported && process.stdout.isTTY === true;
  const written = writeReports(dir, record);
  const format = json ? formats.json : formats.terminal;
  terminal.result(format.render(record, { color, columns: terminal.columns }));
  return sayWritten(terminal, written, record.exitCode as ExitCode);
}

interface Written {
  readonly paths: readonly string[];
  /** One for each report that could not be written. */
  readonly errors: readonly DoorbusterError[];
}

/**
 * Writes every report that has a file beside the record, each of them whatever becomes of the others; the record
 * itself is the harness's.
 */
export function writeReports(dir: string, record: RunRecord): Written {
  const paths: string[] = [];
  const errors: DoorbusterError[] = [];
  for (const name of FORMATS) {
    const { file, render } = formats[name];
    if (file === null || file === RUN_FILES.record) continue;
    const path = join(dir, file);
    const text = render(record, { color: false, columns: 100 });
    try {
      writeAtomically(path, text, { exitCode: EXIT.badInput });
      paths.push(path);
    } catch (error) {
      if (!(error instanceof DoorbusterError)) throw error;
      errors.push(error);
    }
  }
  return { paths, errors };
}

/** A line per report. Gives `exitCode`, or 2 in place of 0 when a report is missing. */
export function sayWritten(
  terminal: Pick<Terminal, 'say'>,
  { paths, errors }: Written,
  exitCode: ExitCode,
): ExitCode {
  for (const path of paths) terminal.say(pc.dim(`wrote ${path}`));
  for (const { message, hint } of errors) terminal.say(errorText(message, hint));
  return errors.length > 0 && exitCode === EXIT.pass ? EXIT.badInput : exitCode;
}
