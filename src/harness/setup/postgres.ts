import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from './on-path.ts';

/** The programs of Postgres, which is installed on the machine. */
export interface PostgresPrograms {
  /** Folder of `initdb` and `postgres`; null: they are on PATH. */
  readonly dir: string | null;
  /** Words of a command that comes before each of them; empty: none is needed. */
  readonly under: readonly string[];
}

/** Debian has the programs of each major version in a folder of its own, and only some of them on PATH. */
const INSTALLED = '/usr/lib/postgresql';

/** The server of Postgres: the one on PATH, or else that of the newest version in Debian's folders. */
export function postgresProgram(): string {
  const name = 'postgres';
  if (onPath(name) !== undefined || !existsSync(INSTALLED)) return name;
  const versions = readdirSync(INSTALLED).toSorted((a, b) => Number(b) - Number(a));
  const folder = versions.map((version) => join(INSTALLED, version, 'bin'));
  const dir = folder.find((one) => existsSync(join(one, name)));
  return dir === undefined ? name : join(dir, name);
}

/**
 * Postgres refuses to run as root, and as a user without a name. Then it runs in a user namespace in which root has another: its files remain
 * ours, so that they can be removed with the others.
 */
const NOT_AS_ROOT = ['unshare', '--user', '--map-user=nobody', '--map-group=65534'];

/** Postgres as a process of this user. */
export function postgresPrograms(): PostgresPrograms {
  const program = postgresProgram();
  return {
    dir: program.includes('/') ? join(program, '..') : null,
    under: process.getuid?.() === 0 ? NOT_AS_ROOT : [],
  };
}
