import {
  type Catalog,
  openCatalog,
  readManifest,
  readManifestList,
  type Snapshot,
  type Table,
} from '../clients/iceberg.ts';
import { type Bucket, openBucket } from '../clients/s3.ts';
import { scoped } from '../clients/scoped-signal.ts';
import { ManifestReader } from './manifests.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** What the bucket itself holds, in the folders of the tables. */
interface BucketListing {
  readonly objects: number;
  readonly bytes: number;
  /** Those that no metadata, and no snapshot still kept, names. */
  readonly orphans: number;
  readonly orphanBytes: number;
  /** Up to 20 of their keys. */
  readonly orphanKeys: readonly string[];
}

/** Layout at the marks of a run; per commit it is the census's to tell. */
export interface LayoutProbe extends RunningProbe {
  /** Writes the live files of every table now into `files`, under this name. */
  mark(name: string): Promise<void>;
  /**
   * Lists the tables' folders in the bucket and compares them with everything the tables' metadata names. Meaningful when
   * nothing writes any more: a file that is not committed yet is an orphan too.
   */
  bucket(): Promise<BucketListing>;
}

export const layoutProbe: Probe<LayoutProbe> & { readonly kind: 'layout' } = {
  kind: 'layout',
  async start(context) {
    const bucket = openBucket(context.endpoints.s3);
    const catalog = openCatalog(context.endpoints.catalog, context.place.namespace);
    const readers = new Map(
      context.datasets.map(({ name }) => [name, new ManifestReader(bucket)] as const),
    );
    return {
      mark: (name) => mark(context, catalog, readers, name),
      bucket: () => listBucket(context, catalog, bucket),
      async stop() {
        bucket.close();
      },
    };
  },
};

async function mark(
  context: ProbeContext,
  catalog: Catalog,
  readers: ReadonlyMap<string, ManifestReader>,
  name: string,
): Promise<void> {
  const { facts, clock, signal } = context;
  for (const [table, reader] of readers) {
    const live = await despiteFaults(context, async () => {
      const answer = await catalog.load(table, { snapshots: 'refs', signal });
      const snapshot = answer && currentOf(answer.table());
      return snapshot ? (await reader.read(snapshot, signal)).live : null;
    });
    if (live === null) continue;
    const atMs = clock.nowMs();
    await facts.append(
      'files',
      live.map(({ content, path, rows, bytes }) => ({
        mark: name,
        at_ms: atMs,
        table_name: table,
        content,
        path,
        rows,
        bytes,
      })),
    );
  }
}

/** Between two questions to a catalog or an object store that is away. */
const RETRY_MS = 300;

/** Asks again for as long as a declared fault may be why there was no answer. */
async function despiteFaults<T>(
  { clock, signal, excused }: ProbeContext,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const before = excused();
    try {
      return await ask();
    } catch (error) {
      // The fault may have begun while an answer was on its way, or have been over by the time it was missed.
      if (signal.aborted || !(before || excused())) throw error;
      await clock.sleep(RETRY_MS, signal);
    }
  }
}

function currentOf(table: Table): Snapshot | undefined {
  return table.snapshots.find(({ id }) => id === table.currentSnapshotId);
}

async function listBucket(
  { datasets, signal, endpoints }: ProbeContext,
  catalog: Catalog,
  bucket: Bucket,
): Promise<BucketListing> {
  // First the objects, then the metadata: what is committed in between is named, and not taken for an orphan.
  const objects = [];
  for (const { name } of datasets) {
    const answer = await catalog.load(name, { snapshots: 'refs', signal });
    if (!answer) continue;
    const folder = `${answer.table().location.replace(/\/$/, '')}/`;
    for await (const object of bucket.list(folder)) objects.push(object);
  }
  const named = new Set<string>();
  for (const { name } of datasets) {
    const table = (await catalog.load(name, { signal }))?.table();
    if (!table) continue;
    for (const path of await pathsOf(table, bucket, signal)) named.add(path);
  }
  const orphans = objects
    .map((object) => ({ ...object, path: `s3://${endpoints.s3.bucket}/${object.key}` }))
    .filter(({ path }) => !named.has(path));
  const sum = (list: readonly { readonly bytes: number }[]) =>
    list.reduce((total, { bytes }) => total + bytes, 0);
  return {
    objects: objects.length,
    bytes: sum(objects),
    orphans: orphans.length,
    orphanBytes: sum(orphans),
    orphanKeys: orphans.slice(0, 20).map(({ key }) => key),
  };
}

/** Every object that the table's metadata names, over all snapshots it keeps. */
async function pathsOf(table: Table, bucket: Bucket, signal: AbortSignal): Promise<Set<string>> {
  const paths = new Set([table.metadataLocation, ...table.metadataLog, ...table.statisticsPaths]);
  const manifests = new Map<string, Awaited<ReturnType<typeof readManifestList>>[number]>();
  for (const batch of batches(table.snapshots)) {
    const lists = await Promise.all(
      batch.map(async ({ manifestList }) => {
        paths.add(manifestList);
        return readManifestList(await scoped(signal, (own) => bucket.get(manifestList, own)));
      }),
    );
    for (const manifest of lists.flat()) manifests.set(manifest.path, manifest);
  }
  for (const batch of batches([...manifests.values()])) {
    const entries = await Promise.all(
      batch.map(async (manifest) =>
        readManifest(await scoped(signal, (own) => bucket.get(manifest.path, own)), manifest),
      ),
    );
    for (const entry of entries.flat()) if (entry.status !== 'deleted') paths.add(entry.path);
  }
  for (const path of manifests.keys()) paths.add(path);
  return paths;
}

const CONCURRENT = 8;

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += CONCURRENT) {
    yield items.slice(from, from + CONCURRENT);
  }
}
