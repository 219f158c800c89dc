import { quoted } from '../../core/sql.ts';
import type { Connection } from '../clients/duckdb.ts';
import { BATCH_COLUMN, type Batch, type BatchTable } from './batch-log.ts';

/** Name in quotes, for SQL. */
export function named(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** What may stand after FROM to read files of a table with all of its columns. */
export function filesOf({ columns, files }: BatchTable): string {
  if (files.length > 0) {
    return `read_parquet([${files.map(({ path }) => quoted(path)).join(', ')}], hive_partitioning = false)`;
  }
  const typed = { ...columns, [BATCH_COLUMN]: 'INTEGER' };
  const none = Object.entries(typed).map(([name, type]) => `NULL::${type} AS ${named(name)}`);
  return `(SELECT ${none.join(', ')} WHERE false)`;
}

/** Shows the tables of a batch as `ice.<namespace>.<table>`, in place of those of an earlier batch. */
export async function showBatch(
  connection: Connection,
  namespace: string,
  { tables }: Batch,
  before: Batch | null,
): Promise<void> {
  const changed = Object.entries(tables).filter(([name, table]) => {
    const shown = before?.tables[name];
    return JSON.stringify(shown?.files) !== JSON.stringify(table.files);
  });
  const views = changed.map(([name, table]) => {
    const columns = Object.keys(table.columns).map(named).join(', ');
    return `CREATE OR REPLACE VIEW ice.${named(namespace)}.${named(name)} AS
      SELECT ${columns} FROM ${filesOf(table)};`;
  });
  if (views.length > 0) await connection.run(`BEGIN; ${views.join('\n')} COMMIT;`);
}
