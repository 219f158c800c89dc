import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root folder with a slash at its end, found from the sources and from any build alike. */
export const packageRoot = rootAbove(fileURLToPath(import.meta.url));

function rootAbove(path: string): string {
  const dir = dirname(path);
  return existsSync(join(dir, 'package.json')) ? join(dir, '/') : rootAbove(dir);
}
