import { openLake } from '../batches/lake.ts';
import { loadIntoLake, newestNote } from '../batches/lake-load.ts';
import type { Insert } from './opening-stock.ts';
import { arrivedRows } from './rows.ts';

const LIMITS = { memoryMb: 1024, threads: 2 };

/** Into a table of DuckLake, as a load of its own that leaves the positions in the topics as they are. */
export const insertIntoLake: Insert = async (rows, dataset, { stack, extensions, place }) => {
  const { s3 } = stack.endpoints;
  const { namespace } = place;
  const opened = { ...LIMITS, s3, extensions, namespace, readOnly: false };
  const { database, connection } = await openLake(opened);
  try {
    const { number, positions } = await newestNote(connection);
    await loadIntoLake(connection, {
      ...{ namespace, number: number + 1, positions },
      parts: [{ dataset, from: arrivedRows(rows, dataset) }],
    });
  } finally {
    connection.close();
    database.close();
  }
};
