import { join } from 'node:path';
import pc from 'picocolors';
import { DoorbusterError } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { RUN_FILES } from '../record/folder.ts';
import type { RunRecord } from '../record/record.ts';
import { writeAtomically } from '../record/write.ts';
import { FORMATS, formats } from '../reports/formats.ts';
import { colorOnStdout, errorText, type Terminal } from './terminal.ts';

/** Summaries that a command can print at its end: one screen, or everything. */
export const SUMMARIES = ['short', 'full'] as const;

/** Options for printing a final record. */
interface Shown {
  readonly json: boolean;
  readonly summary: (typeof SUMMARIES)[number];
}

/**
 * Writes the reports of a final record, and prints it as a summary, or itself with `json`. Returns the exit code: the
 * record's own, or 2 if only a report could not be written. Nothing is printed after the short summary, whose last line
 * is the verdict.
 */
export function showRecord(
  terminal: Pick<Terminal, 'result' | 'say' | 'columns'>,
  { record, dir }: { readonly record: RunRecord; readonly dir: string },
  { json, summary }: Shown,
): ExitCode {
  const written = writeReports(dir, record);
  const own = record.exitCode as ExitCode;
  const options = {
    color: colorOnStdout(),
    columns: terminal.columns,
    dir,
  };
  if (!json && summary === 'short') {
    const exitCode = sayErrors(terminal, written, own);
    terminal.result(formats.short.render(record, { ...options, exitCode }));
    return exitCode;
  }
  terminal.result((json ? formats.json : formats.terminal).render(record, options));
  return sayWritten(terminal, written, own);
}

interface Written {
  readonly paths: readonly string[];
  /** One error for each report that could not be written. */
  readonly errors: readonly DoorbusterError[];
}

/**
 * Writes every report that has a file next to the record, even if another one fails. The harness writes the record
 * itself.
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

/** Writes the reports of one of several trials; an error is said, and does not end the others. */
export function writeTrialReports(
  terminal: Pick<Terminal, 'say'>,
  dir: string,
  record: RunRecord,
): void {
  sayErrors(terminal, writeReports(dir, record), EXIT.pass);
}

/** Prints a line per report. Returns `exitCode`, or 2 instead of 0 if a report is missing. */
export function sayWritten(
  terminal: Pick<Terminal, 'say'>,
  written: Written,
  exitCode: ExitCode,
): ExitCode {
  for (const path of written.paths) terminal.say(pc.dim(`wrote ${path}`));
  return sayErrors(terminal, written, exitCode);
}

function sayErrors(
  terminal: Pick<Terminal, 'say'>,
  { errors }: Written,
  exitCode: ExitCode,
): ExitCode {
  for (const { message, hint } of errors) terminal.say(errorText(message, hint));
  return errors.length > 0 && exitCode === EXIT.pass ? EXIT.badInput : exitCode;
}
