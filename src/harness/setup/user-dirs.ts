import { statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { badInput } from '../../core/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Doorbuster's folder by the XDG Base Directory specification: in `variable`, or in `customary` of the home
 * folder. A relative value is ignored, as the specification requires: it would be another folder in every
 * working folder.
 */
export function xdgDir(
  variable: 'XDG_CACHE_HOME' | 'XDG_STATE_HOME',
  customary: string,
  env: Environment,
): string {
  const base = env[variable];
  const above =
    base !== undefined && isAbsolute(base) ? base : join(homeDir(env, variable), customary);
  return folder(join(above, 'doorbuster'));
}

/** Returns `dir`. Throws DoorbusterError (exit 2) if it or a parent is a file. */
export function folder(dir: string): string {
  for (let at = dir; ; at = dirname(at)) {
    const is = kindOf(at);
    if (is === 'file') throw badInput(`${dir} cannot be a folder: ${at} is a file`, `ls -l ${at}`);
    if (is === 'folder' || at === dirname(at)) return dir;
  }
}

function kindOf(path: string): 'folder' | 'file' | 'none' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'none';
  }
}

/** The home folder. Throws DoorbusterError (exit 2) if neither HOME nor the system's user database has an absolute path. */
function homeDir(env: Environment, variable: string): string {
  const home = [env.HOME, listedHome()].find((dir) => dir !== undefined && isAbsolute(dir));
  if (home !== undefined) return home;
  throw badInput(
    'HOME is not an absolute path, and this user has no home folder',
    `export HOME=/home/you   # or ${variable}=/an/absolute/path`,
  );
}

/** The home folder of this user in the system's user database; undefined if the user is not in it. */
function listedHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}

/**
 * Removes relative home paths from the environment of child processes as well: package clients would write
 * gigabytes below the working folder.
 */
export function withoutRelativeHomes(env: NodeJS.ProcessEnv): void {
  for (const name of [
    'HOME',
    'XDG_CACHE_HOME',
    'XDG_STATE_HOME',
    'XDG_CONFIG_HOME',
    'XDG_DATA_HOME',
  ]) {
    const dir = env[name];
    if (dir !== undefined && !isAbsolute(dir)) delete env[name];
  }
  const home = env.HOME ?? listedHome();
  if (home !== undefined && isAbsolute(home)) env.HOME = home;
}

/** Whether this is a home folder of this user. */
export function isHome(dir: string): boolean {
  return dir === process.env.HOME || dir === listedHome();
}

/** The folder for temporary files (TMPDIR, or /tmp), and the problem with it, if any. */
export function temporaryDirState(): { readonly dir: string; readonly problem: string | null } {
  const dir = resolve(tmpdir());
  const problem = { folder: null, file: 'is not a folder', none: 'does not exist' }[kindOf(dir)];
  return { dir, problem };
}

/** The folder for temporary files. Throws DoorbusterError (exit 2) if it is not an existing folder. */
export function temporaryDir(): string {
  const { dir, problem } = temporaryDirState();
  if (problem === null) return dir;
  throw badInput(`the folder for temporary files, ${dir}, ${problem}`, temporaryDirFix(dir));
}

export function temporaryDirFix(dir: string): string {
  return `mkdir -p ${dir}   # or export TMPDIR=/another/folder`;
}
