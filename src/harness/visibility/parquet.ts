import { quoted } from '../../core/sql.ts';
import { type Dataset, READ_FROM } from '../../topology/dataset.ts';
import { BATCH_COLUMN, type Batch, BatchLog, tableFolder } from '../batches/batch-log.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { FileEntry } from '../clients/iceberg.ts';
import { openBucket } from '../clients/s3.ts';
import { commitRow, countLive, readRows } from './commit-reader.ts';
import { dataFiles, sightingsOf } from './sighting.ts';
import { listingOf } from './storage.ts';
import type {
  CommitRead,
  FoundCommit,
  SourceOpener,
  VisibilityContext,
  VisibilitySource,
} from './visibility.ts';

/**
 * Parquet files in the object store, which a published batch makes visible. A batch that wrote files of a table is a
 * commit of it; its rows are those in these files that carry its number, the others were only moved.
 */
export const parquet: SourceOpener = { servers: READ_FROM.parquet, open };

async function open(context: VisibilityContext): Promise<VisibilitySource> {
  const { facts, extensions, place, clock, stack } = context;
  const { s3 } = stack.endpoints;
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
  const log = new BatchLog(bucket, place.namespace);
  const read = async (
    dataset: Dataset,
    batch: Batch,
    found: Omit<FoundCommit, 'read'> & { readonly snapshots: number },
  ): Promise<CommitRead> => {
    const table = batch.tables[dataset.name];
    if (table === undefined) throw new Error(`batch ${batch.number} has no ${dataset.name}`);
    const live = entriesOf(batch, dataset);
    const added = live.filter(({ status }) => status === 'added');
    const columns = [...Object.keys(table.columns), BATCH_COLUMN];
    const paths = added.map(({ path }) => path);
    const select = sightingsOf(dataset, columns, found.snapshot.id, dataFiles(paths));
    const rows = await readRows(
      connection,
      { select: `${select} WHERE ${BATCH_COLUMN} = ${batch.number}`, seenMs: found.seenMs },
      context.t0Ms(),
    );
    const row = commitRow(dataset.name, found, { manifests: [], live, added }, clock.nowMs());
    await facts.append('commits', [row]);
    return { ...rows, files: countLive(live) };
  };
  return {
    follow(dataset) {
      let last: Batch | null = null;
      let parent: string | null = null;
      let missedMs: number | null = null;
      let snapshots = 0;
      return {
        async poll(signal) {
          const found: FoundCommit[] = [];
          for (;;) {
            const startMs = clock.nowMs();
            const batch: Batch | null = await log.find((last?.number ?? -1) + 1, signal);
            const seenMs = clock.nowMs();
            if (batch === null) {
              missedMs = startMs;
              return { found, gap: null };
            }
            last = batch;
            const writes = entriesOf(batch, dataset).some(({ status }) => status === 'added');
            if (!writes) continue;
            snapshots += 1;
            const sighted = { snapshot: snapshotOf(batch, parent), missedMs, seenMs, snapshots };
            parent = sighted.snapshot.id;
            found.push({ ...sighted, read: () => read(dataset, batch, sighted) });
          }
        },
      };
    },
    async files(dataset, signal) {
      const newest = await log.newest(null, signal);
      const entries = newest === null ? [] : entriesOf(newest, dataset);
      return entries.length === 0 ? null : entries;
    },
    async storage(datasets, signal) {
      // Objects before batches: files that are published in between are then not taken for orphans.
      const objects: { readonly key: string; readonly bytes: number }[] = [];
      for (const { name } of datasets) {
        for await (const one of bucket.list(tableFolder(place.namespace, name))) objects.push(one);
      }
      const named = new Set<string>();
      for (let n = 0; ; n++) {
        const batch = await log.find(n, signal);
        if (batch === null) break;
        for (const { files } of Object.values(batch.tables)) {
          for (const { path } of files) named.add(path);
        }
      }
      return listingOf(objects, (key) => named.has(`s3://${s3.bucket}/${key}`));
    },
    async close() {
      bucket.close();
      connection.close();
    },
  };
}

function snapshotOf(
  { number, publishedMs }: Batch,
  parentId: string | null,
): FoundCommit['snapshot'] {
  return {
    ...{ id: String(number), parentId, sequenceNumber: number, timestampMs: publishedMs },
    ...{ operation: parentId === null ? 'append' : 'overwrite', summary: {} },
  };
}

/** The files that readers of a table read after a batch; those that it wrote are `added`. */
function entriesOf({ number, tables }: Batch, { name }: Dataset): readonly FileEntry[] {
  return (tables[name]?.files ?? []).map(({ path, rows, bytes, batch }) => ({
    ...{ path, rows, bytes, content: 'data' as const, snapshotId: String(batch) },
    status: batch === number ? ('added' as const) : ('existing' as const),
  }));
}
