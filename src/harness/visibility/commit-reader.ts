import { FIRST_CANARY_SKU } from '../../generators/event.ts';
import type { Dataset } from '../../topology/dataset.ts';
import type { Connection } from '../clients/duckdb.ts';
import type { FileEntry } from '../clients/iceberg.ts';
import type { Bucket } from '../clients/s3.ts';
import type { FactRow } from '../facts.ts';
import type { FoundSnapshot } from './iceberg-follower.ts';
import { ManifestReader, type SnapshotFiles } from './manifests.ts';
import { dataFiles, sightingsOf } from './sighting.ts';
import type { CommitRead, Live, Sighted, VisibilityContext } from './visibility.ts';

/**
 * Reads each commit of one table once, its manifests and the rows of the data files that it added, into
 * `sightings` and `commits`. A `replace` only moves rows that were already read, and a `delete` adds none.
 */
export class CommitReader {
  readonly #table: Dataset;
  readonly #manifests: ManifestReader;
  readonly #connection: Connection;
  readonly #context: Pick<VisibilityContext, 'facts' | 'clock' | 't0Ms'>;

  constructor(
    table: Dataset,
    bucket: Bucket,
    connection: Connection,
    context: Pick<VisibilityContext, 'facts' | 'clock' | 't0Ms'>,
  ) {
    this.#table = table;
    this.#manifests = new ManifestReader(bucket);
    this.#connection = connection;
    this.#context = context;
  }

  /** Rejects if a file cannot be read; then the facts contain nothing of the commit. */
  async read(found: FoundSnapshot, signal: AbortSignal): Promise<CommitRead> {
    const { snapshot } = found;
    const files = await this.#manifests.read(snapshot, signal);
    const addsRows = snapshot.operation === 'append' || snapshot.operation === 'overwrite';
    const paths = addsRows
      ? files.added.filter((file) => file.content === 'data').map((file) => file.path)
      : [];
    const rows =
      paths.length === 0
        ? { rows: 0, markers: [], staleness: null }
        : await readRows(
            this.#connection,
            {
              select: sightingsOf(this.#table, found.columns, snapshot.id, dataFiles(paths)),
              seenMs: found.seenMs,
            },
            this.#context.t0Ms(),
          );
    const row = commitRow(this.#table.name, found, files, this.#context.clock.nowMs());
    await this.#context.facts.append('commits', [row]);
    return { ...rows, files: countLive(files.live) };
  }
}

/** Reads the rows of a commit, which `select` gives as columns of `sightings`, and inserts them there. */
export async function readRows(
  connection: Connection,
  { select, seenMs }: { readonly select: string; readonly seenMs: number },
  t0Ms: number | null,
): Promise<Omit<CommitRead, 'files'>> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE batch AS ${select}`);
  const [counted] = await connection.rows<{
    rows: number;
    markers: readonly string[] | null;
    p50: number | null;
    p99: number | null;
  }>(
    `SELECT count(*)::INTEGER AS rows, list(event_id) FILTER (event_id LIKE 'marker-%') AS markers,
       quantile_cont($seen - occurred_ms, 0.5) FILTER (${COUNTED_ROWS}) AS p50,
       quantile_cont($seen - occurred_ms, 0.99) FILTER (${COUNTED_ROWS}) AS p99
     FROM batch`,
    { seen: seenMs, t0: t0Ms ?? seenMs },
  );
  if (!counted) throw new Error('an aggregate without GROUP BY gave no row');
  // Last, so that a commit that is read again after an error is not inserted twice.
  await connection.run('INSERT INTO sightings BY NAME FROM batch');
  const { rows, markers, p50, p99 } = counted;
  const staleness = p50 === null || p99 === null ? null : { p50, p99 };
  return { rows, markers: markers ?? [], staleness };
}

/** Rows that count for staleness: after t0, of real stores and SKUs. */
const COUNTED_ROWS = `occurred_ms >= $t0 AND coalesce(store_id, 1) > 0
  AND coalesce(sku_id, 1) < ${FIRST_CANARY_SKU}`;

/** The row of `commits`, counted from the manifests, not taken from the summary. */
export function commitRow(
  table: string,
  found: Sighted & { readonly snapshots: number },
  { manifests, live, added }: SnapshotFiles,
  readMs: number,
): FactRow {
  const { snapshot } = found;
  const [adds, lives] = [countLive(added), countLive(live)];
  const data = (files: readonly FileEntry[]) => files.filter((file) => file.content === 'data');
  return {
    table_name: table,
    snapshot_id: snapshot.id,
    parent_id: snapshot.parentId,
    sequence_number: snapshot.sequenceNumber,
    operation: snapshot.operation,
    snapshot_ms: snapshot.timestampMs,
    missed_ms: found.missedMs,
    seen_ms: found.seenMs,
    read_ms: readMs,
    added_data_files: adds.data,
    added_equality_delete_files: adds.equalityDeletes,
    added_position_delete_files: adds.positionDeletes,
    added_dvs: adds.dvs,
    added_rows: sum(data(added), 'rows'),
    added_bytes: sum(added, 'bytes'),
    data_files: lives.data,
    equality_delete_files: lives.equalityDeletes,
    position_delete_files: lives.positionDeletes + lives.dvs,
    live_bytes: sum(live, 'bytes'),
    live_rows: sum(data(live), 'rows'),
    manifests: manifests.length,
    manifest_bytes: sum(manifests, 'bytes'),
    snapshots: found.snapshots,
  };
}

/** Counts files by content. */
export function countLive(files: readonly FileEntry[]): Live {
  const count = (content: FileEntry['content']) =>
    files.filter((file) => file.content === content).length;
  return {
    data: count('data'),
    equalityDeletes: count('equality_delete'),
    positionDeletes: count('position_delete'),
    dvs: count('dv'),
    dataBytes: files.filter(({ content }) => content === 'data').map(({ bytes }) => bytes),
  };
}

function sum<K extends string>(items: readonly Readonly<Record<K, number>>[], key: K): number {
  return items.reduce((total, item) => total + item[key], 0);
}
