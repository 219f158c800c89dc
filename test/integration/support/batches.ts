import { systemClock as clock } from '../../../src/core/clock.ts';
import { type Batch, BatchLog } from '../../../src/harness/batches/batch-log.ts';
import { emptyTable, fold } from '../../../src/harness/batches/fold.ts';
import { type Connection, openDatabase } from '../../../src/harness/clients/duckdb.ts';
import { createS3Secret } from '../../../src/harness/clients/duckdb-lakehouse.ts';
import { openBucket } from '../../../src/harness/clients/s3.ts';
import type { Dataset } from '../../../src/topology/dataset.ts';
import { tableColumns } from '../../../src/topology/table-columns.ts';
import type { Lakehouse } from './lakehouse.ts';

/** A table of Parquet files in the namespace of a test. */
interface TestBatches extends AsyncDisposable {
  /** Publishes a batch with rows, of which `select` gives some columns by our names. */
  fold(select: string): Promise<void>;
}

/** What stands after FROM to read rows, of which `select` gives some columns by our names, as a loader reads records. */
export async function arrived(
  connection: Connection,
  dataset: Dataset,
  select: string,
): Promise<string> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE given AS ${select}`);
  const given = await connection.rows<{ name: string }>(
    'SELECT column_name AS name FROM (DESCRIBE given)',
  );
  const has = new Set(given.map(({ name }) => name));
  const columns = tableColumns(dataset).map(
    ({ ours, type }) => `${has.has(ours) ? ours : 'NULL'}::${type} AS ${ours}`,
  );
  return `(SELECT ${columns.join(', ')}, 0 AS arrived_part, 0 AS arrived_offset FROM given)`;
}

export async function openTestBatches(lake: Lakehouse, dataset: Dataset): Promise<TestBatches> {
  const { place } = lake;
  const { s3 } = lake.stack.endpoints;
  const { httpfs } = lake.artifacts.duckdbExtensions;
  const database = await openDatabase(':memory:', {
    ...{ memoryMb: 256, threads: 1, extensions: [httpfs] },
  });
  const connection = await database.connect();
  await createS3Secret(connection, s3);
  const bucket = openBucket(s3);
  const log = new BatchLog(bucket, place.namespace);
  const none: Batch = {
    number: 0,
    publishedMs: clock.nowMs(),
    positions: {},
    buckets: 2,
    tables: {},
  };
  return {
    async fold(select) {
      const base = (await log.newest(null)) ?? none;
      if (base === none) await log.publish(none);
      const from = await arrived(connection, dataset, select);
      const number = base.number + 1;
      const table = await fold(
        connection,
        { dataset, table: base.tables[dataset.name] ?? emptyTable(dataset), from },
        {
          ...{ root: `s3://${s3.bucket}/`, namespace: place.namespace },
          ...{ number, attempt: 'test', buckets: base.buckets },
        },
      );
      const tables = { ...base.tables, [dataset.name]: table };
      const next = { ...base, number, publishedMs: clock.nowMs(), tables };
      if (!(await log.publish(next))) throw new Error(`batch ${number} is there already`);
    },
    async [Symbol.asyncDispose]() {
      connection.close();
      database.close();
      bucket.close();
    },
  };
}
