import { expect, test } from 'vitest';
import { complaint } from './complaint.ts';

const commands = [{ command: 'run <scenario>' }, { command: 'sql <dir> <query>' }];

test.each([
  ['Did you mean run?', 'rnu x.yaml', 'there is no command "rnu": did you mean run?'],
  ['Unknown argument: walk', 'walk', 'there is no command "walk"'],
  ['Not enough non-option arguments: got 0, need at least 1', 'run', 'run needs <scenario>'],
  ['Not enough non-option arguments: got 1, need at least 2', 'sql d', 'sql needs <query>'],
  ['Unknown argument: sed', 'run x --sed 3', 'run has no option --sed'],
  ['Unknown arguments: a, b', 'run x --a=1 b', 'run has no option --a=1, b'],
  [
    'Invalid values:\n  Argument: format, Given: "pdf", Choices: "a", "b"',
    'run x',
    '--format "pdf" is not one of "a", "b"',
  ],
  ['Not enough arguments following: set', 'run x --set', '--set needs a value'],
  ['Name a command.', '', 'Name a command.'],
])('%j after "%s" is reported as: %s', (message, line, reported) => {
  const argv = line.split(' ').filter((word) => word !== '');
  expect(complaint(message, argv, commands).message).toBe(reported);
});

test('the hint is the help of the command that was typed', () => {
  expect(complaint('Unknown argument: sed', ['run', '--sed'], commands).hint).toBe(
    'doorbuster run --help',
  );
  expect(complaint('Did you mean run?', ['rnu'], commands).hint).toBe('doorbuster --help');
});
