import { join } from 'node:path';
import { RUN_FILES } from '../record/folder.ts';
import type { RunRecord } from '../record/record.ts';
import { writeAtomically } from '../record/write.ts';
import { FORMATS, formats } from '../reports/formats.ts';

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
