import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { badInput, DoorbusterError } from './errors.ts';
import { bytes } from './readable.ts';

interface ReadOptions {
  /** Largest accepted file, bytes: a larger one is refused before it is read. */
  readonly limitBytes: number;
  /** The next command, for the error. */
  readonly hint?: string;
  /** Name of the file in messages; its path by default. */
  readonly name?: string;
}

/** Limit of a scenario, a pipeline's files and other text that people write, bytes. */
export const WRITTEN_BY_HAND = 2 ** 20;

/**
 * Reads the text of a regular file of at most `limitBytes`. Every file that a user names, or that is in a folder that a
 * user names, is read by this function: a FIFO or a device may never end, and a file of gigabytes would fill the memory.
 * Throws DoorbusterError (exit 2) with file, fact and limit.
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

/** Texts of system errors. */
const FACTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links form a loop',
  ENXIO: 'it is a socket or a device, not a regular file',
  ENAMETOOLONG: 'its name is too long',
};

/** Reads at most `size` bytes: the file may have shrunk or grown since its size was read. */
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

/** The kind of a file, for a message. */
function kindOf(found: Kinds): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a FIFO';
  if (found.isSocket()) return 'a socket';
  if (found.isSymbolicLink()) return 'a symbolic link';
  return 'a device';
}
