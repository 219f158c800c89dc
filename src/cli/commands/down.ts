import { systemClock } from '../../core/clock.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { DEFAULT_STACK } from '../../harness/stack/persisted-stack.ts';
import { down } from '../../harness/up.ts';
import type { Command } from '../command.ts';

export const downCommand: Command = {
  command: 'down [name]',
  describe: 'End a persistent stack (from `up` or `run --keep`) and remove its data',
  builder: (yargs) =>
    yargs
      .positional('name', {
        type: 'string',
        default: DEFAULT_STACK,
        describe: 'name of the stack',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the ended servers as JSON' })
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
