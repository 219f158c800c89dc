import { join } from 'node:path';
import pc from 'picocolors';
import { DoorbusterError } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { RUN_FILES } from '../record/folder.ts';
import type { RunRecord } from '../record/record.ts';
import { writeAtomically } from '../record/write.ts';
import { FORMATS, formats } from '../reports/formats.ts';
import { errorText, type Terminal } from './terminal.ts';

/** How much of a record a command prints at its end: one screen of it, or all. */
export const SUMMARIES = ['short', 'full'] as const;

/** What is printed of a record that is done. */
interface Shown {
  readonly json: boolean;
  readonly summary: (typeof SUMMARIES)[number];
}

/**
 * Writes the reports of a record that is done, and shows it: as a summary, or as it is with `json`. Gives the exit
 * code: the record's own, or 2 where all that failed is a report that could not be written. After the short summary
 * nothing more is said: its last line is the verdict.
 */
export function showRecord(
  terminal: Pick<Terminal, 'result' | 'say' | 'columns'>,
  { record, dir }: { readonly record: RunRecord; readonly dir: string },
  { json, summary }: Shown,
): ExitCode {
  const written = writeReports(dir, record);
  const own = record.exitCode as ExitCode;
  const options = {
    color: pc.isColorSupported && process.stdout.isTTY === true,
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
  /** One for each report that could not be written. */
  readonly errors: readonly DoorbusterError[];
}

/**
 * Writes every report that has a file next to the record, each of them even when another fails; the record
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
