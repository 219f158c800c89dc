import { EXIT } from '../../core/exit-codes.ts';
import { escaped } from '../../core/printable.ts';
import { type ListedRun, listRuns } from '../../record/list.ts';
import { type Tone, verdictTone } from '../../reports/section.ts';
import { painter, wrapped } from '../../reports/terminal.ts';
import { GATE_TONES } from '../../reports/verdict-page.ts';
import type { Command } from '../command.ts';
import { colorOnStdout } from '../terminal.ts';

/** Width of the longest outcome, plus two spaces. */
const INDENT = 13;

export const listCommand: Command = {
  command: 'list',
  describe: 'List the runs, series, comparisons and gates of a results folder, oldest first',
  builder: (yargs) =>
    yargs
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the runs',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the runs as a JSON array' })
      .example('$0 list', 'runs of ./results'),
  async run({ results, json }, { terminal }) {
    const runs = listRuns(results);
    if (json) terminal.result(JSON.stringify(runs, null, 1));
    else if (runs.length === 0)
      terminal.say(`no runs in ${results} yet; next: doorbuster run scenarios/quick.yaml`);
    else for (const run of runs) terminal.result(lines(run, Math.min(terminal.columns, 100)));
    return EXIT.pass;
  },
};

function wordOf(run: ListedRun): string {
  if (run.kind === 'unreadable' || run.kind === 'comparison') return run.kind;
  return run.verdict ?? (run.kind === 'run' ? run.outcome : 'incomplete');
}

function textOf(run: ListedRun): string {
  if (run.kind === 'unreadable') return run.problem;
  if (run.kind === 'run') return run.headline;
  if (run.kind === 'comparison') return `${run.runs.length} trials of ${run.designs.join(' · ')}`;
  if (run.kind === 'gate') return `${run.head} against ${run.base}, ${run.runs.length} trials`;
  const { scenario, trials, counted } = run;
  return `${trials} trials of ${scenario}, ${counted} of them counted`;
}

function toneOf(run: ListedRun): Tone {
  if (run.kind === 'comparison') return 'plain';
  if (run.kind === 'gate') return GATE_TONES[run.verdict];
  return run.kind === 'unreadable' || run.verdict === null ? 'warn' : verdictTone(run.verdict).tone;
}

/** Verdict and folder on one line, and the result below. */
function lines(run: ListedRun, columns: number): string {
  const word = wordOf(run);
  // On one line, so that a headline cannot look like another run.
  const text = escaped(textOf(run)).replace(/\s+/g, ' ');
  const paint = painter(colorOnStdout());
  const beneath = wrapped(text, columns - INDENT).map((line) => ' '.repeat(INDENT) + line);
  return [`${paint(word.padEnd(INDENT), toneOf(run))}${escaped(run.dir)}`, ...beneath].join('\n');
}
