import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { type Scenario, STOCK } from '../../scenario/scenario.ts';
import { type Dataset, holdsImages, type ImageDataset } from '../../topology/dataset.ts';
import type { Facts } from '../facts.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { Stack } from '../stack/stack.ts';
import { insertIntoLake } from './ducklake.ts';
import { insertIntoIceberg } from './iceberg.ts';
import { insertInProcess } from './in-process.ts';
import { insertIntoParquet } from './parquet.ts';
import { type OpeningRows, writeOpeningRows } from './rows.ts';

/** What an insert needs besides the rows. */
interface InsertContext {
  readonly stack: Pick<Stack, 'endpoints' | 'inProcess'>;
  readonly extensions: Artifacts['duckdbExtensions'];
  readonly place: RunNamespace;
  readonly facts: Facts;
  readonly clock: Clock;
}

/** Inserts rows into a table in one commit, without the pipeline. Rejects with nothing inserted. */
export type Insert = (
  rows: OpeningRows,
  dataset: ImageDataset,
  context: InsertContext,
) => Promise<void>;

/** How rows get into a dataset, by where it is stored. */
const INSERTS: { readonly [K in Dataset['visibility']]: Insert } = {
  iceberg: insertIntoIceberg,
  // Its stage fills it.
  redis: async () => {},
  'in-process': insertInProcess,
  parquet: insertIntoParquet,
  ducklake: insertIntoLake,
};

/**
 * Inserts the opening stock into every table of stock, as one snapshot of data files without deletes, and records it in
 * `events`: acknowledged by the commit, with no partition and no offset. Gives the number of rows.
 */
export async function insertOpeningStock({
  scenario,
  datasets,
  workDir,
  signal,
  ...context
}: InsertContext & {
  readonly scenario: Scenario;
  readonly datasets: readonly Dataset[];
  /** Gets the file of the rows. */
  readonly workDir: string;
  readonly signal: AbortSignal;
}): Promise<number> {
  const { clock } = context;
  const t0Ms = clock.nowMs();
  const path = join(workDir, 'opening-stock.csv');
  const rows = await writeOpeningRows(scenario, path, { t0Ms, signal });
  const sentMs = clock.nowMs();
  for (const dataset of datasets.filter(holdsImages)) {
    signal.throwIfAborted();
    await INSERTS[dataset.visibility](rows, dataset, context);
  }
  const ackedMs = clock.nowMs();
  await context.facts.run(`
    INSERT INTO events BY NAME
    SELECT '${STOCK}' AS stream, event_id, store_id, sku_id, version, on_hand, available, deleted,
      'preload' AS role, occurred_ms, event_ts AS claimed_ms, due_ms, ${sentMs}::DOUBLE AS sent_ms,
      ${ackedMs}::DOUBLE AS acked_ms, 'row' AS expect
    FROM ${rows.from}`);
  return rows.count;
}
