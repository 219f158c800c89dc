import { existsSync, statSync } from 'node:fs';
import { badInput } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { COMPARISON_FORMATS, compareRecords } from '../comparison.ts';

export const compareCommand: Command = {
  command: 'compare <what..>',
  describe: 'Compare designs under the same traffic, on one page',
  builder: (yargs) =>
    yargs
      .positional('what', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'scenario files to run, or folders of runs and series',
      })
      .option('vary', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'a design per value: --vary pipeline.use=cdc-upsert,append-ledger (repeatable)',
      })
      .option('repeat', { type: 'number', default: 3, describe: 'number of trials per design' })
      .option('warm-up', {
        type: 'boolean',
        default: false,
        describe: 'trials before the others that warm up all servers, recorded and not counted',
      })
      .option('seed', { type: 'string', describe: 'seed of the first trial of every design' })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'override any key in every design (repeatable)',
      })
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the comparison',
      })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'compare although traffic, seeds or machines differ; the page says so',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('format', {
        choices: COMPARISON_FORMATS,
        default: 'terminal' as (typeof COMPARISON_FORMATS)[number],
        describe: 'format of the output on stdout',
      })
      .option('json', { type: 'boolean', default: false, describe: 'same as --format json' })
      .example('$0 compare results/a results/b', 'two runs that were recorded')
      .example(
        '$0 compare scenarios/quick.yaml --vary pipeline.use=cdc-upsert,append-ledger',
        'two designs, three trials of each',
      )
      .example('$0 compare mine.yaml --vary pipeline.commit_every=1s,5s,30s', 'a setting'),
  stopping: 'stopping: writing the record and ending the servers',
  async run(args, context) {
    const { vary, force, json } = args;
    const what: readonly string[] = args.what;
    const format = json ? 'json' : args.format;
    if (what.some(isFolder)) {
      const scenario = what.find((one) => !isFolder(one));
      if (scenario !== undefined || vary.length > 0) {
        throw badInput(
          `recorded runs are compared as they are: ${scenario ?? '--vary'} would have to run`,
          'compare folders, or compare scenarios',
        );
      }
      return compareRecords(what, { force, format }, context.terminal);
    }
    const { runCompared } = await import('../run-compared.ts');
    return runCompared({ ...args, format }, context);
  },
};

function isFolder(path: string): boolean {
  return existsSync(path) && (statSync(path).isDirectory() || path.endsWith('.json'));
}
