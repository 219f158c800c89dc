import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { quoted } from '../../core/sql.ts';
import { preloadOf, storesOf } from '../../generators/tape.ts';
import { type Scenario, STOCK } from '../../scenario/scenario.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { tableColumns } from '../../topology/table-columns.ts';
import { CsvBuffer } from '../load/csv.ts';

/** Columns of the opening stock, by the names on the wire, with their types in DuckDB. */
export const OPENING_COLUMNS = {
  event_id: 'VARCHAR',
  store_id: 'INTEGER',
  event_ts: 'BIGINT',
  occurred_ms: 'BIGINT',
  due_ms: 'BIGINT',
  sku_id: 'INTEGER',
  on_hand: 'INTEGER',
  committed: 'INTEGER',
  unavailable: 'INTEGER',
  available: 'INTEGER',
  version: 'BIGINT',
  deleted: 'BOOLEAN',
} as const;

/** The opening stock of all stores, in a CSV file. */
export interface OpeningRows {
  readonly count: number;
  /** What stands after FROM to read it, with OPENING_COLUMNS. */
  readonly from: string;
}

/** Bytes of lines that are written at once. */
const BLOCK = 256 * 1024;

/** Writes the opening stock to a file. `t0Ms`: epoch ms that the offsets of the tape count from. */
export async function writeOpeningRows(
  scenario: Scenario,
  path: string,
  { t0Ms, signal }: { readonly t0Ms: number; readonly signal: AbortSignal },
): Promise<OpeningRows> {
  let count = 0;
  function* blocks(): Generator<Buffer> {
    const lines = new CsvBuffer(BLOCK);
    const stores = storesOf(scenario);
    for (const event of preloadOf(scenario, stores)) {
      if (event.stream !== STOCK) continue;
      const { after } = event.body;
      const stamps = [event.claimedMs, event.occurredMs, event.dueMs].map((ms) =>
        Math.round(t0Ms + ms),
      );
      lines.appendLine([
        ...[event.id, event.store, ...stamps, after.sku_id, after.on_hand, after.committed],
        ...[after.unavailable, after.available, after.version, after.deleted],
      ]);
      count += 1;
      if (lines.length >= BLOCK) yield lines.take();
    }
    if (lines.length > 0) yield lines.take();
  }
  await pipeline(Readable.from(blocks()), createWriteStream(path), { signal });
  const columns = Object.entries(OPENING_COLUMNS).map(
    ([name, type]) => `${quoted(name)}: '${type}'`,
  );
  const from = `read_csv(${quoted(path)}, header = false, columns = {${columns.join(', ')}})`;
  return { count, from };
}

/** What stands after FROM to read the rows as a loader reads records: every column of the table by our names, and a place in the log. */
export function arrivedRows(rows: OpeningRows, dataset: Dataset): string {
  const columns = tableColumns(dataset).map(({ ours, type }) =>
    ours in OPENING_COLUMNS ? `"${ours}"` : `NULL::${type} AS "${ours}"`,
  );
  return `(SELECT ${columns.join(', ')}, 0 AS arrived_part, 0 AS arrived_offset FROM ${rows.from})`;
}
