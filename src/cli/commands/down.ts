import { systemClock } from '../../core/clock.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { DEFAULT_STACK } from '../../harness/stack/kept.ts';
import { down } from '../../harness/up.ts';
import type { Command } from '../command.ts';

export const downCommand: Command = {
  command: 'down [name]',
  describe: 'End the servers that `up` or `run --keep` has left running, and remove their data',
  builder: (yargs) =>
    yargs
      .positional('name', {
        type: 'string',
        default: DEFAULT_STACK,
        describe: 'what the stack is called',
      })
      .option('json', { type: 'boolean', default: false, describe: 'what was ended, on stdout' })
      .example('$0 down', 'ends the stack called default'),
  async run({ name, json }, { terminal }) {
    const ended: string[] = [];
    const { missing } = await down(name, {
      clock: systemClock,
      onProgress: ({ server, state }) => void (state === 'stopped' && ended.push(server)),
    });
    if (json) terminal.result(JSON.stringify({ name, ended, missing }, null, 1));
    else {
      const gone = missing.length > 0 ? `; ${missing.join(', ')} had ended before` : '';
      terminal.result(`${name} is down: ended ${ended.join(', ') || 'nothing'}${gone}`);
    }
    return EXIT.pass;
  },
};
