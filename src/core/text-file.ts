import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { badInput, DoorbusterError } from './errors.ts';
import { bytes } from './readable.ts';

interface ReadOptions {
  /** Most that the file may hold, bytes: a larger one is refused before it is read. */
  readonly limitBytes: number;
  /** What to type next. */
  readonly hint?: string;
  /** How messages name the file; its path otherwise. */
  readonly name?: string;
}

/** Limit of a scenario, a pipeline's files and other text that people write, bytes. */
export const WRITTEN_BY_HAND = 2 ** 20;

/**
 * The text of a regular file, at most `limitBytes` long. Everything that a user names, or that lies in a folder
 * that a user names, is read through here: a FIFO would never end, a device never runs dry, and a file of
 * gigabytes would fill the memory. Throws DoorbusterError (exit 2) that names file, fact and limit.
 */
export function readTextFile(path: string, options: ReadOptions): string {
  const { limitBytes, hint, name = path } = options;
  const refused = (fact: string) => badInput(`cannot read ${name}: ${fact}`, hint);
  let file: number | undefined;
  try {
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(file);
    if (!found.isFile()) throw refused(`it is ${kindOf(found)}, not a regular file`);
    if (found.size > limitBytes) {
      throw refused(`it has ${bytes(found.size)}; the limit is ${bytes(limitBytes)}`);
    }
    return filledFrom(file, found.size).toString('utf8');
  } catch (error) {
    if (error instanceof DoorbusterError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw refused(FACTS[code] ?? code);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** What the system says, in words. */
const FACTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links form a loop',
  ENXIO: 'it is a socket or a device, not a regular file',
  ENAMETOOLONG: 'its name is too long',
};

/** As many bytes as the file was said to have: it may have shrunk since, and what was added is left out. */
function filledFrom(file: number, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  let done = 0;
  while (done < size) {
    const read = readSync(file, buffer, done, size - done, null);
    if (read === 0) break;
    done += read;
  }
  return buffer.subarray(0, done);
}

interface Kinds {
  isDirectory(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isSymbolicLink(): boolean;
}

/** What kind of file a stat has found, for a message. */
function kindOf(found: Kinds): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a FIFO';
  if (found.isSocket()) return 'a socket';
  if (found.isSymbolicLink()) return 'a symbolic link';
  return 'a device';
}
