import { existsSync } from 'node:fs';
import { badInput } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { valuesOf } from '../../core/stats.ts';
import { parseDurationMs } from '../../core/units.ts';
import { impactOf, type LateView } from '../../harness/impact/impact.ts';
import { USD_PER_BROKEN_PROMISE } from '../../harness/measure/promises.ts';
import { readRecord } from '../../record/read.ts';
import { escapedTexts } from '../../reports/escaped.ts';
import { distribution, mainStream, peakPhase } from '../../reports/find.ts';
import { type ImpactPage, impactMarkdown, renderImpact } from '../../reports/impact.ts';
import type { TerminalOptions } from '../../reports/terminal.ts';
import { type Scenario, STOCK } from '../../scenario/scenario.ts';
import { measuredPhases, type TimedPhase } from '../../scenario/timeline.ts';
import type { Command } from '../command.ts';
import { recorded } from '../recorded.ts';
import { quoted, repeated } from '../reproduce.ts';
import { readScenario, scenarioOptions } from '../scenario-file.ts';
import { colorOnStdout } from '../terminal.ts';

const FORMATS = ['terminal', 'markdown', 'json'] as const;
const HOUR_MS = 3_600_000;

/** Names of scenarios and of folders are untrusted text: for people they are escaped. */
const RENDER: {
  readonly [F in (typeof FORMATS)[number]]: (page: ImpactPage, options: TerminalOptions) => string;
} = {
  terminal: (page, options) => renderImpact(escapedTexts(page), options),
  markdown: (page) => impactMarkdown(escapedTexts(page)),
  json: (page) => JSON.stringify(page, null, 1),
};

interface ImpactArguments {
  readonly scenario: string;
  readonly seed?: string;
  readonly set: readonly string[];
  readonly staleness: string;
  readonly hours?: number;
  readonly orders: number;
  readonly format: (typeof FORMATS)[number];
  readonly json: boolean;
}

export const impactCommand: Command = {
  command: 'impact <scenario>',
  describe: 'Replay pickup promises against views that are late, without servers',
  builder: (yargs) =>
    scenarioOptions(yargs)
      .option('staleness', {
        type: 'string',
        default: '0s,5s,30s,5m,47m',
        describe:
          'views, separated by commas: 30s (constant), every:5m (micro-batches), or the folder of a run (as measured)',
      })
      .option('hours', {
        type: 'number',
        describe: 'business time of the measured load phases; without it, as in the scenario',
      })
      .option('orders', {
        type: 'number',
        default: 10_000,
        describe: 'mean number of pickup orders',
      })
      .option('format', {
        choices: FORMATS,
        default: 'terminal' as (typeof FORMATS)[number],
        describe: 'format of the output on stdout',
      })
      .option('json', { type: 'boolean', default: false, describe: 'same as --format json' })
      .example('$0 impact scenarios/stale-47.yaml', 'from five seconds to 47 minutes')
      .example('$0 impact mine.yaml --staleness 0s,every:15m,results/…', 'a schedule, and a run')
      .example('$0 impact scenarios/black-friday.yaml --hours 24', 'a day of it'),
  async run(args: ImpactArguments, context) {
    const { terminal, signal } = context;
    const views = viewsOf(args.staleness);
    refuseNumbers(args);
    const own = readScenario(args);
    const wanted = args.hours === undefined ? own : stretched(args, own.scenario);
    const { scenario } = await recorded(wanted, {}, context);
    const lacks =
      measuredPhases(scenario).length === 0
        ? 'measured load phase'
        : scenario.traffic[STOCK]?.preload !== 'assortment'
          ? 'opening stock'
          : null;
    if (lacks !== null) {
      throw badInput(
        `${args.scenario} has no ${lacks}, so nothing can be promised`,
        `traffic: { ${STOCK}: { preload: assortment } }`,
      );
    }
    let drawn = 0;
    const draw = (lines: readonly string[]) => {
      if (terminal.live) terminal.redraw(lines, drawn);
      drawn = lines.length;
    };
    const impacts = await impactOf(scenario, views, {
      ...{ orders: args.orders, signal },
      onStore: (done, of) => draw([`replayed ${done} of ${of} stores`]),
    }).finally(() => draw([]));
    const page: ImpactPage = {
      ...{ scenario: scenario.name, seed: scenario.seed, stores: scenario.retail.stores },
      measuredMs: lengthOf(measuredPhases(scenario)),
      usdEach: USD_PER_BROKEN_PROMISE,
      views: impacts,
      reproduce: reproduceLine(args),
    };
    const options = { color: colorOnStdout(), columns: terminal.columns };
    terminal.result(RENDER[args.json ? 'json' : args.format](page, options));
    return EXIT.pass;
  },
};

function refuseNumbers({ hours, orders }: ImpactArguments): void {
  if (hours !== undefined && !(hours > 0 && hours <= 168)) {
    throw badInput(`--hours ${hours} must be above 0 and at most 168`, '--hours 24');
  }
  if (!(orders >= 100 && orders <= 1_000_000)) {
    throw badInput(`--orders ${orders} must be from 100 to 1,000,000`, '--orders 10000');
  }
}

/** Duration of these phases together, ms. */
function lengthOf(phases: readonly TimedPhase[]): number {
  return phases.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
}

/** The scenario with its measured load phases stretched in proportion, to these hours in all. */
function stretched(args: ImpactArguments, scenario: Scenario) {
  const phases = measuredPhases(scenario);
  const factor = ((args.hours as number) * HOUR_MS) / lengthOf(phases);
  const set = phases.map(
    ({ phase, startMs, endMs }) =>
      `phases.${phase.name}.for=${Math.round((endMs - startMs) * factor)}ms`,
  );
  return readScenario({ ...args, set: [...args.set, ...set] });
}

function viewsOf(text: string): readonly LateView[] {
  const views = text.split(',').map((one) => viewOf(one.trim()));
  const twice = views.find(({ label }, i) => views.findIndex((one) => one.label === label) < i);
  if (twice === undefined) return views;
  throw badInput(`--staleness names ${twice.label} twice`, '--staleness 5s,30s,5m,47m');
}

function viewOf(text: string): LateView {
  if (existsSync(text)) return measuredView(text);
  const [, batches, length = ''] = /^(every:)?(.*)$/s.exec(text) ?? [];
  let ms: number;
  try {
    ms = parseDurationMs(length);
  } catch {
    throw badInput(
      `--staleness ${text} is neither a duration, nor every:DURATION, nor the folder of a run`,
      '--staleness 5s,every:15m,results/…',
    );
  }
  if (batches === undefined) return { label: text, lateness: { kind: 'constant', ms } };
  if (ms === 0) throw badInput(`--staleness ${text}: an interval is above 0`, 'every:5m');
  return { label: text, lateness: { kind: 'batches', everyMs: ms } };
}

/** The staleness of the stock in the phase under the highest load of a recorded run. */
function measuredView(path: string): LateView {
  const record = readRecord(path);
  const [stream, phase] = [mainStream(record), peakPhase(record)];
  const metric =
    stream && phase ? distribution(record, 'staleness', stream, phase.name) : undefined;
  if (metric?.samples === undefined || metric.n === 0) {
    throw badInput(`${path} has no staleness of a stock table`, 'doorbuster list');
  }
  return { label: path, lateness: { kind: 'measured', sortedMs: valuesOf(metric.samples) } };
}

function reproduceLine({ scenario, seed, set, staleness, hours, orders }: ImpactArguments): string {
  return [
    `doorbuster impact ${quoted(scenario)} --staleness ${quoted(staleness)}`,
    ...(hours === undefined ? [] : [`--hours ${hours}`]),
    `--orders ${orders}`,
    ...(seed === undefined ? [] : [`--seed ${seed}`]),
    ...repeated('--set', set),
  ].join(' ');
}
