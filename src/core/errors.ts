import { EXIT, type ExitCode } from './exit-codes.ts';

/**
 * The one error class for everything a person can act on. The message names the subject, the fact
 * and the limit; the hint is the next thing to type. Anything else that is thrown is a bug of ours.
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
