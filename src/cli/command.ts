import type { Argv } from 'yargs';
import type { ExitCode } from '../core/exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Context of every command. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborts on Ctrl-C, SIGTERM or a closed terminal. */
  readonly signal: AbortSignal;
}

/** A subcommand: its options for yargs, and its action, which returns an exit code. */
export interface Command {
  readonly command: string;
  readonly describe: string;
  /** Message on Ctrl-C, if it is not only that the command stops. */
  readonly stopping?: string;
  readonly builder: (yargs: Argv) => Argv;
  // biome-ignore lint/suspicious/noExplicitAny: yargs cannot type arguments across a list of commands
  readonly run: (args: any, context: CommandContext) => Promise<ExitCode>;
}
