import { fileURLToPath } from 'node:url';

/** The package's root folder, from the sources and from the build alike. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The built file of a worker thread or child process, e.g. `harness/load/worker`. Threads and
 * children always run from the build, since Node 20 cannot run TypeScript.
 */
export function entryFile(module: string): URL {
  return new URL(`../../dist/${module}.js`, import.meta.url);
}
