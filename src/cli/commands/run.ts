import { systemClock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import { openLab } from '../../harness/experiment/lab.ts';
import { SEEDS } from '../../harness/experiment/repeat.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { needsOf } from '../../harness/setup/needs.ts';
import { RUNTIMES } from '../../harness/stack/runtimes.ts';
import type { Command } from '../command.ts';
import { liveMetrics } from '../live-metrics.ts';
import { serveMetrics } from '../metrics-server.ts';
import { ready } from '../ready.ts';
import { recorded } from '../recorded.ts';
import { reproduce } from '../reproduce.ts';
import { runProgress } from '../run-progress.ts';
import { type RepeatArguments, refuseRepeat, runRepeated } from '../run-repeated.ts';
import { runtimeOf, workOf } from '../run-work.ts';
import { readScenario, type ScenarioArguments, scenarioOptions } from '../scenario-file.ts';
import { shardOf } from '../shard-options.ts';
import { SUMMARIES, showRecord } from '../write-reports.ts';

export const runCommand: Command = {
  command: 'run <scenario>',
  describe: 'Run a scenario on the real stack, and record the results',
  builder: (yargs) =>
    scenarioOptions(yargs)
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the run',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the record as JSON' })
      .option('summary', {
        choices: SUMMARIES,
        default: 'short' as (typeof SUMMARIES)[number],
        describe: 'one screen at the end of the run, or every table',
      })
      .option('on', {
        type: 'string',
        describe: 'name of a persistent stack (see `up`) to run on',
      })
      .option('keep', {
        type: 'boolean',
        default: false,
        describe: 'keep the stack, with the topics and tables of this run',
      })
      .option('shard', {
        type: 'string',
        describe: 'part of a distributed load that this machine sends, like 2/8',
      })
      .option('load', {
        type: 'string',
        describe: 'id of the distributed run, the same for all shards',
      })
      .option('repeat', {
        type: 'number',
        describe: 'number of trials on one stack, with one report of all',
      })
      .option('seeds', {
        choices: SEEDS,
        default: 'increment' as (typeof SEEDS)[number],
        describe: 'seeds of the trials of --repeat: each one higher, or all the same',
      })
      .option('warm-up', {
        type: 'boolean',
        default: false,
        describe: 'one more trial before those of --repeat, recorded and not counted',
      })
      .option('abort-on-fail', {
        type: 'boolean',
        default: false,
        describe: 'end the run, as failed, when a check cannot pass any more',
      })
      .option('metrics', {
        type: 'string',
        describe: 'serve metrics of the run in OpenMetrics at :PORT or HOST:PORT, path /metrics',
      })
      .example('$0 run scenarios/black-friday.yaml', 'the main job')
      .example('$0 run scenarios/quick.yaml --repeat 5', 'median and spread of five trials')
      .example('$0 run my.yaml --set pipeline.format=3', 'your own, with a changed key'),
  stopping: 'stopping: writing the record and ending the servers',
  async run(args, context) {
    refuseRepeat(args);
    refuseAbortOnFail(args);
    if (args.metrics !== undefined && args.repeat !== undefined) {
      throw badInput(
        '--metrics and --repeat cannot be combined: they are the metrics of one run',
        'leave out --metrics, or --repeat',
      );
    }
    const read = readScenario(args);
    const metrics = args.metrics === undefined ? null : liveMetrics(read.scenario.name);
    // First of all, so that a taken port is found before anything starts.
    await using served = metrics && (await serveMetrics(args.metrics, metrics));
    if (served) context.terminal.say(`metrics at ${served.url}`);
    const shard = shardOf(args, read.scenario.retail.stores);
    const runtime = await runtimeOf(args.on, read);
    const means = await RUNTIMES[runtime].artifactSource();
    const parsed = await recorded(read, args, context, means);
    const needs = needsOf(readLock(), workOf([parsed], runtime, shard));
    const artifacts = await ready({ yes: args.yes, runtime, means, needs }, context);
    if (args.repeat !== undefined) {
      const given = {
        ...{ parsed, runtime, artifacts },
        withSeed: (seed: number) =>
          recorded(readScenario({ ...args, seed: String(seed) }), args, context, means),
        reproduce: (seed?: number) =>
          seed === undefined ? repeatLineOf(args) : reproduce({ ...args, seed: String(seed) }),
      };
      return runRepeated(args, given, context);
    }
    const baseDir = process.cwd();
    const { on, keep } = args;
    await using lab = await openLab({
      ...{
        scenarios: [parsed],
        baseDir,
        runtime,
        keep,
        artifacts,
        clock: systemClock,
        signal: context.signal,
      },
      ...(on === undefined ? {} : { on }),
      onLine: (text) => context.terminal.say(text),
    });
    const progress = runProgress(context.terminal, parsed.scenario);
    try {
      const result = await lab.run({
        ...{ parsed, baseDir, keep, resultsDir: args.results, signal: context.signal },
        ...(shard === undefined ? {} : { shard }),
        abortOnFail: args.abortOnFail,
        // One machine of a distributed load does not know what the others sent.
        reportSoFar: metrics !== null && shard === undefined,
        reproduce: reproduce(args),
        onEvent(event) {
          progress.show(event);
          metrics?.show(event);
        },
      });
      progress.end();
      if (keep && lab.persistent !== null) {
        context.terminal.say(
          `${lab.persistent} keeps running: doorbuster down ${lab.persistent} ends it`,
        );
      }
      return showRecord(context.terminal, result, args);
    } finally {
      progress.end();
    }
  },
};

/** Throws DoorbusterError (exit 2) for options with which no run can be cut short. */
function refuseAbortOnFail({
  abortOnFail,
  repeat,
  shard,
}: {
  readonly abortOnFail: boolean;
  readonly repeat?: number;
  readonly shard?: string;
}): void {
  if (!abortOnFail) return;
  if (repeat !== undefined) {
    throw badInput(
      '--abort-on-fail and --repeat cannot be combined: a trial that was cut short has no numbers to summarize',
      'leave out --abort-on-fail, or --repeat',
    );
  }
  if (shard !== undefined) {
    throw badInput(
      '--abort-on-fail and --shard cannot be combined: one machine does not know what the others sent',
      'leave out --abort-on-fail',
    );
  }
}

/** The command line that repeats several trials. */
function repeatLineOf(args: RepeatArguments & ScenarioArguments): string {
  return [
    reproduce(args),
    `--repeat ${args.repeat}`,
    ...(args.seeds === 'same' ? ['--seeds same'] : []),
    ...(args.warmUp ? ['--warm-up'] : []),
  ].join(' ');
}
