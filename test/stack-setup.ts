import { systemClock } from '../src/core/clock.ts';
import { defaultCacheDir } from '../src/harness/setup/cache.ts';
import { isCi } from '../src/harness/setup/prerequisites.ts';
import { provision } from '../src/harness/setup/provision.ts';

/** Before the first test that needs servers: everything is fetched, so that `npm test` is the whole of it. */
export default async function prepare(): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  await provision({
    cacheDir: defaultCacheDir(),
    clock: systemClock,
    signal: new AbortController().signal,
    mayInstall: isCi(),
    onProgress: ({ artifact, state, step, seconds }) => {
      if (state !== 'present' && state !== 'working')
        say(`setup ${artifact}: ${state}, ${step} (${seconds.toFixed(0)} s)`);
    },
    onLine: say,
  });
}
