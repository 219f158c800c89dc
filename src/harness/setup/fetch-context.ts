import type { LockedArtifact } from './lock.ts';
import type { PartialFolder } from './partial.ts';

/** Context of a fetcher: target folder, progress callback, and signal. */
export interface FetchContext {
  readonly partial: PartialFolder;
  readonly signal: AbortSignal;
  /** Reports progress: `step` in a few words, `fraction` from 0 to 1 if known. */
  readonly onStep: (step: string, fraction?: number) => void;
  /** The folder of another artifact of the lock; throws DoorbusterError if it is not in the cache. */
  readonly artifactAt: (name: string) => string;
  /** Environment of every package client. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Result of a fetcher besides the files in `partial.files`. */
export interface Fetched {
  /** The compiler, if the artifact was compiled here. */
  readonly builtWith?: string;
}

/** Fetches one artifact of the lock into `partial.files`. */
export type Fetch = (artifact: LockedArtifact, context: FetchContext) => Promise<Fetched>;
