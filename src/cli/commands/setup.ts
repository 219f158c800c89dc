import { systemClock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { datasetNamed, fetchDataset, hasDataset } from '../../harness/setup/datasets.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { needsOf, type Program, SERVERS_ON_REQUEST } from '../../harness/setup/needs.ts';
import { isCi } from '../../harness/setup/prerequisites.ts';
import { provision } from '../../harness/setup/provision.ts';
import { fetchArtifacts } from '../../harness/setup/setup.ts';
import { toolsOf } from '../../harness/stack/components/components.ts';
import { RUNTIME_CHOICES, RUNTIMES, runtimeFor } from '../../harness/stack/runtimes.ts';
import type { RuntimeKind } from '../../harness/stack/stack.ts';
import type { Command } from '../command.ts';
import { setupProgress } from '../setup-progress.ts';

/** The program that only a run that names it needs. */
const TRINO = 'trino';

const IN_CACHE: Readonly<Record<RuntimeKind, string>> = {
  processes: 'everything',
  containers: 'what this machine itself loads',
};

export const setupCommand: Command = {
  command: 'setup',
  describe: 'Fetch what a run needs into the cache (a run does this by itself)',
  builder: (yargs) =>
    yargs
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('runtime', {
        choices: RUNTIME_CHOICES,
        default: 'auto',
        describe: 'where the servers run; containers are built with the first run',
      })
      .option('with', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe:
          'fetch a data set too, such as completejourney, or trino, or connect (repeatable)',
      })
      .option('only', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'fetch only this artifact of stack.lock.json (repeatable)',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'the location of every artifact as JSON',
      })
      .example('$0 setup', 'does nothing when the cache is complete')
      .example('$0 setup --with completejourney', 'the receipts of scenarios/real-grocer.yaml'),
  async run({ yes, json, only, with: wanted, runtime: asked }, { terminal, signal }) {
    const startedMs = systemClock.monotonicMs();
    const progress = setupProgress(terminal);
    const cacheDir = defaultCacheDir();
    const options = {
      cacheDir,
      clock: systemClock,
      signal,
      mayInstall: yes || isCi(),
      onProgress: progress.show,
      onLine: (line: string) => terminal.say(line),
    };
    const extra = wanted as readonly string[];
    const starts = SERVERS_ON_REQUEST.filter((name) => extra.includes(name));
    const datasets = extra
      .filter((name) => name !== TRINO && !starts.some((server) => server === name))
      .map((name) => datasetNamed(name));
    const names = only as readonly string[];
    if (names.length > 0) {
      await fetchArtifacts({ ...options, lock: readLock(), only: names });
      progress.end();
      return EXIT.pass;
    }
    const runtime = await runtimeFor(asked);
    const means = await RUNTIMES[runtime].artifactSource();
    if (extra.includes(TRINO) && runtime === 'containers') {
      throw badInput(
        'trino has no image, so it does not run next to servers in containers',
        `doorbuster setup --runtime processes --with ${TRINO}`,
      );
    }
    const programs: readonly Program[] = extra.includes(TRINO) ? ['spark', TRINO] : ['spark'];
    const tools = toolsOf(starts);
    const work = { servers: runtime, observes: true, programs, starts, tools };
    const needs = needsOf(readLock(), work);
    const artifacts = await provision({ ...options, ...means, needs });
    for (const dataset of datasets) {
      if (!hasDataset(cacheDir, dataset)) await fetchDataset(dataset, { ...options, ...means });
    }
    progress.end();
    const seconds = ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(1);
    if (json) terminal.result(JSON.stringify(artifacts, null, 1));
    else terminal.result(`${IN_CACHE[runtime]} is in ${cacheDir} (${seconds} s)`);
    return EXIT.pass;
  },
};
