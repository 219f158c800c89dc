import { quoted } from '../../core/sql.ts';
import type { Positions } from './batch-log.ts';
import type { LoadSink, SinkTools } from './loader.ts';
import { StagingLog } from './staging-log.ts';

/** Every load is staged: one Parquet file per dataset, for a merge. */
export async function openStagingSink({
  config,
  bucket,
  connection,
  attempt,
}: SinkTools): Promise<LoadSink> {
  const { s3, namespace, datasets, share } = config;
  const log = new StagingLog(bucket, namespace, String(share.index));
  const newest = await log.newest();
  let number = newest?.number ?? 0;
  let positions: Positions = newest?.positions ?? {};
  return {
    get positions() {
      return positions;
    },
    async put(spool, next) {
      const files: Record<string, string> = {};
      for (const dataset of datasets) {
        if (!spool.has(dataset.carries)) continue;
        const name = `${String(number + 1).padStart(10, '0')}-${attempt}-${dataset.name}.parquet`;
        const path = `s3://${s3.bucket}/${log.folder}${name}`;
        await connection.run(
          `COPY (FROM ${spool.rowsOf(dataset)}) TO ${quoted(path)} (FORMAT parquet)`,
        );
        files[dataset.name] = path;
      }
      if (!(await log.stage({ number: number + 1, positions: next, files }))) {
        throw new Error(`another loader has staged load ${number + 1}`);
      }
      number += 1;
      positions = next;
      return number;
    },
  };
}
