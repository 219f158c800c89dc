import { systemClock } from '../../core/clock.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { isCi } from '../../harness/setup/prerequisites.ts';
import { provision } from '../../harness/setup/provision.ts';
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
      .option('json', { type: 'boolean', default: false, describe: 'where everything is, as JSON' })
      .example('$0 setup', 'does nothing when all is there'),
  async run({ yes, json }, { terminal, signal }) {
    const startedMs = systemClock.monotonicMs();
    const progress = setupProgress(terminal);
    const cacheDir = defaultCacheDir();
    const artifacts = await provision({
      cacheDir,
      clock: systemClock,
      signal,
      mayInstall: yes || isCi(),
      onProgress: progress.show,
      onLine: (line) => terminal.say(line),
    });
    progress.end();
    const seconds = ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(1);
    if (json) terminal.result(JSON.stringify(artifacts, null, 1));
    else terminal.result(`everything is in ${cacheDir} (${seconds} s)`);
    return EXIT.pass;
  },
};
