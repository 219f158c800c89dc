import type { ServerFiles } from './artifacts.ts';
import type { Fetch } from './fetch-context.ts';

/** How a runtime gets what it starts. */
export interface ArtifactSource {
  /** Where servers find their files in images of theirs; left out, in the cache of this machine. */
  readonly servers?: ServerFiles;
  /** Gets what this machine itself loads; left out, its package clients do, and have to be there. */
  readonly fetch?: Fetch;
}
