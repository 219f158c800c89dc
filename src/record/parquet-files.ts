import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A Parquet file of a run folder, as a table: the name is `[a-z][a-z0-9_]*`. */
export interface ParquetFile {
  readonly name: string;
  readonly path: string;
}

/** A file that is not read as a table, with the reason. */
export interface LeftOut {
  readonly file: string;
  readonly fact: string;
}

const ENDING = '.parquet';

/** Pattern of table names. Any other name may contain SQL. */
const NAME = /^[a-z][a-z0-9_]*$/;

/**
 * The Parquet files of a folder, by name. A run folder may come from another person: files with another name than a
 * table's, and files that are not regular (a symbolic link can lead out of the folder), are left out, with the reason.
 */
export function parquetFiles(dir: string): {
  readonly files: readonly ParquetFile[];
  readonly leftOut: readonly LeftOut[];
} {
  const files: ParquetFile[] = [];
  const leftOut: LeftOut[] = [];
  const names = existsSync(dir) ? readdirSync(dir).sort() : [];
  for (const file of names.filter((name) => name.endsWith(ENDING))) {
    const name = file.slice(0, -ENDING.length);
    if (!NAME.test(name)) {
      leftOut.push({ file, fact: 'a table is named with a-z, 0-9 and _ only' });
    } else if (!lstatSync(join(dir, file)).isFile()) {
      leftOut.push({ file, fact: 'it is not a regular file' });
    } else {
      files.push({ name, path: resolve(join(dir, file)) });
    }
  }
  return { files, leftOut };
}
