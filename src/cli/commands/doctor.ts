import pc from 'picocolors';
import { EXIT } from '../../core/exit-codes.ts';
import { doctor, type Finding, isHealthy } from '../../harness/doctor/doctor.ts';
import { packageRoot } from '../../harness/entry.ts';
import { estimateOf } from '../../harness/experiment/estimate.ts';
import { loadPipeline } from '../../harness/pipelines/load.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { needsOf } from '../../harness/setup/needs.ts';
import { RUNTIME_CHOICES, RUNTIMES, runtimeFor } from '../../harness/stack/runtimes.ts';
import type { RuntimeKind } from '../../harness/stack/stack.ts';
import type { Command } from '../command.ts';
import { readScenario } from '../scenario-file.ts';

export const doctorCommand: Command = {
  command: 'doctor',
  describe: 'Check what a run needs, and suggest a fix for each problem',
  builder: (yargs) =>
    yargs
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the runs',
      })
      .option('runtime', {
        choices: RUNTIME_CHOICES,
        default: 'auto' as const,
        describe: 'where the servers would run, as stack.runtime',
      })
      .option('deep', {
        type: 'boolean',
        default: false,
        describe: 'verify the checksum of every cached file',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the findings as a JSON array' })
      .example('$0 doctor', 'one line per check; exit code 2 when a run could not start'),
  async run({ results, runtime, deep, json }, { terminal, signal }) {
    const kind: RuntimeKind = runtime === 'auto' ? await runtimeFor(runtime) : runtime;
    // A missing engine has its own finding.
    const dataDir = await RUNTIMES[kind].dataDir().catch(() => null);
    const findings = await doctor({
      cacheDir: defaultCacheDir(),
      needs: needsOf(readLock()),
      runtime: kind,
      run: { ...mainJob(results), dataDir },
      deep,
      neededToolsOnly: false,
      signal,
    });
    if (json) terminal.result(JSON.stringify(findings, null, 1));
    else for (const finding of findings) terminal.result(findingLine(finding));
    return isHealthy(findings) ? EXIT.pass : EXIT.badInput;
  },
};

const MAIN_JOB = 'scenarios/black-friday.yaml';

/** Needs of the shipped main scenario; a run of another scenario checks its own needs at the start. */
function mainJob(resultsDir: string) {
  const { scenario } = readScenario({ scenario: MAIN_JOB, set: [] });
  const { manifest } = loadPipeline(scenario.pipeline.use, packageRoot);
  const estimate = estimateOf(scenario, manifest);
  return { estimate, resultsDir, command: `doorbuster run ${MAIN_JOB}` };
}

/** One finding as a line, with the command to fix it below. */
export function findingLine({ subject, state, fact, fix }: Finding): string {
  const sign = { ok: pc.green('ok  '), warn: pc.yellow('warn'), bad: pc.red('bad ') }[state];
  const line = `${sign}  ${subject.padEnd(12)} ${fact}`;
  return fix === undefined ? line : `${line}\n      ${' '.repeat(12)} ${pc.dim('next')} ${fix}`;
}
