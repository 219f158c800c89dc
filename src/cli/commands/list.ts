import pc from 'picocolors';
import { EXIT } from '../../core/exit-codes.ts';
import { type ListedRun, listRuns } from '../../record/list.ts';
import type { Command } from '../command.ts';

export const listCommand: Command = {
  command: 'list',
  describe: 'List the runs of a results folder, oldest first',
  builder: (yargs) =>
    yargs
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'folder that holds the runs',
      })
      .option('json', { type: 'boolean', default: false, describe: 'one JSON array on stdout' })
      .example('$0 list', 'runs of ./results'),
  async run({ results, json }, { terminal }) {
    const runs = listRuns(results);
    if (json) terminal.result(JSON.stringify(runs, null, 1));
    else if (runs.length === 0)
      terminal.say(`no runs in ${results} yet; next: doorbuster run scenarios/quick.yaml`);
    else for (const run of runs) terminal.result(line(run));
    return EXIT.pass;
  },
};

function line(run: ListedRun): string {
  if (run.kind === 'unreadable') return `${run.dir}  ${pc.yellow('unreadable')}  ${run.problem}`;
  return `${run.dir}  ${(run.verdict ?? run.outcome).padEnd(11)}  ${run.headline}`;
}
