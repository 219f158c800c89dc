import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerState, parseOwner, processesWith, thisOwner } from './owner.ts';

/** Children of setup carry it in their environment, so that orphans can be found by it. */
export const PARTIAL_ENV = 'DOORBUSTER_PARTIAL';

/** A folder in which one artifact is being fetched, on the cache's own file system. */
export interface PartialFolder {
  readonly dir: string;
  /** What will be renamed into place. */
  readonly files: string;
  /** Downloads, unpacked archives and the clients' own temporary files. */
  readonly work: string;
}

/** Makes an empty one and writes down who owns it. */
export async function openPartial(cacheDir: string, name: string): Promise<PartialFolder> {
  const dir = join(partialsDir(cacheDir), `${name}-${randomUUID()}`);
  const partial = { dir, files: join(dir, 'files'), work: join(dir, 'work') };
  await mkdir(partial.files, { recursive: true });
  await mkdir(partial.work);
  await writeFile(join(dir, 'owner.json'), JSON.stringify(thisOwner()));
  return partial;
}

/**
 * Removes what dead owners left half done, and ends the package clients they left running.
 * Folders of the living, and of machines we cannot look into, stay.
 */
export async function sweepPartials(cacheDir: string): Promise<void> {
  const names = await readdir(partialsDir(cacheDir)).catch(() => []);
  for (const name of names) {
    const dir = join(partialsDir(cacheDir), name);
    if (!isAbandoned(dir)) continue;
    for (const pid of processesWith(`${PARTIAL_ENV}=${dir}`)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended by itself meanwhile.
      }
    }
    await removeTree(dir);
  }
}

/** Removes a folder even where the clients left read-only folders in it. */
export async function removeTree(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch(
    async () => {
      await openFolders(dir);
      await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  );
}

function partialsDir(cacheDir: string): string {
  return join(cacheDir, '.partial');
}

function isAbandoned(dir: string): boolean {
  let text: string;
  try {
    text = readFileSync(join(dir, 'owner.json'), 'utf8');
  } catch {
    // Made this instant by a living setup, or by one that was killed before it could sign: an
    // unsigned folder is empty, costs nothing, and is left alone.
    return false;
  }
  const owner = parseOwner(text);
  return owner === undefined ? false : ownerState(owner) === 'dead';
}

async function openFolders(dir: string): Promise<void> {
  if (!(await lstat(dir)).isDirectory()) return;
  await chmod(dir, 0o755);
  for (const name of await readdir(dir)) await openFolders(join(dir, name));
}
