import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerState, parseOwner, processesWith, thisOwner } from './owner.ts';

/** Environment variable of setup's child processes, by which orphans are found. */
export const PARTIAL_ENV = 'DOORBUSTER_PARTIAL';

/** A folder in which one artifact is being fetched, on the cache's own file system. */
export interface PartialFolder {
  readonly dir: string;
  /** The folder that will be renamed into place. */
  readonly files: string;
  /** Downloads, unpacked archives and the clients' own temporary files. */
  readonly work: string;
}

/** Creates an empty partial folder with this process as its owner. */
export async function openPartial(cacheDir: string, name: string): Promise<PartialFolder> {
  const dir = join(partialsDir(cacheDir), `${name}-${randomUUID()}`);
  const partial = { dir, files: join(dir, 'files'), work: join(dir, 'work') };
  await mkdir(partial.files, { recursive: true });
  await mkdir(partial.work);
  await writeFile(join(dir, 'owner.json'), JSON.stringify(thisOwner()));
  return partial;
}

/**
 * Removes partial folders of owners that have ended, and ends the package clients that they left running.
 * Folders of running owners, and of machines whose processes are not visible here, stay.
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
        // Has ended meanwhile.
      }
    }
    await removeTree(dir);
  }
}

/** Removes a folder even if the clients left read-only folders in it. */
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
    // Just created by a running setup, or by one that was killed before it wrote the owner. A folder
    // without an owner is empty and harmless, so leave it.
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
