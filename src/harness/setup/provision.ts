import type { Clock } from '../../core/clock.ts';
import type { Artifacts } from './artifacts.ts';
import { locateArtifacts } from './artifacts.ts';
import { readLock, type StackLock } from './lock.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { type SetupEvent, setup, whatIsMissing } from './setup.ts';

/** How what a run needs may be got, and who hears of it. */
export interface ProvisionOptions {
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
 * Everything a run needs from outside: the tools to fetch and run with, then every artifact of the
 * lock. Does next to nothing when all is there.
 */
export async function provision(options: ProvisionOptions): Promise<Artifacts> {
  const lock = options.lock ?? readLock();
  const { cacheDir, mayInstall, signal, onLine } = options;
  const missing = whatIsMissing({ cacheDir, onProgress: () => undefined }, lock.artifacts);
  await ensurePrerequisites({ missing, mayInstall, signal, onLine });
  if (missing.length === 0) {
    for (const { name, version } of lock.artifacts) {
      options.onProgress({
        artifact: name,
        version,
        state: 'present',
        step: 'in the cache',
        seconds: 0,
      });
    }
    return locateArtifacts(cacheDir, lock);
  }
  return setup({ ...options, lock });
}
