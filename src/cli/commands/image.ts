import { EXIT } from '../../core/exit-codes.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { findEngine } from '../../harness/stack/containers.ts';
import { buildOwnImage } from '../../harness/stack/images.ts';
import type { Command } from '../command.ts';

export const imageCommand: Command = {
  command: 'image <tag>',
  describe: 'Build an image of doorbuster for jobs on a cluster',
  builder: (yargs) =>
    yargs
      .positional('tag', { type: 'string', demandOption: true, describe: 'name of the image' })
      .example('$0 image registry.example/doorbuster:1', 'then: docker push …'),
  async run({ tag }, { terminal, signal }) {
    const building = { engine: await findEngine(), lock: readLock(), cacheDir: defaultCacheDir() };
    await buildOwnImage(tag, { ...building, signal }, (step) => terminal.say(step));
    terminal.result(tag);
    return EXIT.pass;
  },
};
