import { systemClock } from '../../core/clock.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { datasetNamed, fetchDataset, hasDataset } from '../../harness/setup/datasets.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { isCi } from '../../harness/setup/prerequisites.ts';
import { provision } from '../../harness/setup/provision.ts';
import { fetchArtifacts } from '../../harness/setup/setup.ts';
import type { Command } from '../command.ts';
import { setupProgress } from '../setup-progress.ts';

export const setupCommand: Command = {
  command: 'setup',
  describe: 'Fetch every server, jar and extension into the cache (a run does this by itself)',
  builder: (yargs) =>
    yargs
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('with', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'a data set too, such as completejourney (repeatable)',
      })
      .option('only', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'an artifact of stack.lock.json, and no other (repeatable)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'where everything is, as JSON' })
      .example('$0 setup', 'does nothing when all is there')
      .example('$0 setup --with completejourney', 'the receipts of scenarios/real-grocer.yaml'),
  async run({ yes, json, only, with: wanted }, { terminal, signal }) {
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
    const datasets = (wanted as readonly string[]).map((name) => datasetNamed(name));
    const names = only as readonly string[];
    if (names.length > 0) {
      await fetchArtifacts({ ...options, lock: readLock(), only: names });
      progress.end();
      return EXIT.pass;
    }
    const artifacts = await provision(options);
    for (const dataset of datasets) {
      if (!hasDataset(cacheDir, dataset)) await fetchDataset(dataset, options);
    }
    progress.end();
    const seconds = ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(1);
    if (json) terminal.result(JSON.stringify(artifacts, null, 1));
    else terminal.result(`everything is in ${cacheDir} (${seconds} s)`);
    return EXIT.pass;
  },
};
