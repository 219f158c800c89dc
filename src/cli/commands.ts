import type { Argv } from 'yargs';
import type { ExitCode } from '../core/exit-codes.ts';
import { doctorCommand } from './commands/doctor.ts';
import { listCommand } from './commands/list.ts';
import { previewCommand } from './commands/preview.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { schemaCommand } from './commands/schema.ts';
import { setupCommand } from './commands/setup.ts';
import { sqlCommand } from './commands/sql.ts';
import { validateCommand } from './commands/validate.ts';
import type { CommandContext } from './main.ts';

/** One command line verb: its options for yargs, and what it does, giving an exit code. */
export interface Command {
  readonly command: string;
  readonly describe: string;
  readonly builder: (yargs: Argv) => Argv;
  // biome-ignore lint/suspicious/noExplicitAny: yargs cannot type arguments across a list of commands
  readonly run: (args: any, context: CommandContext) => Promise<ExitCode>;
}

/** In the order of `--help`: what a newcomer needs first. */
export const commands: readonly Command[] = [
  runCommand,
  previewCommand,
  validateCommand,
  reportCommand,
  listCommand,
  sqlCommand,
  setupCommand,
  doctorCommand,
  schemaCommand,
];
