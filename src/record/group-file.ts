import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { readTextFile } from '../core/text-file.ts';
import { described } from './read.ts';

/** The file of a group of trials (a series, a comparison), in the folder of their folders. */

/** Largest accepted file, bytes: far more than a thousand trials write. */
const MAX_FILE_BYTES = 256 * 2 ** 20;

/** Name of a folder next to the file; it cannot be a path to elsewhere. */
export const folderName = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, 'must be the name of a folder');

/** The folder that holds the file `name`, by its own path or that of the file; null: it holds none. */
export function folderWith(name: string, path: string): string | null {
  if (!existsSync(path)) return null;
  if (!statSync(path).isDirectory()) return basename(path) === name ? dirname(path) : null;
  return existsSync(join(path, name)) ? path : null;
}

/** Reads and checks the file. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readGroupFile<T>(
  dir: string,
  name: string,
  {
    schema,
    what,
    again,
  }: { readonly schema: z.ZodType<T>; readonly what: string; readonly again: string },
): T {
  return readJsonFile(join(dir, name), { schema, what, again, limitBytes: MAX_FILE_BYTES });
}

/** Reads and checks a file of JSON. Throws DoorbusterError (exit 2) that names the field at fault. */
export function readJsonFile<T>(
  file: string,
  {
    schema,
    what,
    again,
    limitBytes,
  }: {
    readonly schema: z.ZodType<T>;
    readonly what: string;
    readonly again: string;
    readonly limitBytes: number;
  },
): T {
  const text = readTextFile(file, { limitBytes, hint: again });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput(`${file} is not JSON: ${(error as Error).message}`, again);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw badInput(`${file} is not ${what}: ${described(result.error)}`, again);
}
