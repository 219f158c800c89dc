import type { Layout, LayoutCommit, Metric } from '../../record/record.ts';
import type { Measuring } from './context.ts';
import { scalar } from './metric.ts';

/**
 * Live data and delete files of each table at the end of each phase: those of the last snapshot that
 * the catalog served by then. n is the number of commits until then.
 */
export async function fileMetrics({ sql }: Measuring): Promise<Metric[]> {
  const rows = await sql.rows<{ table_name: string; phase: string; n: number; files: number }>(`
    SELECT c.table_name, s.name AS phase, count(*) AS n,
      arg_max(c.data_files + c.equality_delete_files + c.position_delete_files,
        (c.seen_ms, c.sequence_number)) AS files
    FROM commits c JOIN spans s ON c.seen_ms <= s.end_ms
    WHERE s.measured AND c.data_files IS NOT NULL GROUP BY ALL ORDER BY min(s.start_ms), c.table_name`);
  const last = new Map(rows.map((row) => [row.table_name, row]));
  return [
    ...rows.map(({ table_name: of, phase, n, files }) => scalar('files', { of, phase }, n, files)),
    ...[...last].map(([of, { n, files }]) => scalar('files', { of, phase: null }, n, files)),
  ];
}

/** The layout after every commit to a table of files, and the live files at the marks of the run. */
export async function layoutSection(
  { sql, context }: Measuring,
  bucket: Layout['bucket'],
): Promise<Layout> {
  const commits = await sql.rows<LayoutCommit>(`
    SELECT table_name AS table, seen_ms - ${context.t0Ms} AS "tMs", snapshot_id AS "snapshotId",
      operation, added_data_files + added_equality_delete_files + added_position_delete_files
        + added_dvs AS "addedFiles",
      added_rows AS "addedRows", added_bytes AS "addedBytes", data_files AS "dataFiles",
      equality_delete_files AS "equalityDeleteFiles",
      position_delete_files AS "positionDeleteFiles", live_bytes AS "liveBytes",
      live_rows AS "liveRows", manifests, manifest_bytes AS "manifestBytes", snapshots
    FROM commits WHERE data_files IS NOT NULL ORDER BY seen_ms, table_name`);
  const marks = await sql.rows<MarkRow>(`
    SELECT mark, max(at_ms) - ${context.t0Ms} AS "tMs", table_name AS table,
      count(*) FILTER (content = 'data') AS "dataFiles",
      count(*) FILTER (content = 'equality_delete') AS "equalityDeleteFiles",
      count(*) FILTER (content IN ('position_delete', 'dv')) AS "positionDeleteFiles",
      sum(bytes)::BIGINT AS bytes,
      quantile_disc(bytes, 0.5) FILTER (content = 'data') AS median
    FROM files GROUP BY mark, table_name ORDER BY "tMs", table_name`);
  return {
    commits,
    marks: marks.map(({ median, ...mark }) => ({
      ...mark,
      ...(median === null ? {} : { dataFileP50Bytes: median }),
    })),
    bucket,
  };
}

type MarkRow = Omit<Layout['marks'][number], 'dataFileP50Bytes'> & {
  readonly median: number | null;
};
