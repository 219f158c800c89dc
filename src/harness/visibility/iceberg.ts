import { quoted } from '../../core/sql.ts';
import { type Dataset, READ_FROM } from '../../topology/dataset.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { Endpoints } from '../clients/endpoints.ts';
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
import { CommitReader } from './commit-reader.ts';
import { Follower } from './iceberg-follower.ts';
import { ManifestReader } from './manifests.ts';
import { listingOf } from './storage.ts';
import type {
  SourceOpener,
  StorageListing,
  VisibilityContext,
  VisibilitySource,
} from './visibility.ts';

/** Snapshots of Iceberg tables from a REST catalog, and rows from the data files that they add. */
export const iceberg: SourceOpener = { servers: READ_FROM.iceberg, open };

async function open(context: VisibilityContext): Promise<VisibilitySource> {
  const { facts, extensions, place, clock } = context;
  const { s3, catalog: access } = context.stack.endpoints;
  // A separate connection, so that reading a large commit does not delay others.
  const connection = await facts.connect();
  try {
    await connection.run(`LOAD ${quoted(extensions.httpfs)}`);
    await createS3Secret(connection, s3);
  } catch (error) {
    connection.close();
    throw error;
  }
  const bucket = openBucket(s3);
  const catalog = openCatalog(access, place.namespace);
  const layouts = new Map<string, ManifestReader>();
  const layoutOf = (name: string) => {
    const reader = layouts.get(name) ?? new ManifestReader(bucket);
    layouts.set(name, reader);
    return reader;
  };
  return {
    follow(dataset) {
      const follower = new Follower(catalog, dataset.name, clock);
      const reader = new CommitReader(dataset, bucket, connection, context);
      return {
        async poll(signal) {
          const { found, gap } = await follower.poll(signal);
          return {
            gap,
            found: found.map((one) => ({ ...one, read: (until) => reader.read(one, until) })),
          };
        },
      };
    },
    async files({ name }, signal) {
      const answer = await catalog.load(name, { snapshots: 'refs', signal });
      const snapshot = answer && currentOf(answer.table());
      return snapshot ? (await layoutOf(name).read(snapshot, signal)).live : null;
    },
    storage: (datasets, signal) => listBucket({ s3, catalog, bucket }, datasets, signal),
    async close() {
      bucket.close();
      connection.close();
    },
  };
}

function currentOf(table: Table): Snapshot | undefined {
  return table.snapshots.find(({ id }) => id === table.currentSnapshotId);
}

async function listBucket(
  {
    s3,
    catalog,
    bucket,
  }: { readonly s3: Endpoints['s3']; readonly catalog: Catalog; readonly bucket: Bucket },
  datasets: readonly Dataset[],
  signal: AbortSignal,
): Promise<StorageListing> {
  // Objects before metadata: files that are committed in between are then not taken for orphans.
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
  return listingOf(objects, (key) => named.has(`s3://${s3.bucket}/${key}`));
}

/** Every object that the table's metadata names, over all snapshots that it keeps. */
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
