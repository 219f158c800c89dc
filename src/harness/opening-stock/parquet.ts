import { randomUUID } from 'node:crypto';
import { BatchLog, type BatchTable } from '../batches/batch-log.ts';
import { fold } from '../batches/fold.ts';
import { openDatabase } from '../clients/duckdb.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import { openBucket } from '../clients/s3.ts';
import type { Insert } from './opening-stock.ts';
import { arrivedRows } from './rows.ts';

const LIMITS = { memoryMb: 1024, threads: 2 };

/** Into Parquet files, as a batch of its own that leaves the positions in the topics as they are. */
export const insertIntoParquet: Insert = async (
  rows,
  dataset,
  { stack, extensions, place, clock },
) => {
  const { s3 } = stack.endpoints;
  const database = await openDatabase(':memory:', { ...LIMITS, extensions: [extensions.httpfs] });
  using bucket = openBucket(s3);
  const connection = await database.connect();
  try {
    await createS3Secret(connection, s3);
    const from = arrivedRows(rows, dataset);
    const log = new BatchLog(bucket, place.namespace);
    for (;;) {
      const base = await log.newest(null);
      if (base === null) throw new Error(`${place.namespace} has no batch 0`);
      const number = base.number + 1;
      const table = await fold(
        connection,
        { dataset, table: base.tables[dataset.name] as BatchTable, from },
        {
          ...{ root: `s3://${s3.bucket}/`, namespace: place.namespace, number },
          ...{ attempt: randomUUID().slice(0, 8), buckets: base.buckets },
        },
      );
      const tables = { ...base.tables, [dataset.name]: table };
      if (await log.publish({ ...base, number, publishedMs: clock.nowMs(), tables })) return;
    }
  } finally {
    connection.close();
    database.close();
  }
};
