import { EXIT, type ExitCode } from './exit-codes.ts';

/**
 * The only class of errors that a user can act on. The message names the subject, the fact and the
 * limit; the hint is the next command. Any other exception is a bug.
 */
export class DoorbusterError extends Error {
  override readonly name = 'DoorbusterError';
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode: ExitCode; hint?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}

/** The user gave something that cannot be used (exit 2). */
export function badInput(message: string, hint?: string): DoorbusterError {
  return new DoorbusterError(message, { exitCode: EXIT.badInput, ...(hint ? { hint } : {}) });
}

/** A server, a job or a pipeline broke (exit 3). */
export function stackBroke(message: string, hint?: string, cause?: unknown): DoorbusterError {
  return new DoorbusterError(message, {
    exitCode: EXIT.stackBroke,
    ...(hint ? { hint } : {}),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** System errors of a machine that lacks a resource, as text; the hint is for the path in question. */
const REFUSALS: Readonly<Record<string, { readonly fact: string; readonly hint: string }>> = {
  ENOSPC: {
    fact: 'no space is left on its file system',
    hint: 'df -h PATH   # then free some space there, or name another folder',
  },
  EDQUOT: { fact: 'your quota there is used up', hint: 'quota   # then free some space' },
  EROFS: { fact: 'its file system is read-only', hint: 'name a folder that can be written to' },
  EACCES: { fact: 'permission denied', hint: 'ls -ld PATH   # shows who may write there' },
  EPERM: { fact: 'not permitted', hint: 'ls -ld PATH   # shows who may write there' },
  EFBIG: { fact: 'a file may not become that large', hint: 'ulimit -f unlimited' },
  EIO: { fact: 'the disk failed', hint: 'dmesg | tail' },
  EMFILE: { fact: 'too many open files', hint: 'ulimit -n 4096   # then try again' },
  ENFILE: { fact: 'too many open files on this machine', hint: 'sysctl fs.file-max' },
  ENOMEM: { fact: 'no memory is left', hint: 'free -h   # then end other programs' },
};

/** Texts of libraries for the most frequent of these errors, without the error code. */
const IN_WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
  EROFS: 'Read-only file system',
};

/** Reasons why a file cannot be created at a path; errors only when a file is to be written. */
const NO_PLACE: typeof REFUSALS = {
  ENOENT: { fact: 'there is no such folder', hint: 'mkdir -p "$(dirname PATH)"' },
  ENOTDIR: { fact: 'a folder in its path is a file', hint: 'name another path' },
  EISDIR: { fact: 'it is a folder', hint: 'name a file, or remove the folder' },
  EEXIST: { fact: 'it exists already', hint: 'rm PATH   # or name another' },
  ELOOP: { fact: 'its links lead in a circle', hint: 'name another path' },
  ENAMETOOLONG: { fact: 'the name is too long for its file system', hint: 'name a shorter one' },
  ETXTBSY: { fact: 'it is a program that runs', hint: 'name another path' },
};

/**
 * A system error as an error that a user can act on; undefined if `error` is another error, which may be a bug. `path`
 * is the path to be written, if the error has none; `file` is the path of a file to be written, even if the error has
 * another; `what` names something without a path.
 */
export function refusedByMachine(
  error: unknown,
  {
    path,
    file,
    what,
    exitCode,
  }: {
    readonly path?: string;
    readonly file?: string;
    readonly what?: string;
    readonly exitCode: ExitCode;
  },
): DoorbusterError | undefined {
  if (!(error instanceof Error) || error instanceof DoorbusterError) return undefined;
  const { code, path: named, message } = error as NodeJS.ErrnoException;
  const refusals = file === undefined ? REFUSALS : { ...REFUSALS, ...NO_PLACE };
  const known =
    code !== undefined && Object.hasOwn(refusals, code)
      ? code
      : Object.keys(IN_WORDS).find((one) => message.includes(IN_WORDS[one] as string));
  if (known === undefined) return undefined;
  const { fact, hint } = refusals[known] as (typeof REFUSALS)[string];
  const where = file ?? named ?? path;
  const subject = what ?? where;
  return new DoorbusterError(subject ? `cannot write ${subject}: ${fact}` : `${fact}: ${message}`, {
    exitCode,
    hint: hint.replace('PATH', where ?? '.'),
    cause: error,
  });
}
