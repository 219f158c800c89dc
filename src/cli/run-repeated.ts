import pc from 'picocolors';
import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { estimateOf, repeatLine } from '../harness/experiment/estimate.ts';
import { openLab } from '../harness/experiment/lab.ts';
import { planTrials, repeatTrials, type SEEDS } from '../harness/experiment/repeat.ts';
import { pipelineFor } from '../harness/pipelines/load.ts';
import type { ScenarioOnDisk } from '../harness/recording/open.ts';
import type { Artifacts } from '../harness/setup/artifacts.ts';
import type { RuntimeKind } from '../harness/stack/stack.ts';
import { createRunFolder, removeIfEmpty } from '../record/folder.ts';
import type { RecordedTrial } from '../record/series.ts';
import { repetitionOf } from '../reports/repetition.ts';
import type { CommandContext } from './command.ts';
import { runProgress } from './run-progress.ts';
import { showSeries, writeSeries } from './series.ts';
import { writeTrialReports } from './write-reports.ts';

/** Command line arguments of a series of trials. */
export interface RepeatArguments {
  readonly repeat: number;
  readonly seeds: (typeof SEEDS)[number];
  readonly warmUp: boolean;
  readonly results: string;
  readonly on?: string;
  readonly keep: boolean;
  readonly shard?: string;
  readonly json: boolean;
}

const MOST = 1_000;

/** Throws DoorbusterError (exit 2) for options that cannot be combined with several trials. */
export function refuseRepeat({
  repeat,
  shard,
  warmUp,
}: Partial<Pick<RepeatArguments, 'repeat' | 'shard' | 'warmUp'>>): void {
  if (repeat === undefined) {
    if (!warmUp) return;
    throw badInput('--warm-up is for several trials: it needs --repeat', '--repeat 5 --warm-up');
  }
  if (!Number.isInteger(repeat) || repeat < 1 || repeat > MOST) {
    throw badInput(`--repeat must be a whole number from 1 to ${MOST}`, '--repeat 5');
  }
  if (shard !== undefined) {
    throw badInput(
      '--repeat and --shard cannot be combined: the trials of a distributed run are begun one by one',
      'leave out --repeat, or leave out --shard and --load',
    );
  }
}

/** Several trials of a scenario on one stack, each with a record, and one report of all. */
export async function runRepeated(
  args: RepeatArguments,
  given: {
    readonly parsed: ScenarioOnDisk;
    readonly runtime: RuntimeKind;
    readonly artifacts: Artifacts;
    /** The scenario with another seed. */
    readonly withSeed: (seed: number) => Promise<ScenarioOnDisk>;
    /** The command line of one trial, with its seed, and of all of them, without. */
    readonly reproduce: (seed?: number) => string;
  },
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const { parsed, runtime, artifacts } = given;
  const { keep, on, repeat, seeds, warmUp, results } = args;
  const { name, seed } = parsed.scenario;
  const baseDir = process.cwd();
  const plan = planTrials(repeat, { seed, seeds, warmUp });
  const { manifest } = pipelineFor(parsed, baseDir);
  const series = createRunFolder(results, `${name}-x${repeat}`, systemClock.nowMs());
  terminal.say(repeatLine(estimateOf(parsed.scenario, manifest), plan.length));
  terminal.say(pc.dim(series.dir));
  const done: RecordedTrial[] = [];
  const report = () =>
    repetitionOf({ id: series.id, trials: repeat, seeds, reproduce: given.reproduce() }, done);
  try {
    await using lab = await openLab({
      ...{ scenarios: [parsed], baseDir, runtime, keep, artifacts, signal, clock: systemClock },
      ...(on === undefined ? {} : { on }),
      seriesDir: series.dir,
      onLine: (text) => terminal.say(text),
    });
    using shownNow = trialProgress(terminal);
    const trials = repeatTrials(lab, plan, async (planned) => {
      const scenario = await given.withSeed(planned.seed);
      return {
        ...{ baseDir, keep, signal, resultsDir: series.dir, parsed: scenario },
        reproduce: given.reproduce(planned.seed),
        onEvent: shownNow.begin(scenario),
      };
    });
    for await (const { number, seed: its, record, dir } of trials) {
      shownNow.end();
      done.push({ number, seed: its, record });
      writeTrialReports(terminal, dir, record);
      writeSeries(series.dir, report());
      const which = number === 0 ? 'warm-up' : `trial ${number} of ${repeat}`;
      terminal.say(`${which} (seed ${its}): ${record.verdict ?? record.outcome}`);
    }
    if (keep && lab.persistent !== null) {
      terminal.say(`${lab.persistent} keeps running: doorbuster down ${lab.persistent} ends it`);
    }
  } finally {
    removeIfEmpty(series.dir);
  }
  return showSeries(report(), args.json ? 'json' : 'terminal', terminal);
}

/** The progress of one trial after the other. */
export function trialProgress(terminal: CommandContext['terminal']) {
  let now: ReturnType<typeof runProgress> | undefined;
  const end = () => now?.end();
  return {
    begin({ scenario }: ScenarioOnDisk) {
      now = runProgress(terminal, scenario);
      return now.show;
    },
    end,
    [Symbol.dispose]: end,
  };
}
