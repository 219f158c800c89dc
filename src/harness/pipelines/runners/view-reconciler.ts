import { identifier } from '../../../core/sql.ts';
import type { Connection } from '../../clients/duckdb.ts';
import { openLakehouse } from '../../clients/duckdb-lakehouse.ts';
import type { Endpoints } from '../../clients/endpoints.ts';
import type { ViewRow } from '../../clients/hot-view.ts';
import type { Artifacts } from '../../setup/artifacts.ts';

/** The table with which a view is compared. */
export interface TableConfig {
  readonly s3: Endpoints['s3'];
  readonly catalog: Endpoints['catalog'];
  readonly extensions: Artifacts['duckdbExtensions'];
  /** With its namespace. */
  readonly table: string;
  /** Pause between two comparisons, ms. */
  readonly everyMs: number;
}

/** A row of the table. */
type ReadRow = ViewRow & { readonly store: number; readonly sku: number };

/** Reads the table through a query engine. Its owner closes it. */
export interface TableReader {
  /** The rows of these products. */
  rows(skus: readonly number[], nowMs: number): Promise<readonly ReadRow[]>;
  close(): void;
}

/** It works next to the writer, whose batches must not wait for it. */
const LIMITS = { threads: 1, memoryMb: 512 };

export async function openTable({
  s3,
  catalog,
  extensions,
  table,
}: TableConfig): Promise<TableReader> {
  const { database, connection } = await openLakehouse({ s3, catalog }, extensions, LIMITS);
  return {
    rows: (skus, nowMs) => rowsOf(connection, table, { skus, nowMs }),
    close() {
      connection.close();
      database.close();
    },
  };
}

interface TableRow {
  readonly store_id: number;
  readonly sku_id: number;
  readonly version: number | bigint;
}

async function rowsOf(
  connection: Connection,
  table: string,
  { skus, nowMs }: { readonly skus: readonly number[]; readonly nowMs: number },
): Promise<readonly ReadRow[]> {
  if (skus.length === 0) return [];
  const rows = await connection.rows<TableRow>(
    `SELECT * EXCLUDE (flink_ms) FROM ice.${table.split('.').map(identifier).join('.')}
     WHERE sku_id IN (${skus.join(', ')})`,
  );
  return rows.map((row) => ({
    ...{ key: `${row.store_id}/${row.sku_id}`, store: row.store_id, sku: row.sku_id },
    version: String(row.version),
    row: JSON.stringify({ ...row, view_ms: nowMs }, (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    ),
  }));
}
