import { badInput, type DoorbusterError } from '../core/errors.ts';

/** The form of a command: `run <scenario>`. */
interface Named {
  readonly command: string;
}

/**
 * Rewrites errors of yargs with their subject: yargs only counts arguments, and a user wants to know which one is
 * missing; for an unknown command it only prints a suggestion.
 */
export function complaint(
  message: string,
  argv: readonly string[],
  commands: readonly Named[],
): DoorbusterError {
  const typed = argv.find((word) => !word.startsWith('-'));
  const form = commands.find(({ command }) => command.split(' ')[0] === typed)?.command;
  if (typed === undefined) return badInput(message, 'doorbuster --help');
  if (form === undefined) {
    const meant = /^Did you mean (.*)$/.exec(message)?.[1];
    const near = meant === undefined ? '' : `: did you mean ${meant}`;
    return badInput(`there is no command "${typed}"${near}`, 'doorbuster --help');
  }
  return badInput(ofCommand(message, form, argv), `doorbuster ${typed} --help`);
}

function ofCommand(message: string, form: string, argv: readonly string[]): string {
  const [name, ...places] = form.split(' ');
  const given = /^Not enough non-option arguments: got (\d+)/.exec(message)?.[1];
  if (given !== undefined) return `${name} needs ${places.slice(Number(given)).join(' and ')}`;
  const unknown = /^Unknown arguments?: (.*)$/.exec(message)?.[1];
  if (unknown !== undefined) {
    const words = unknown.split(', ').map((word) => {
      return argv.find((one) => one.replace(/^-+/, '').split('=')[0] === word) ?? word;
    });
    return `${name} has no option ${words.join(', ')}`;
  }
  const [, option, value, choices] =
    /Argument: (.*), Given: (.*), Choices: (.*)/.exec(message) ?? [];
  if (option !== undefined) return `--${option} ${value} is not one of ${choices}`;
  const bare = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  return bare === undefined ? message : `--${bare} needs a value`;
}
