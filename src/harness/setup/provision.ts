import type { Clock } from '../../core/clock.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { type Artifacts, locateArtifacts } from './artifacts.ts';
import { readLock, type StackLock } from './lock.ts';
import { type Needs, needsOf } from './needs.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { fetchArtifacts, type SetupEvent, whatIsMissing } from './setup.ts';

/** How what a run needs may be got, and who hears of it. */
export interface ProvisionOptions extends ArtifactSource {
  readonly cacheDir: string;
  readonly lock?: StackLock;
  /** What this machine has to have; left out, all of the lock. */
  readonly needs?: Pick<Needs, 'artifacts'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The user said `--yes`, or CI=true: what is missing may be installed where that is possible. */
  readonly mayInstall: boolean;
  readonly onProgress: (event: SetupEvent) => void;
  /** Lines of a package client that installs a missing tool. */
  readonly onLine: (line: string) => void;
}

/**
 * Everything a run needs from outside: the tools to fetch and run with, then the artifacts. Does next to nothing
 * when all is there. Where servers are in images, theirs are there too, and what this machine loads is got without any tool.
 */
export async function provision(options: ProvisionOptions): Promise<Artifacts> {
  const lock = options.lock ?? readLock();
  const { cacheDir, servers, mayInstall, signal, onLine } = options;
  const needed = (options.needs ?? needsOf(lock)).artifacts;
  const missing = whatIsMissing({ cacheDir, onProgress: () => undefined }, needed);
  if (!options.fetch) await ensurePrerequisites({ needed, missing, mayInstall, signal, onLine });
  await fetchArtifacts({ ...options, lock, only: needed.map(({ name }) => name) });
  return { ...locateArtifacts(cacheDir, lock, needed), ...servers };
}
