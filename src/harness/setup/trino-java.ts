import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseVersion } from './versions.ts';

/** The oldest Java that runs Trino; the other servers are not tested with it. */
export const TRINO_JAVA = 25;

/** Where Linux distributions and macOS install a Java in a folder of its own. */
const INSTALLED_IN = ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines'];

/**
 * The Java for Trino: that of TRINO_JAVA_HOME if it is set; otherwise the first that is new enough of JAVA_HOME and
 * the installed ones. null: none of them is.
 */
export function trinoJava(
  env: NodeJS.ProcessEnv = process.env,
  installedIn: readonly string[] = INSTALLED_IN,
): string | null {
  const inHome = (home: string) => join(home, 'bin', 'java');
  if (env.TRINO_JAVA_HOME) return inHome(env.TRINO_JAVA_HOME);
  const homes = [...(env.JAVA_HOME ? [env.JAVA_HOME] : []), ...installedIn.flatMap(homesIn)];
  const found = homes.find((home) => majorOf(home) >= TRINO_JAVA && existsSync(inHome(home)));
  return found === undefined ? null : inHome(found);
}

/** The same as a command; that on PATH if there is none. `checkTools` says whether it is new enough. */
export function trinoJavaCommand(): string {
  return trinoJava() ?? 'java';
}

function homesIn(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .toSorted()
    .map((name) => join(dir, name))
    .map((path) => (existsSync(join(path, 'Contents/Home')) ? join(path, 'Contents/Home') : path));
}

/** Major version by the file `release`, which every build of Java has; 0 without one. */
function majorOf(home: string): number {
  const release = join(home, 'release');
  if (!existsSync(release)) return 0;
  const quoted = /^JAVA_VERSION="([^"]+)"/m.exec(readFileSync(release, 'utf8'))?.[1] ?? '';
  return parseVersion(quoted)[0];
}
