import { setMaxListeners } from 'node:events';
import yargs from 'yargs';
import { badInput, DoorbusterError, refusedByMachine } from '../core/errors.ts';
import { EXIT, EXIT_MEANINGS, type ExitCode } from '../core/exit-codes.ts';
import { withoutRelativeHomes } from '../harness/setup/user-dirs.ts';
import type { Command, CommandContext } from './command.ts';
import { commandsFor } from './commands.ts';
import { complaint } from './complaint.ts';
import { errorText, systemTerminal, type Terminal } from './terminal.ts';

/**
 * Runs one command and ends the process with its exit code. Only this function formats errors and
 * exits.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const terminal = systemTerminal();
  const interruption = new AbortController();
  // Many concurrent operations listen to it, for example each artifact that is fetched.
  setMaxListeners(0, interruption.signal);
  let underWay: Command | undefined;
  listenForInterruption(interruption, terminal, () => underWay?.stopping ?? 'stopping');
  const context = { terminal, signal: interruption.signal };
  const exitCode = await execute(argv, context, (command) => {
    underWay = command;
  });
  process.exit(
    await terminal.flushed().then(
      () => exitCode,
      (error) => explain(error, context),
    ),
  );
}

/** SQL may begin with a comment: an argument with a space after its dashes, or a line feed, is not an option. */
function notAnOption(argument: string): string {
  return /^--(\s|.*\n)/.test(argument) ? `\n${argument}` : argument;
}

function exitCodes(): string {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[];
  return names.map((name) => `${EXIT[name]} ${EXIT_MEANINGS[name].short}`).join(', ');
}

async function execute(
  argv: readonly string[],
  context: CommandContext,
  onCommand: (command: Command) => void,
): Promise<ExitCode> {
  try {
    refuseGoneFolder();
    withoutRelativeHomes(process.env);
    let exitCode: ExitCode = EXIT.pass;
    const commands = await commandsFor(argv);
    const parser = yargs()
      .scriptName('doorbuster')
      .usage(
        '$0 <command>\n\nReplays retail traffic against a real Kafka, Flink and Iceberg stack on this machine,\nand measures how long a change takes until a query can return it.',
      )
      .strict()
      .recommendCommands()
      .demandCommand(1, 'Name a command.')
      .wrap(Math.min(100, context.terminal.columns))
      .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false })
      .example('$0 run scenarios/black-friday.yaml', 'the main job, about four minutes')
      .example('$0 preview scenarios/quick.yaml', 'what would be sent; starts no server')
      .epilogue(`Exit codes: ${exitCodes()}.`)
      .help()
      .version()
      .exitProcess(false)
      .fail((message, error) => {
        // yargs throws errors of its tokenizer, and passes later errors as messages.
        throw error && error.name !== 'YError'
          ? error
          : complaint(message ?? error.message, argv, commands);
      });
    for (const command of commands) {
      parser.command({
        ...command,
        handler: async (args) => {
          onCommand(command);
          exitCode = await command.run(args, context);
        },
      });
    }
    // With a callback, yargs passes help and version on; its own output would be lost on a full disk.
    await parser.parseAsync(argv.map(notAnOption), {}, (_error, _argv, output) => {
      if (output !== '') context.terminal.result(output);
    });
    return exitCode;
  } catch (error) {
    return explain(error, context);
  }
}

/** Throws if the working folder was removed, because relative paths are invalid there. */
function refuseGoneFolder(): void {
  try {
    process.cwd();
  } catch {
    throw badInput('the working folder no longer exists', 'cd ~');
  }
}

function explain(error: unknown, { terminal, signal }: CommandContext): ExitCode {
  if (signal.aborted) {
    terminal.say('interrupted');
    return EXIT.interrupted;
  }
  const refused = refusedByMachine(error, { exitCode: EXIT.badInput }) ?? error;
  if (refused instanceof DoorbusterError) {
    terminal.say(errorText(refused.message, refused.hint));
    return refused.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.say(
    errorText(`this is a defect of doorbuster itself: ${text}`, 'report it with the text above'),
  );
  return EXIT.ourBug;
}

/**
 * The first signal makes the command clean up; the third one ends the process at once. A closed terminal
 * sends more than one signal (from shell and kernel), which is not a second request.
 */
function listenForInterruption(
  interruption: AbortController,
  terminal: Terminal,
  stopping: () => string,
): void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === 'SIGHUP' && signals > 0) return;
    signals += 1;
    if (signals === 1) {
      terminal.say(`\n${stopping()} (Ctrl-C twice more ends it at once)`);
      interruption.abort(new DoorbusterError('interrupted', { exitCode: EXIT.interrupted }));
    } else if (signals >= 3) process.exit(EXIT.interrupted);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}
