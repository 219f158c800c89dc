import { type Connection, type DatabaseOptions, openDatabase } from '../clients/duckdb.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { openBucket } from '../clients/s3.ts';
import { type Batch, BatchLog } from './batch-log.ts';
import { named, showBatch } from './views.ts';

interface OpenOptions extends Pick<DatabaseOptions, 'memoryMb' | 'threads'> {
  readonly s3: Endpoints['s3'];
  readonly extensions: { readonly httpfs: string };
  readonly namespace: string;
}

/** A connection to the tables of a namespace, and a function that shows them as of the newest batch. */
export interface OpenBatches {
  readonly connection: Connection;
  readonly refresh: () => Promise<void>;
}

/** Opens a DuckDB in memory that has the tables of the newest batch as `ice.<namespace>.<table>`. */
export async function openBatches({
  s3,
  extensions: { httpfs },
  namespace,
  ...limits
}: OpenOptions): Promise<OpenBatches> {
  const database = await openDatabase(':memory:', { ...limits, extensions: [httpfs] });
  const connection = await database.connect();
  await createS3Secret(connection, s3);
  await connection.run(`ATTACH ':memory:' AS ice; CREATE SCHEMA ice.${named(namespace)}`);
  const log = new BatchLog(openBucket(s3), namespace);
  let shown: Batch | null = null;
  const refresh = async () => {
    const newest = await log.newest(shown);
    if (newest === null || newest === shown) return;
    await showBatch(connection, namespace, newest, shown);
    shown = newest;
  };
  await refresh();
  return { connection, refresh };
}
