import { quoted } from '../../core/sql.ts';
import { type Dataset, READ_FROM } from '../../topology/dataset.ts';
import { tableColumns } from '../../topology/table-columns.ts';
import { BATCH_COLUMN } from '../batches/batch-log.ts';
import { attachLake, lakeFolder, loadLake } from '../batches/lake.ts';
import type { LoadNote } from '../batches/lake-load.ts';
import { named } from '../batches/views.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { FileEntry } from '../clients/iceberg.ts';
import { openBucket } from '../clients/s3.ts';
import { commitRow, countLive, readRows } from './commit-reader.ts';
import { sightingsOf } from './sighting.ts';
import { listingOf } from './storage.ts';
import type {
  CommitRead,
  FoundCommit,
  SourceOpener,
  VisibilityContext,
  VisibilitySource,
} from './visibility.ts';

/**
 * Tables of DuckLake. A snapshot that changed rows of a table is a commit of it; its rows are those that carry the number
 * of its load, whether they are in files or in the catalog.
 */
export const ducklake: SourceOpener = { servers: READ_FROM.ducklake, open };

/** The name under which the lake is attached next to the facts, and its metadata. */
const LAKE = 'lake';
const META = `__ducklake_metadata_${LAKE}`;

/** A snapshot of the lake, by its catalog. */
interface LakeSnapshot {
  readonly id: number;
  readonly ms: number;
  readonly changes: string;
  readonly note: string | null;
}

async function open(context: VisibilityContext): Promise<VisibilitySource> {
  const { facts, extensions, place, clock, stack } = context;
  const { s3 } = stack.endpoints;
  const { namespace } = place;
  const bucket = openBucket(s3);
  // A separate connection, so that reading a large commit does not delay others; and one that only polls.
  const [connection, polling] = [await facts.connect(), await facts.connect()];
  const close = () => {
    bucket.close();
    connection.close();
    polling.close();
  };
  try {
    await loadLake(connection, extensions);
    await createS3Secret(connection, s3);
    await attachLake(connection, bucket, {
      ...{ s3, namespace, name: LAKE, readOnly: true, inlineRows: 0 },
    });
  } catch (error) {
    close();
    throw error;
  }
  const ids = new Map<string, number>();
  const tableId = async ({ name }: Dataset): Promise<number> => {
    const known = ids.get(name);
    if (known !== undefined) return known;
    const [found] = await polling.rows<{ id: number }>(
      `SELECT table_id AS id FROM ${META}.ducklake_table JOIN ${META}.ducklake_schema USING (schema_id)
       WHERE table_name = ${quoted(name)} AND schema_name = ${quoted(namespace)}`,
    );
    if (found === undefined) throw new Error(`${namespace} has no table ${name}`);
    ids.set(name, found.id);
    return found.id;
  };
  const filesAt = async (dataset: Dataset, snapshot: number): Promise<readonly FileEntry[]> => {
    const id = await tableId(dataset);
    const live = `table_id = ${id} AND begin_snapshot <= ${snapshot} AND coalesce(end_snapshot, ${snapshot} + 1) > ${snapshot}`;
    const found = await connection.rows<Omit<FileEntry, 'status'>>(`
      SELECT path, record_count AS rows, file_size_bytes AS bytes, begin_snapshot::VARCHAR AS "snapshotId",
        'data' AS content FROM ${META}.ducklake_data_file WHERE ${live}
      UNION ALL
      SELECT path, delete_count, file_size_bytes, begin_snapshot::VARCHAR, 'position_delete'
      FROM ${META}.ducklake_delete_file WHERE ${live}`);
    return found.map((one) => ({
      ...one,
      status: one.snapshotId === String(snapshot) ? 'added' : 'existing',
    }));
  };
  const read = async (
    dataset: Dataset,
    found: Omit<FoundCommit, 'read'> & { readonly snapshots: number },
    load: number,
  ): Promise<CommitRead> => {
    const { id } = found.snapshot;
    const live = await filesAt(dataset, Number(id));
    const added = live.filter(({ status }) => status === 'added');
    const columns = tableColumns(dataset).map(({ name }) => name);
    const table = `${LAKE}.${named(namespace)}.${named(dataset.name)} AT (VERSION => ${id})`;
    const select = sightingsOf(dataset, columns, id, `${table} WHERE ${BATCH_COLUMN} = ${load}`);
    const rows = await readRows(connection, { select, seenMs: found.seenMs }, context.t0Ms());
    const row = commitRow(dataset.name, found, { manifests: [], live, added }, clock.nowMs());
    await facts.append('commits', [row]);
    return { ...rows, files: countLive(live) };
  };
  return {
    follow(dataset) {
      let last = -1;
      let parent: string | null = null;
      let missedMs: number | null = null;
      let snapshots = 0;
      return {
        async poll() {
          const id = await tableId(dataset);
          const startMs = clock.nowMs();
          const newer = await polling.rows<LakeSnapshot>(SNAPSHOTS, { last });
          const seenMs = clock.nowMs();
          const found = newer
            .filter(({ changes }) => addsRowsTo(changes, id))
            .map((snapshot): FoundCommit => {
              const note = JSON.parse(snapshot.note ?? 'null') as LoadNote | null;
              if (note === null) throw new Error(`snapshot ${snapshot.id} is of no load`);
              snapshots += 1;
              const sighted = { snapshot: commitOf(snapshot, parent), missedMs, seenMs, snapshots };
              parent = sighted.snapshot.id;
              return { ...sighted, read: () => read(dataset, sighted, note.number) };
            });
          last = newer.at(-1)?.id ?? last;
          missedMs = startMs;
          return { found, gap: null };
        },
      };
    },
    async files(dataset) {
      const [newest] = await connection.rows<{ id: number }>(
        `SELECT max(snapshot_id) AS id FROM ${META}.ducklake_snapshot`,
      );
      const entries = await filesAt(dataset, newest?.id ?? 0);
      return entries.length === 0 ? null : entries;
    },
    async storage(datasets) {
      // Objects before metadata: files that are committed in between are then not taken for orphans.
      const objects: { readonly key: string; readonly bytes: number }[] = [];
      for (const { name } of datasets) {
        const folder = `${lakeFolder(namespace)}${namespace}/${name}/`;
        for await (const one of bucket.list(folder)) objects.push(one);
      }
      const known = await connection.rows<{ path: string }>(
        `SELECT path FROM ${META}.ducklake_data_file UNION ALL SELECT path FROM ${META}.ducklake_delete_file`,
      );
      // DuckLake gives every file a name of its own.
      const names = new Set(known.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
      return listingOf(objects, (key) => names.has(key.slice(key.lastIndexOf('/') + 1)));
    },
    close: async () => close(),
  };
}

const SNAPSHOTS = `
  SELECT snapshot_id AS id, epoch_ms(snapshot_time::TIMESTAMPTZ) AS ms, changes_made AS changes,
    commit_extra_info AS note
  FROM ${META}.ducklake_snapshot JOIN ${META}.ducklake_snapshot_changes USING (snapshot_id)
  WHERE snapshot_id > $last ORDER BY snapshot_id`;

/** Whether a snapshot added rows to a table: its changes are a list like `inserted_into_table:2,inlined_delete:3`. */
function addsRowsTo(changes: string, table: number): boolean {
  return changes
    .split(',')
    .some((one) => one === `inserted_into_table:${table}` || one === `inlined_insert:${table}`);
}

function commitOf({ id, ms }: LakeSnapshot, parentId: string | null): FoundCommit['snapshot'] {
  return {
    ...{ id: String(id), parentId, sequenceNumber: id, timestampMs: ms },
    ...{ operation: parentId === null ? 'append' : 'overwrite', summary: {} },
  };
}
