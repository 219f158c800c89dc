import type { Clock } from '../../core/clock.ts';
import type { Dataset } from '../../topology/dataset.ts';
import type { FileEntry, Snapshot } from '../clients/iceberg.ts';
import type { Facts } from '../facts.ts';
import type { Place } from '../place.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { ServerName, Stack } from '../stack/stack.ts';

export type VisibilityKind = Dataset['visibility'];

/** A version of a dataset that readers were served at once. */
type Commit = Pick<
  Snapshot,
  'id' | 'parentId' | 'sequenceNumber' | 'timestampMs' | 'operation' | 'summary'
>;

/** A commit, and between which two moments readers began to be served it. */
export interface Sighted {
  readonly snapshot: Commit;
  /** Start of the last poll without it; null: the very first poll had it. */
  readonly missedMs: number | null;
  /** End of the first poll with it. */
  readonly seenMs: number;
}

/** What reading one commit told, besides the facts it wrote. */
export interface CommitRead {
  readonly rows: number;
  /** Ids of drain markers among its rows. */
  readonly markers: readonly string[];
  /** Staleness of its rows (marked rows and preload left out), ms; null: it had none. */
  readonly staleness: { readonly p50: number; readonly p99: number } | null;
  readonly files: Live;
}

/** Live files of a table after a commit. */
export interface Live {
  readonly data: number;
  readonly equalityDeletes: number;
  readonly positionDeletes: number;
  readonly dvs: number;
}

/** A commit that can be read, once: its rows into `sightings`, itself into `commits`. Rejects with nothing written. */
export interface FoundCommit extends Sighted {
  read(signal: AbortSignal): Promise<CommitRead>;
}

/** What one poll found, oldest first. `gap`: commits in between were gone before any poll saw them. */
export interface Poll<C extends Sighted = FoundCommit> {
  readonly found: readonly C[];
  readonly gap: string | null;
}

/** A dataset under observation. */
export interface Followed {
  /** Every commit since the last poll, however many there were. Rejects when nobody answers. */
  poll(signal: AbortSignal): Promise<Poll>;
}

/** What the store itself holds, in the folders of the datasets. */
export interface StorageListing {
  readonly objects: number;
  readonly bytes: number;
  /** Those that no metadata, and no snapshot still kept, names. */
  readonly orphans: number;
  readonly orphanBytes: number;
  /** Up to 20 of their keys. */
  readonly orphanKeys: readonly string[];
}

/** Where it is observed when rows become visible: one file per kind, and one line in sources.ts. */
export interface VisibilitySource {
  follow(dataset: Dataset): Followed;
  /** Files that readers of a dataset read now; null: nothing was committed yet. */
  files(dataset: Dataset, signal: AbortSignal): Promise<readonly FileEntry[] | null>;
  /**
   * What the store holds for these datasets, against all that their metadata names. Meaningful when nothing writes
   * any more: a file that is not committed yet is an orphan too.
   */
  storage(datasets: readonly Dataset[], signal: AbortSignal): Promise<StorageListing>;
  close(): Promise<void>;
}

/** What a source is opened with. */
export interface VisibilityContext {
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess'>;
  readonly place: Place;
  readonly extensions: Artifacts['duckdbExtensions'];
  readonly facts: Facts;
  readonly clock: Clock;
  /** Epoch ms of the tape's origin; null before the load starts. Older rows are preload. */
  t0Ms(): number | null;
}

/** How a kind of source is opened. */
export interface SourceOpener {
  /** The servers that it asks. */
  readonly servers: readonly ServerName[];
  open(context: VisibilityContext): Promise<VisibilitySource>;
}
