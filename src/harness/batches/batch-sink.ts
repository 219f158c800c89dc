import { type Batch, BatchLog, type BatchTable, samePositions } from './batch-log.ts';
import { fold } from './fold.ts';
import type { LoadSink, SinkTools } from './loader.ts';
import { ReplacedFiles } from './replaced-files.ts';
import type { Spool } from './spool.ts';

/** Every load is a batch: folded into the tables, and published. */
export async function openBatchSink(
  { config, clock, bucket, connection, attempt }: SinkTools,
  { keepBatches }: { readonly keepBatches: number },
): Promise<LoadSink> {
  const { s3, namespace, datasets } = config;
  const log = new BatchLog(bucket, namespace);
  const opened = await log.newest(null);
  if (opened === null) throw new Error(`${namespace} has no batch 0`);
  let base: Batch = opened;
  const replaced = new ReplacedFiles(bucket, keepBatches);
  const folded = async (onto: Batch, spool: Spool): Promise<Batch['tables']> => {
    const tables: Record<string, BatchTable> = { ...onto.tables };
    for (const dataset of datasets) {
      if (!spool.has(dataset.carries)) continue;
      const table = onto.tables[dataset.name] as BatchTable;
      tables[dataset.name] = await fold(
        connection,
        { dataset, table, from: spool.rowsOf(dataset) },
        {
          ...{ root: `s3://${s3.bucket}/`, namespace, attempt },
          ...{ number: onto.number + 1, buckets: onto.buckets },
        },
      );
    }
    return tables;
  };
  return {
    get positions() {
      return base.positions;
    },
    async put(spool, positions) {
      for (;;) {
        // A batch of another writer, such as the opening stock, may have come in between.
        const onto = (await log.newest(base)) as Batch;
        if (!samePositions(onto.positions, base.positions)) {
          throw new Error(`another loader has published batch ${onto.number}`);
        }
        const tables = await folded(onto, spool);
        const number = onto.number + 1;
        const batch = { ...onto, number, publishedMs: clock.nowMs(), positions, tables };
        if (!(await log.publish(batch))) continue;
        base = batch;
        await replaced.after(onto, batch);
        return number;
      }
    },
  };
}
