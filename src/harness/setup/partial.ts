import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { claim, ownerState, parseOwner, processesWith, readClaim } from './owner.ts';

/** Environment variable of setup's child processes, by which orphans are found. */
export const PARTIAL_ENV = 'DOORBUSTER_PARTIAL';

/** The claim of `NAME-UUID` is next to it: made before the folder, and removed after it. */
const CLAIM = '.owner';

/** A folder in which one artifact is being fetched, on the cache's own file system; removed when it is disposed of. */
export interface PartialFolder extends AsyncDisposable {
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
  await mkdir(partialsDir(cacheDir), { recursive: true });
  claim(`${dir}${CLAIM}`);
  await mkdir(partial.files, { recursive: true });
  await mkdir(partial.work);
  return { ...partial, [Symbol.asyncDispose]: () => remove(dir) };
}

/**
 * Removes partial folders of owners that have ended, and ends the package clients that they left running.
 * Folders of running owners, and of machines whose processes are not visible here, stay.
 */
export async function sweepPartials(cacheDir: string): Promise<void> {
  const entries = await readdir(partialsDir(cacheDir)).catch(() => []);
  const names = new Set(entries.map((entry) => basename(entry, CLAIM)));
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
    await remove(dir);
  }
}

async function remove(dir: string): Promise<void> {
  await removeTree(dir);
  await rm(`${dir}${CLAIM}`, { force: true });
}

/** Removes a folder even if the clients left read-only folders in it. */
async function removeTree(dir: string): Promise<void> {
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

/** Whether its owner has ended. A folder without a claim had one that ended, too. */
function isAbandoned(dir: string): boolean {
  const owner = parseOwner(readClaim(`${dir}${CLAIM}`) ?? '');
  return owner === undefined || ownerState(owner) === 'dead';
}

async function openFolders(dir: string): Promise<void> {
  if (!(await lstat(dir)).isDirectory()) return;
  await chmod(dir, 0o755);
  for (const name of await readdir(dir)) await openFolders(join(dir, name));
}
