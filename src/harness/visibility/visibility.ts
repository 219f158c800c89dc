import type { Clock } from '../../core/clock.ts';
import type { Dataset } from '../../topology/dataset.ts';
import type { FileEntry, Snapshot } from '../clients/iceberg.ts';
import type { Facts } from '../facts.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { ServerName, Stack } from '../stack/stack.ts';

export type VisibilityKind = Dataset['visibility'];

/** A snapshot of a dataset, which becomes visible to readers as a whole. */
type Commit = Pick<
  Snapshot,
  'id' | 'parentId' | 'sequenceNumber' | 'timestampMs' | 'operation' | 'summary'
>;

/** A commit, and the interval in which it became visible to readers. */
export interface Sighted {
  readonly snapshot: Commit;
  /** Start of the last poll without it; null: the first poll had it. */
  readonly missedMs: number | null;
  /** End of the first poll with it. */
  readonly seenMs: number;
}

/** Result of reading one commit, besides the facts. */
export interface CommitRead {
  readonly rows: number;
  /** Ids of drain markers among its rows. */
  readonly markers: readonly string[];
  /** Staleness of its rows (without marked rows and preload), ms; null: there are none. */
  readonly staleness: { readonly p50: number; readonly p99: number } | null;
  readonly files: Live;
}

/** Live files of a table after a commit. */
export interface Live {
  readonly data: number;
  readonly equalityDeletes: number;
  readonly positionDeletes: number;
  readonly dvs: number;
  /** Size of each data file, bytes. */
  readonly dataBytes: readonly number[];
}

/** A commit to be read once: its rows into `sightings`, and itself into `commits`. If it rejects, nothing was written. */
export interface FoundCommit extends Sighted {
  read(signal: AbortSignal): Promise<CommitRead>;
}

/** Commits that one poll found, oldest first. `gap`: commits in between had expired before a poll could find them. */
export interface Poll<C extends Sighted = FoundCommit> {
  readonly found: readonly C[];
  readonly gap: string | null;
}

/** A dataset that is polled. */
export interface Followed {
  /**
   * Interval between the starts of two polls, ms, for a source that answers from memory: its rows come with the poll, and
   * do not wait for the files of others. Otherwise polls follow the commits of the pipeline.
   */
  readonly everyMs?: number;
  /** Every commit since the last poll. Rejects if the source does not answer. */
  poll(signal: AbortSignal): Promise<Poll>;
}

/** Objects of the store in the folders of the datasets. */
export interface StorageListing {
  readonly objects: number;
  readonly bytes: number;
  /** Objects that neither metadata nor any kept snapshot names. */
  readonly orphans: number;
  readonly orphanBytes: number;
  /** Up to 20 of their keys. */
  readonly orphanKeys: readonly string[];
}

/** Extension point: observes when rows become visible. One file per kind, and one line in sources.ts. */
export interface VisibilitySource {
  follow(dataset: Dataset): Followed;
  /** Files that readers of a dataset read now; null: there is no commit yet, or no file at all. */
  files(dataset: Dataset, signal: AbortSignal): Promise<readonly FileEntry[] | null>;
  /**
   * Compares the store's objects for these datasets with the files that their metadata names. Only meaningful after all
   * writers have stopped: an uncommitted file counts as an orphan.
   */
  storage(datasets: readonly Dataset[], signal: AbortSignal): Promise<StorageListing>;
  /**
   * Writes all rows of a dataset as a Parquet file, with the columns that the oracles know, for a source that no query engine
   * reads. It has no writer any more.
   */
  copy?(dataset: Dataset, path: string): Promise<void>;
  close(): Promise<void>;
}

/** Operation of a commit with which all rows of a dataset went away: a view in memory lost them. */
export const VANISHED = 'vanished';

/** Context of a source. */
export interface VisibilityContext {
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess'>;
  readonly place: RunNamespace;
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
