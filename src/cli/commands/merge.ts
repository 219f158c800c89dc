import { dirname, resolve } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { merge, readParts } from '../../harness/sharding/merge.ts';
import { parseScenario } from '../../scenario/parse.ts';
import type { Command } from '../command.ts';
import { recorded } from '../recorded.ts';
import { SUMMARIES, showRecord } from '../write-reports.ts';

export const mergeCommand: Command = {
  command: 'merge <parts..>',
  describe: 'Join the records of a load that several shards have made',
  builder: (yargs) =>
    yargs
      .positional('parts', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'the folder of every shard',
      })
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'folder that gets the joined run',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the record on stdout' })
      .option('summary', {
        choices: SUMMARIES,
        default: 'short' as (typeof SUMMARIES)[number],
        describe: 'one screen of the joined run, or every table',
      })
      .example('$0 merge shards/*', 'after all of `run --shard 1/4 --load friday` have ended'),
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
