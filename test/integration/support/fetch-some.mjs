// A setup of its own process, to be killed: node fetch-some.mjs CACHE_DIR NAME,NAME
// Prints one JSON line per progress event. Runs from the build, as the real one does.
import { systemClock } from '../../../dist/core/clock.js';
import { readLock } from '../../../dist/harness/setup/lock.js';
import { fetchArtifacts } from '../../../dist/harness/setup/setup.js';

const [cacheDir, names] = process.argv.slice(2);
await fetchArtifacts({
  cacheDir,
  lock: readLock(),
  clock: systemClock,
  signal: new AbortController().signal,
  only: names.split(','),
  onProgress: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
});
