import type { Artifacts } from '../setup/artifacts.ts';
import { samePositions } from './batch-log.ts';
import { attachLake, loadLake } from './lake.ts';
import { loadIntoLake, newestNote } from './lake-load.ts';
import type { LoadSink, SinkTools } from './loader.ts';

/** What a sink into DuckLake needs besides its tools. */
export interface IntoLake {
  readonly kind: 'lake';
  readonly extensions: Pick<Artifacts['duckdbExtensions'], 'sqliteScanner' | 'ducklake'>;
  readonly inlineRows: number;
}

/** Every load is a transaction, which has the positions in the note of its commit. */
export async function openLakeSink(
  { config, bucket, connection }: SinkTools,
  { extensions, inlineRows }: IntoLake,
): Promise<LoadSink> {
  const { s3, namespace, datasets, httpfs } = config;
  await loadLake(connection, { httpfs, ...extensions });
  await attachLake(connection, bucket, {
    ...{ s3, namespace, name: 'ice', readOnly: false, inlineRows },
  });
  let base = await newestNote(connection);
  return {
    get positions() {
      return base.positions;
    },
    async put(spool, positions) {
      // The opening stock may have come in between.
      const newest = await newestNote(connection);
      if (!samePositions(newest.positions, base.positions)) {
        throw new Error(`another loader has committed load ${newest.number}`);
      }
      const load = { number: newest.number + 1, positions };
      const parts = datasets
        .filter(({ carries }) => spool.has(carries))
        .map((dataset) => ({ dataset, from: spool.rowsOf(dataset) }));
      await loadIntoLake(connection, { namespace, parts, ...load });
      base = load;
      return load.number;
    },
  };
}
