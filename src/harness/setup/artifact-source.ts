import type { ServerFiles } from './artifacts.ts';
import type { Fetch } from './fetch-context.ts';

/** How a runtime gets the artifacts that it starts. */
export interface ArtifactSource {
  /** Paths of the servers' files in their images; by default in this machine's cache. */
  readonly servers?: ServerFiles;
  /** Fetches what this machine itself loads; by default with its package clients, which have to be installed. */
  readonly fetch?: Fetch;
}
