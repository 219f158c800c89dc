import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { readTextFile } from '../core/text-file.ts';
import { RUN_FILES } from './folder.ts';
import { RECORD_VERSION, type RunRecord, recordSchema } from './record.ts';
import { upgradeV1 } from './upgrade.ts';

/** Largest accepted file, bytes: far more than a run of a day writes. */
const MAX_RECORD_BYTES = 64 * 2 ** 20;

/** The run folder of a path, which may be the folder itself or the record.json inside it. */
export function runDir(path: string): string {
  if (!existsSync(path)) throw badInput(`no run at ${path}`, 'doorbuster list');
  if (statSync(path).isDirectory()) return path;
  if (basename(path) === RUN_FILES.record) return dirname(path);
  throw badInput(
    `${path} is not a run folder: a run is a folder that holds ${RUN_FILES.record}`,
    'doorbuster list',
  );
}

/** Reads and checks the record of a run folder. Throws badInput that names the field at fault. */
export function readRecord(path: string): RunRecord {
  const file = join(runDir(path), RUN_FILES.record);
  if (!existsSync(file)) {
    throw badInput(`${path} holds no ${RUN_FILES.record}: it is not a run`, 'doorbuster list');
  }
  return parseRecord(
    readTextFile(file, { limitBytes: MAX_RECORD_BYTES, hint: 'doorbuster list' }),
    file,
  );
}

/** Parses a record of this version or an older one; `file` is only for the message. */
export function parseRecord(text: string, file: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput(`${file} is not JSON: ${(error as Error).message}`, 'run the scenario again');
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > RECORD_VERSION) {
    throw badInput(
      `${file} is a record of version ${version}; this doorbuster reads up to version ${RECORD_VERSION}`,
      'use the newer version of doorbuster that wrote it',
    );
  }
  const result = recordSchema.safeParse(upgradeV1(value));
  if (result.success) return result.data;
  throw badInput(
    `${file} is not a record: ${described(result.error)}`,
    'do not edit a record: run the scenario again',
  );
}

/** The first few errors of a value, each with its field. */
export function described({ issues }: z.ZodError): string {
  const shown = issues.slice(0, 3).map(({ path, message }) => `${fieldName(path)}: ${message}`);
  const more = issues.length > 3 ? ` (and ${issues.length - 3} more)` : '';
  return shown.join('; ') + more;
}

/** Formats a path as `phases[2].startMs`. */
function fieldName(path: readonly PropertyKey[]): string {
  const name = path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
  return name === '' ? 'the whole file' : name;
}
