import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The package's root folder, found from the sources and from the build alike. */
export const packageRoot = rootAbove(fileURLToPath(import.meta.url));

function rootAbove(path: string): string {
  const dir = dirname(path);
  return existsSync(join(dir, 'package.json')) ? join(dir, '/') : rootAbove(dir);
}

/**
 * The built file of a worker thread or child process, e.g. `harness/load/worker`. Threads and
 * children always run from the build, since Node 20 cannot run TypeScript.
 */
export function entryFile(module: string): URL {
  return pathToFileURL(join(packageRoot, 'dist', `${module}.js`));
}
