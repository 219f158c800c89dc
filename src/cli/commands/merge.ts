import { dirname, resolve } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { merge, readParts } from '../../harness/sharding/merge.ts';
import { parseScenario } from '../../scenario/parse.ts';
import type { Command } from '../command.ts';
import { recorded } from '../recorded.ts';
import { SUMMARIES, showRecord } from '../write-reports.ts';

export const mergeCommand: Command = {
  command: 'merge <parts..>',
  describe: 'Merge the records of a distributed run',
  builder: (yargs) =>
    yargs
      .positional('parts', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'run folder of every shard',
      })
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the merged run',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the record as JSON' })
      .option('summary', {
        choices: SUMMARIES,
        default: 'short' as (typeof SUMMARIES)[number],
        describe: 'one screen of the merged run, or every table',
      })
      .example('$0 merge shards/*', 'after every `run --shard N/4 --load friday` has ended'),
  async run({ parts: paths, results, json, summary }, context) {
    const parts = readParts(paths);
    const { text, file, overrides } = parts[0].record.scenario;
    const set = overrides.map(({ path, value }) => `${path}=${value}`);
    const read = { ...parseScenario(text, { file, set }), file, dir: dirname(resolve(file)) };
    const { scenario } = await recorded(read, {}, context);
    const joined = await merge(parts, {
      scenario,
      resultsDir: results,
      baseDir: process.cwd(),
      clock: systemClock,
      reproduce: `doorbuster merge ${paths.join(' ')}`,
    });
    return showRecord(context.terminal, joined, { json, summary });
  },
};
