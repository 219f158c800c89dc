import type { Clock } from '../../core/clock.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { type Artifacts, locateArtifacts } from './artifacts.ts';
import { readLock, type StackLock } from './lock.ts';
import { type Needs, needsOf } from './needs.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { fetchArtifacts, missingArtifacts, type SetupEvent } from './setup.ts';

/** Options for providing everything that a run needs. */
export interface ProvisionOptions extends ArtifactSource {
  readonly cacheDir: string;
  readonly lock?: StackLock;
  /** What this machine needs; by default everything in the lock. */
  readonly needs?: Pick<Needs, 'artifacts'> & Partial<Pick<Needs, 'tools'>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The user passed `--yes`, or CI=true: missing tools may be installed. */
  readonly mayInstall: boolean;
  readonly onProgress: (event: SetupEvent) => void;
  /** Called with each line of a package client that installs a missing tool. */
  readonly onLine: (line: string) => void;
}

/**
 * Provides everything that a run needs: first the tools to fetch and run with, then the artifacts. Does almost nothing
 * if everything is present. If servers run from images, their artifacts are in the images, and what this machine loads
 * is fetched without any tool.
 */
export async function provision(options: ProvisionOptions): Promise<Artifacts> {
  const lock = options.lock ?? readLock();
  const { cacheDir, servers, mayInstall, signal, onLine } = options;
  const { artifacts: needed, tools = [] } = options.needs ?? needsOf(lock);
  const missing = missingArtifacts({ cacheDir, onProgress: () => undefined }, needed);
  if (!options.fetch) {
    await ensurePrerequisites({ needed, missing, tools, mayInstall, signal, onLine });
  }
  await fetchArtifacts({ ...options, lock, only: needed.map(({ name }) => name) });
  return { ...locateArtifacts(cacheDir, lock, needed), ...servers };
}
