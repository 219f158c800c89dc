import { loadTable, type Snapshot, type Table } from '../../clients/iceberg.ts';
import { openBucket } from '../../clients/s3.ts';
import type { Stack } from '../../stack/stack.ts';

/** Files younger than this are never removed, ms: another writer, or a rewrite, may still commit them. */
const MIN_AGE_MS = 60_000;

/** Files newer than this many commits of the table's writers are never removed. */
const NEWEST_COMMITS = 3;

/** An object in the folder of a table. */
export interface TableFile {
  /** As Iceberg writes it: `s3://bucket/key`. */
  readonly path: string;
  readonly bytes: number;
  /** By the clock of the object store. */
  readonly modifiedMs: number;
}

/** The files of a table that are old enough to be removed, if no metadata names them. */
export interface Candidates {
  /** With its namespace. */
  readonly table: string;
  readonly files: readonly TableFile[];
}

/**
 * The files that may be removed if they are orphans: older than a minute, and than the third-newest commit of a
 * writer. A rewrite (`replace`) is no writer's commit. Both limits have a reason:
 *
 * - A sink writes the files of a checkpoint, and commits them after it, in the order of the checkpoints. A file that was
 *   there before the commit before the last two belongs to a checkpoint that is committed by now, or will never be. While
 *   the catalog is away, or the sink is restarting, nothing is committed, so that the limit stands still and what
 *   waits for its commit stays younger than it. The commit is dated by its manifest list, which the store stamped with
 *   the clock that it stamps files with.
 * - The commits of one writer say nothing about the files of another; hence the minimum age.
 *
 * A table with fewer commits has no candidates.
 */
export function candidatesOf(
  files: readonly TableFile[],
  snapshots: readonly Pick<Snapshot, 'sequenceNumber' | 'operation' | 'manifestList'>[],
  nowMs: number,
): readonly TableFile[] {
  const written = new Map(files.map(({ path, modifiedMs }) => [path, modifiedMs]));
  const commit = snapshots
    .filter(({ operation }) => operation !== 'replace')
    .toSorted((a, b) => a.sequenceNumber - b.sequenceNumber)
    .at(-NEWEST_COMMITS);
  const committedMs = commit && written.get(commit.manifestList);
  if (committedMs === undefined) return [];
  const beforeMs = Math.min(committedMs, nowMs - MIN_AGE_MS);
  return files.filter(({ modifiedMs }) => modifiedMs < beforeMs);
}

/**
 * Lists the candidates of each table. The listing is older than the metadata that the engine compares it with, so a file
 * that is committed in between is named by it.
 */
export async function listCandidates(
  { endpoints }: Pick<Stack, 'endpoints'>,
  tables: readonly string[],
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<readonly Candidates[]> {
  using bucket = openBucket(endpoints.s3);
  const found: Candidates[] = [];
  for (const table of tables) {
    const metadata = await loadTable(endpoints.catalog, table, signal);
    if (metadata === null) continue;
    const folder = folderOf(metadata);
    const files: TableFile[] = [];
    for await (const { key, ...file } of bucket.list(folder)) {
      signal.throwIfAborted();
      files.push({ ...file, path: `s3://${endpoints.s3.bucket}/${key}` });
    }
    found.push({ table, files: candidatesOf(files, metadata.snapshots, nowMs) });
  }
  return found;
}

/** With a slash at its end: `inventory` would also be the beginning of `inventory_by_store`, whose files it does not name. */
function folderOf({ location }: Table): string {
  return `${location.replace(/\/+$/, '')}/`;
}

/**
 * SQL that removes the orphans among the candidates. Iceberg's procedure refuses a limit of less than a day, since it
 * cannot know what a writer is about to commit; the list of files is the documented means to decide that by other
 * rules, and then the date in it only has to be old. What metadata names is the procedure's own judgement.
 */
export function removeOrphansSql(candidates: readonly Candidates[]): string {
  return candidates
    .filter(({ files }) => files.length > 0)
    .map(({ table, files }, i) => {
      const view = `doorbuster_candidates_${i}`;
      const paths = files.map(({ path }) => `(${literal(path)})`).join(',\n    ');
      return `CREATE TEMPORARY VIEW ${view} AS
  SELECT path AS file_path, TIMESTAMP '1970-01-01 00:00:00' AS last_modified
  FROM VALUES
    ${paths} AS listed(path);
CALL ice.system.remove_orphan_files(table => '${table}', file_list_view => '${view}');`;
    })
    .join('\n');
}

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
