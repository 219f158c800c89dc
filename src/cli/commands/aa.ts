import type { Command } from '../command.ts';
import { scenarioOptions } from '../scenario-file.ts';

export const aaCommand: Command = {
  command: 'aa <scenario>',
  describe: 'Measure how much equal runs differ on this machine, for a gate',
  builder: (yargs) =>
    scenarioOptions(yargs)
      .option('pairs', { type: 'number', default: 12, describe: 'number of pairs, 6 to 16' })
      .option('metrics', {
        type: 'string',
        describe: 'file of metrics and effects; ./gate.yaml if there is one',
      })
      .option('out', {
        type: 'string',
        default: 'noise.json',
        describe: 'the file that is written, which doorbuster gate reads',
      })
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the trials',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the noise as JSON' })
      .example('$0 aa scenarios/gate.yaml', 'twelve pairs, and ./noise.json'),
  stopping: 'stopping: writing the record and ending the servers',
  async run(args, context) {
    const { runAa } = await import('../run-aa.ts');
    return runAa(args, context);
  },
};
