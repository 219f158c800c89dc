import type { Clock } from '../../core/clock.ts';
import { type Artifacts, locateArtifacts, locateLoaded, neededHere } from './artifacts.ts';
import { readLock, type StackLock } from './lock.ts';
import type { Means } from './means.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { fetchArtifacts, type SetupEvent, whatIsMissing } from './setup.ts';

/** How what a run needs may be got, and who hears of it. */
export interface ProvisionOptions extends Means {
  readonly cacheDir: string;
  readonly lock?: StackLock;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The user said `--yes`, or CI=true: what is missing may be installed where that is possible. */
  readonly mayInstall: boolean;
  readonly onProgress: (event: SetupEvent) => void;
  /** Lines of a package client that installs a missing tool. */
  readonly onLine: (line: string) => void;
}

/**
 * Everything a run needs from outside: the tools to fetch and run with, then the artifacts of the lock. Does
 * next to nothing when all is there. Where servers bring their own, only what this machine itself loads is
 * got, and without any tool.
 */
export async function provision(options: ProvisionOptions): Promise<Artifacts> {
  const lock = options.lock ?? readLock();
  const { cacheDir, servers, mayInstall, signal, onLine } = options;
  const needed = neededHere(lock, servers);
  const missing = whatIsMissing({ cacheDir, onProgress: () => undefined }, needed);
  if (!options.fetch) await ensurePrerequisites({ missing, mayInstall, signal, onLine });
  await fetchArtifacts({ ...options, lock, only: needed.map(({ name }) => name) });
  return servers ? locateLoaded(cacheDir, lock, servers) : locateArtifacts(cacheDir, lock);
}
