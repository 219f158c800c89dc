import {
  type FileEntry,
  type Manifest,
  readManifest,
  readManifestList,
  type Snapshot,
} from '../clients/iceberg.ts';
import type { Bucket } from '../clients/s3.ts';
import { scoped } from '../clients/scoped-signal.ts';

/** Files of one snapshot, by its manifests. */
export interface SnapshotFiles {
  readonly manifests: readonly Manifest[];
  /** Files that readers of the snapshot read. */
  readonly live: readonly FileEntry[];
  /** Files that this snapshot added. */
  readonly added: readonly FileEntry[];
}

/**
 * Reads snapshots of one table through their manifests. A manifest never changes, so each is fetched once: the cost
 * depends on what was written, not on the size of the table.
 */
export class ManifestReader {
  #known = new Map<string, readonly FileEntry[]>();
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async read(snapshot: Snapshot, signal?: AbortSignal): Promise<SnapshotFiles> {
    const bytes = await this.#get(snapshot.manifestList, signal);
    const manifests = await readManifestList(bytes);
    const now = new Map<string, readonly FileEntry[]>();
    for (const manifest of manifests) {
      const entries =
        this.#known.get(manifest.path) ??
        (await readManifest(await this.#get(manifest.path, signal), manifest));
      now.set(manifest.path, entries);
    }
    // Drop manifests that no snapshot uses any more, after merging or expiry.
    this.#known = now;
    return {
      manifests,
      live: [...now.values()].flat().filter((entry) => entry.status !== 'deleted'),
      added: manifests
        .filter((manifest) => manifest.addedSnapshotId === snapshot.id)
        .flatMap((manifest) => now.get(manifest.path) ?? [])
        .filter((entry) => entry.status === 'added' && entry.snapshotId === snapshot.id),
    };
  }

  #get(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return scoped(signal, (own) => this.#bucket.get(path, own));
  }
}
