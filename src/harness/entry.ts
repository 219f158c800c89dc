import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../core/package-root.ts';

export { packageRoot };

/**
 * The built file of a worker thread or child process, e.g. `harness/load/worker`. Threads and
 * children always run from the build, since Node 20 cannot run TypeScript.
 */
export function entryFile(module: string): URL {
  return pathToFileURL(join(packageRoot, 'dist', `${module}.js`));
}
