import { join } from 'node:path';
import pc from 'picocolors';
import { RUN_FILES } from '../record/folder.ts';
import type { RunRecord } from '../record/record.ts';
import { writeAtomically } from '../record/write.ts';
import { FORMATS, formats } from '../reports/formats.ts';
import type { Terminal } from './terminal.ts';

/** Writes the reports of a record that is done, and shows it: as a summary, or as it is with `json`. */
export function showRecord(
  terminal: Terminal,
  { record, dir }: { readonly record: RunRecord; readonly dir: string },
  json: boolean,
): void {
  const color = pc.isColorSupported && process.stdout.isTTY === true;
  const files = writeReports(dir, record);
  const format = json ? formats.json : formats.terminal;
  terminal.result(format.render(record, { color, columns: terminal.columns }));
  for (const path of files) terminal.say(pc.dim(`wrote ${path}`));
}

/** Writes every report that has a file beside the record; the record itself is the harness's. */
export function writeReports(dir: string, record: RunRecord): readonly string[] {
  return FORMATS.flatMap((name) => {
    const { file, render } = formats[name];
    if (file === null || file === RUN_FILES.record) return [];
    const path = join(dir, file);
    writeAtomically(path, render(record, { color: false, columns: 100 }));
    return [path];
  });
}
