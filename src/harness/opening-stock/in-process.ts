import { rowNamedFor, type TableRow } from '../clients/in-process-tables.ts';
import { inProcessOf } from '../stack/in-process.ts';
import type { Insert } from './opening-stock.ts';

/** Into a table in this process. */
export const insertInProcess: Insert = async (rows, dataset, { stack, place, facts }) => {
  const { tables } = inProcessOf(stack);
  const found = await facts.rows<TableRow>(`SELECT * FROM ${rows.from}`);
  await tables.commit(`${place.namespace}.${dataset.name}`, [], found.map(rowNamedFor(dataset)));
};
