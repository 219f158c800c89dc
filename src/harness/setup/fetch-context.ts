import type { LockedArtifact } from './lock.ts';
import type { PartialFolder } from './partial.ts';

/** What every fetcher gets: where to put things, how to say how far it is, when to stop. */
export interface FetchContext {
  readonly partial: PartialFolder;
  readonly signal: AbortSignal;
  /** `step` in a few words, `fraction` from 0 to 1 where it is known. */
  readonly onStep: (step: string, fraction?: number) => void;
  /** Environment every package client is started with. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a fetcher says besides the files it left in `partial.files`. */
export interface Fetched {
  /** The compiler, where something was compiled here. */
  readonly builtWith?: string;
}

/** Gets one artifact, as the lock says, into `partial.files`. */
export type Fetch = (artifact: LockedArtifact, context: FetchContext) => Promise<Fetched>;
