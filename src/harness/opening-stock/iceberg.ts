import { columnOf } from '../../topology/dataset.ts';
import type { Connection } from '../clients/duckdb.ts';
import { openLakehouse } from '../clients/duckdb-lakehouse.ts';
import type { Insert } from './opening-stock.ts';
import { OPENING_COLUMNS } from './rows.ts';

const LIMITS = { memoryMb: 1024, threads: 2 };
/** Jobs commit to the same tables: a commit that another one overtakes is made again. */
const ATTEMPTS = 5;

/** Into an Iceberg table, by DuckDB. */
export const insertIntoIceberg: Insert = async (rows, dataset, { stack, extensions, place }) => {
  const { s3, catalog } = stack.endpoints;
  // With the location of the warehouse DuckDB attaches a catalog for reading only.
  const warehouse = catalog.warehouse.includes('://') ? '' : catalog.warehouse;
  const { database, connection } = await openLakehouse(
    { s3, catalog: { ...catalog, warehouse } },
    extensions,
    LIMITS,
  );
  try {
    const table = `ice.${place.namespace}.${dataset.name}`;
    const columns = await connection.rows<{ name: string }>(
      `SELECT column_name AS name FROM (DESCRIBE ${table})`,
    );
    const ours = Object.keys(OPENING_COLUMNS);
    const selected = columns.map(({ name }) => {
      const own = ours.find((column) => columnOf(dataset, column) === name);
      return own === undefined ? 'NULL' : `"${own}"`;
    });
    await insert(
      connection,
      `INSERT INTO ${table} SELECT ${selected.join(', ')} FROM ${rows.from}`,
    );
  } finally {
    connection.close();
    database.close();
  }
};

async function insert(connection: Connection, sql: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.run(sql);
    } catch (error) {
      const overtaken = /conflict|409|CommitFailed/i.test((error as Error).message);
      if (!overtaken || attempt === ATTEMPTS) throw error;
    }
  }
}
