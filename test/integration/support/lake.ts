import { join } from 'node:path';
import { createLake, openLake } from '../../../src/harness/batches/lake.ts';
import { loadIntoLake, newestNote } from '../../../src/harness/batches/lake-load.ts';
import type { Dataset } from '../../../src/topology/dataset.ts';
import { arrived } from './batches.ts';
import type { Lakehouse } from './lakehouse.ts';

/** Tables of DuckLake in the namespace of a test, whose catalog is in `dir`. */
interface TestLake extends AsyncDisposable {
  /** Commits rows, of which `select` gives some columns by our names. */
  add(dataset: Dataset, select: string): Promise<void>;
}

export async function openTestLake(
  { place: { namespace }, stack, artifacts }: Lakehouse,
  datasets: readonly Dataset[],
  dir: string,
): Promise<TestLake> {
  const { s3 } = stack.endpoints;
  const extensions = artifacts.duckdbExtensions;
  await createLake(join(dir, 'catalog.ducklake'), datasets, { s3, namespace, extensions });
  const limits = { memoryMb: 256, threads: 1 };
  const opened = { s3, namespace, extensions, readOnly: false, ...limits };
  const { database, connection } = await openLake(opened);
  return {
    async add(dataset, select) {
      const { number, positions } = await newestNote(connection);
      const parts = [{ dataset, from: await arrived(connection, dataset, select) }];
      await loadIntoLake(connection, { namespace, parts, number: number + 1, positions });
    },
    async [Symbol.asyncDispose]() {
      connection.close();
      database.close();
    },
  };
}
