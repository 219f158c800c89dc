import { quoted } from '../../core/sql.ts';
import { columnOf, type Dataset, holdsRejected } from '../../topology/dataset.ts';
import { MARKER_ID } from '../load/marker.ts';

/** Columns of the `sightings` facts that come from the table, with their types. */
const SIGHTING = {
  event_id: 'VARCHAR',
  store_id: 'INTEGER',
  sku_id: 'INTEGER',
  version: 'BIGINT',
  occurred_ms: 'DOUBLE',
  due_ms: 'DOUBLE',
  kafka_ms: 'DOUBLE',
  flink_ms: 'DOUBLE',
} as const;

/**
 * SQL that reads rows of a commit: only stamps, ids and versions. A column that the table lacks is NULL; the id of
 * a rejected row is the drain marker in its payload. Rows are numbered as `from`, which stands after FROM, gives them: of
 * data files (`dataFiles`), in the order in which they were written.
 */
export function sightingsOf(
  table: Dataset,
  tableColumns: readonly string[],
  snapshotId: string,
  from: string,
): string {
  const has = new Set(tableColumns);
  const payload = columnOf(table, 'payload');
  const columns = Object.entries(SIGHTING).map(([name, type]) => {
    const source = columnOf(table, name);
    if (has.has(source)) return `CAST("${source}" AS ${type}) AS ${name}`;
    if (name === 'event_id' && holdsRejected(table) && has.has(payload)) {
      return `nullif(regexp_extract(CAST("${payload}" AS VARCHAR), ${quoted(MARKER_ID)}), '') AS event_id`;
    }
    return `CAST(NULL AS ${type}) AS ${name}`;
  });
  return `SELECT ${quoted(table.name)} AS table_name, ${quoted(snapshotId)} AS snapshot_id,
    ${columns.join(', ')}, row_number() OVER ()::INTEGER AS row_no
    FROM ${from}`;
}

/** What stands after FROM to read data files. A writer numbers its files in their names. */
export function dataFiles(paths: readonly string[]): string {
  return `read_parquet([${paths.toSorted().map(quoted).join(', ')}], hive_partitioning = false)`;
}
