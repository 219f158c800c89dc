import { existsSync } from 'node:fs';
import { badInput } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { listRuns } from '../../record/list.ts';
import { readRecord } from '../../record/read.ts';
import { writeAtomically } from '../../record/write.ts';
import { escapedTexts } from '../../reports/escaped.ts';
import { historyOf } from '../../reports/history.ts';
import { historyHtml, renderHistory } from '../../reports/history-text.ts';
import { measuresOf } from '../../reports/measures.ts';
import { suggest } from '../../scenario/problems.ts';
import type { Command } from '../command.ts';
import { colorOnStdout } from '../terminal.ts';

export const historyCommand: Command = {
  command: 'history <dir>',
  describe: 'Show recorded runs as series over time, and where they changed',
  builder: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        demandOption: true,
        describe: 'folder of runs, series, comparisons and gates',
      })
      .option('metric', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'id of a metric, like staleness-p99; all of them by default (repeatable)',
      })
      .option('html', { type: 'string', describe: 'page with pictures, to be written' })
      .option('json', { type: 'boolean', default: false, describe: 'the series as JSON' })
      .example('$0 history results', 'every scenario, lane and metric')
      .example('$0 history results/baselines --html history.html', 'with pictures'),
  async run({ dir, metric, html, json }, { terminal }) {
    if (!existsSync(dir)) throw badInput(`there is no folder ${dir}`, 'doorbuster history results');
    const unreadable: string[] = [];
    const records = listRuns(dir)
      .flatMap((one) => {
        if (one.kind === 'unreadable') unreadable.push(`${one.dir}: ${one.problem}`);
        return one.kind === 'unreadable' ? [] : one.kind === 'run' ? [one.dir] : one.runs;
      })
      .flatMap((run) => {
        try {
          return [readRecord(run)];
        } catch (error) {
          unreadable.push((error as Error).message);
          return [];
        }
      });
    if (records.length === 0) {
      const [first] = unreadable;
      throw badInput(
        `${dir} holds no run that can be read${first === undefined ? '' : `: ${first}`}`,
        'doorbuster run scenarios/quick.yaml',
      );
    }
    const known = measuresOf(records).map(({ id }) => id);
    for (const id of (metric as readonly string[] | undefined) ?? []) {
      if (!known.includes(id)) throw badInput(`no metric "${id}": ${suggest(id, known)}`);
    }
    const found = historyOf(records, metric ?? null);
    const history = { ...found, left: [...found.left, ...unreadable] };
    const shown = escapedTexts(history);
    const options = { color: colorOnStdout(), columns: terminal.columns };
    terminal.result(
      (json ? JSON.stringify(history, null, 1) : renderHistory(shown, options)).trimEnd(),
    );
    if (html !== undefined) {
      writeAtomically(html, historyHtml(shown), { exitCode: EXIT.badInput });
      terminal.say(`written ${html}`);
    }
    return EXIT.pass;
  },
};
