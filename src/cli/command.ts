import type { Argv } from 'yargs';
import type { ExitCode } from '../core/exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** What every command gets, and what it gives back. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborts on Ctrl-C, SIGTERM or a closed terminal. */
  readonly signal: AbortSignal;
}

/** One command line verb: its options for yargs, and what it does, giving an exit code. */
export interface Command {
  readonly command: string;
  readonly describe: string;
  /** What is said on Ctrl-C, where it is more than that the command stops. */
  readonly stopping?: string;
  readonly builder: (yargs: Argv) => Argv;
  // biome-ignore lint/suspicious/noExplicitAny: yargs cannot type arguments across a list of commands
  readonly run: (args: any, context: CommandContext) => Promise<ExitCode>;
}
