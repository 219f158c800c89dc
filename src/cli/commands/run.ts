import pc from 'picocolors';
import { systemClock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import type { ExitCode } from '../../core/exit-codes.ts';
import { run } from '../../harness/run.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { doctor, isHealthy } from '../../harness/setup/doctor.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { isCi } from '../../harness/setup/prerequisites.ts';
import { provision } from '../../harness/setup/provision.ts';
import { formats } from '../../reports/formats.ts';
import type { Command, CommandContext } from '../command.ts';
import { recorded } from '../recorded.ts';
import { runProgress } from '../run-progress.ts';
import { readScenario, type ScenarioArguments, scenarioOptions } from '../scenario-file.ts';
import { setupProgress } from '../setup-progress.ts';
import { writeReports } from '../write-reports.ts';
import { findingLine } from './doctor.ts';

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
      .example('$0 run scenarios/black-friday.yaml', 'the main job')
      .example('$0 run my.yaml --set pipeline.format=3', 'your own, with something changed'),
  async run(args, context) {
    const parsed = await recorded(readScenario(args), args, context);
    const artifacts = await ready(args, context);
    const progress = runProgress(context.terminal, parsed.scenario);
    try {
      const { record, dir } = await run({
        parsed,
        resultsDir: args.results,
        baseDir: process.cwd(),
        artifacts,
        clock: systemClock,
        signal: context.signal,
        reproduce: reproduce(args),
        onEvent: progress.show,
      });
      progress.end();
      const color = pc.isColorSupported && process.stdout.isTTY === true;
      const files = writeReports(dir, record);
      const format = args.json ? formats.json : formats.terminal;
      context.terminal.result(format.render(record, { color, columns: context.terminal.columns }));
      for (const path of files) context.terminal.say(pc.dim(`wrote ${path}`));
      return record.exitCode as ExitCode;
    } finally {
      progress.end();
    }
  },
};

/** Everything that can be wrong before a run is found before it: tools, cache, machine. */
async function ready(args: { yes: boolean }, { terminal, signal }: CommandContext) {
  const cacheDir = defaultCacheDir();
  const progress = setupProgress(terminal);
  const artifacts = await provision({
    cacheDir,
    clock: systemClock,
    signal,
    mayInstall: args.yes || isCi(),
    onProgress: progress.show,
    onLine: (line) => terminal.say(line),
  });
  progress.end();
  const findings = await doctor({
    cacheDir,
    lock: readLock(),
    deep: false,
    neededToolsOnly: true,
    signal,
  });
  const noted = findings.filter(({ state }) => state !== 'ok');
  for (const finding of noted) terminal.say(findingLine(finding));
  if (!isHealthy(findings)) {
    throw badInput('this machine cannot run a scenario: see the lines above', 'doorbuster doctor');
  }
  return artifacts;
}

/** The command line that replays a run, quoted for a shell. */
function reproduce({ scenario, seed, set }: ScenarioArguments): string {
  const quoted = (text: string) =>
    /^[\w./=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  return [
    'doorbuster run',
    quoted(scenario),
    ...(seed === undefined ? [] : ['--seed', seed]),
    ...set.flatMap((one) => ['--set', quoted(one)]),
  ].join(' ');
}
