import { systemClock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import { run } from '../../harness/experiment/trial.ts';
import { pipelineFor } from '../../harness/pipelines/load.ts';
import type { ScenarioOnDisk } from '../../harness/recording/open.ts';
import type { Artifacts } from '../../harness/setup/artifacts.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { type MachineWork, needsOf } from '../../harness/setup/needs.ts';
import type { Shard } from '../../harness/sharding/meeting.ts';
import type { SharedStack } from '../../harness/shared-stack.ts';
import { DEFAULT_STACK, keptStack, keptStacks } from '../../harness/stack/kept.ts';
import { RUNTIMES, runtimeFor } from '../../harness/stack/runtimes.ts';
import type { RuntimeKind, StackOptions } from '../../harness/stack/stack.ts';
import { down, sharedStack, up } from '../../harness/up.ts';
import type { ParsedScenario } from '../../scenario/parse.ts';
import { taskSlotsOf } from '../../topology/manifest.ts';
import type { Command, CommandContext } from '../command.ts';
import { ready } from '../ready.ts';
import { recorded } from '../recorded.ts';
import { runProgress } from '../run-progress.ts';
import { readScenario, type ScenarioArguments, scenarioOptions } from '../scenario-file.ts';
import { shardOf } from '../shard-options.ts';
import { SUMMARIES, showRecord } from '../write-reports.ts';

export const runCommand: Command = {
  command: 'run <scenario>',
  describe: 'Replay a scenario against the real stack, and record what it did',
  builder: (yargs) =>
    scenarioOptions(yargs)
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'folder that gets the run',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the record on stdout' })
      .option('summary', {
        choices: SUMMARIES,
        default: 'short' as (typeof SUMMARIES)[number],
        describe: 'one screen at the end of the run, or every table',
      })
      .option('on', {
        type: 'string',
        describe: 'a stack that is up already (see `up`), in place of one of its own',
      })
      .option('keep', {
        type: 'boolean',
        default: false,
        describe: 'leave the stack running, with the topics and tables of this run',
      })
      .option('shard', {
        type: 'string',
        describe: 'the part of this machine, like 2/8: of a load that others make with it',
      })
      .option('load', { type: 'string', describe: 'what all shards call the load' })
      .example('$0 run scenarios/black-friday.yaml', 'the main job')
      .example('$0 run my.yaml --set pipeline.format=3', 'your own, with something changed'),
  stopping: 'stopping: writing the record and ending the servers',
  async run(args, context) {
    const read = readScenario(args);
    const shard = shardOf(args, read.scenario.retail.stores);
    const runtime = await runtimeOf(args.on, read);
    const means = await RUNTIMES[runtime].means();
    const parsed = await recorded(read, args, context, means);
    const needs = needsOf(readLock(), workOf(parsed, runtime, shard));
    const artifacts = await ready({ yes: args.yes, runtime, means, needs }, context);
    const on = await stackFor(args, parsed, { runtime, artifacts }, context);
    const progress = runProgress(context.terminal, parsed.scenario);
    let hasRun = false;
    try {
      const { record, dir } = await run({
        parsed,
        runtime,
        resultsDir: args.results,
        baseDir: process.cwd(),
        artifacts,
        ...(on === undefined ? {} : { on }),
        ...(shard === undefined ? {} : { shard }),
        keep: args.keep,
        clock: systemClock,
        signal: context.signal,
        reproduce: reproduce(args),
        onEvent: progress.show,
      });
      hasRun = true;
      progress.end();
      if (args.keep && on !== undefined) {
        context.terminal.say(`${on.name} is still up: doorbuster down ${on.name} ends it`);
      }
      return showRecord(context.terminal, { record, dir }, args);
    } finally {
      progress.end();
      await on?.stack[Symbol.asyncDispose]();
      // Started for this run alone, which was refused: nobody asked for a stack with nothing on it.
      if (!hasRun && on !== undefined && args.on === undefined) {
        await down(on.name, { clock: systemClock, onProgress: () => {} });
      }
    }
  },
};

/** Where the servers run, or, beside those of others, what works for doorbuster itself. */
async function runtimeOf(
  on: string | undefined,
  { scenario }: ParsedScenario,
): Promise<RuntimeKind> {
  if (on !== undefined) return keptStack(on).runtime;
  const { runtime } = scenario.stack;
  return runtime === 'external' ? 'processes' : runtimeFor(runtime);
}

function workOf(
  { scenario }: ParsedScenario,
  runtime: RuntimeKind,
  shard: Shard | undefined,
): MachineWork {
  return {
    servers: scenario.stack.runtime === 'external' ? 'elsewhere' : runtime,
    observes: shard === undefined || shard.share.index === 0,
    spark: scenario.pipeline.compaction.by === 'spark',
  };
}

/** The stack that a run is to be on, if not one of its own. */
async function stackFor(
  { on, keep }: { on?: string; keep: boolean },
  parsed: ScenarioOnDisk,
  { runtime, artifacts }: { readonly runtime: RuntimeKind; readonly artifacts: Artifacts },
  { terminal, signal }: CommandContext,
): Promise<SharedStack | undefined> {
  const { scenario } = parsed;
  const onProgress: StackOptions['onProgress'] = ({ server, state, ms }) => {
    if (state === 'ready') terminal.say(`${server} ready after ${(ms / 1_000).toFixed(1)} s`);
  };
  if (scenario.stack.runtime === 'external') {
    if (on === undefined) return undefined;
    throw badInput(
      `--on ${on}, and the scenario names a stack of its own: runtime: external`,
      'leave out --on, or name a scenario that has no servers of its own',
    );
  }
  const reach = { artifacts, clock: systemClock, onProgress };
  if (on === undefined && !keep) {
    const idle = keptStacks().map(({ name }) => name);
    if (idle.length > 0) {
      terminal.say(`note: ${idle.join(', ')} is up as well, and takes memory: --on ${idle[0]}`);
    }
    return undefined;
  }
  if (on !== undefined) return sharedStack(on, reach);
  const { manifest } = pipelineFor(parsed, process.cwd());
  await up({
    ...reach,
    signal,
    name: DEFAULT_STACK,
    runtime,
    jit: scenario.stack.jit,
    flink: {
      taskSlots: taskSlotsOf(manifest, scenario.pipeline.parallelism),
      checkpointEveryMs: scenario.pipeline.commitEveryMs,
    },
    onBuilding: (image) => terminal.say(`building the image of ${image}`),
  });
  return sharedStack(DEFAULT_STACK, reach);
}

/** The command line that replays a run, quoted for a shell. */
function reproduce({
  scenario,
  seed,
  set,
  on,
  shard,
  load,
}: ScenarioArguments & { on?: string; shard?: string; load?: string }): string {
  const quoted = (text: string) =>
    /^[\w./=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  return [
    'doorbuster run',
    quoted(scenario),
    ...(seed === undefined ? [] : ['--seed', seed]),
    ...set.flatMap((one) => ['--set', quoted(one)]),
    ...(on === undefined ? [] : ['--on', on]),
    ...(shard === undefined ? [] : ['--shard', shard]),
    ...(load === undefined ? [] : ['--load', load]),
  ].join(' ');
}
