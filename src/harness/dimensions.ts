import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { yieldToEventLoop } from '../core/yield-to-event-loop.ts';
import type { TapeEvent } from '../generators/event.ts';
import { storesOf, tapeOf } from '../generators/tape.ts';
import { memberRows, productRows, storeRows } from '../generators/world/dimensions.ts';
import { DIMENSIONS, type DimensionTable } from '../record/facts.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Connection } from './clients/duckdb.ts';
import { type FactRow, type Facts, writeParquet } from './facts.ts';

/** Rows between two yields to the event loop. */
const ROWS_PER_SLICE = 2_000;

/**
 * Writes the dimensions of a run as Parquet, each file completely or not at all, and returns the number
 * of rows per table. It uses a whole core, so nothing may be measured meanwhile.
 */
export async function writeDimensions(
  facts: Pick<Facts, 'connect'>,
  run: {
    readonly scenario: Scenario;
    /** Nothing due at or after this offset from t0 was sent, ms. */
    readonly cutMs: number;
    /** Created if it does not exist. */
    readonly dir: string;
  },
): Promise<Readonly<Record<DimensionTable, number>>> {
  const { scenario, cutMs, dir } = run;
  await mkdir(dir, { recursive: true });
  const connection = await facts.connect();
  try {
    const write = (table: DimensionTable, rows: Iterable<object>) =>
      writeTable(connection, table, rows as Iterable<FactRow>, dir);
    const members = await membersOnReceipts(scenario, cutMs);
    return {
      stores: await write('stores', storeRows(scenario)),
      products: await write('products', productRows(scenario)),
      members: await write('members', memberRows(scenario, members)),
    };
  } finally {
    connection.close();
  }
}

async function writeTable(
  connection: Connection,
  table: DimensionTable,
  rows: Iterable<FactRow>,
  dir: string,
): Promise<number> {
  await connection.run(`CREATE TEMP TABLE ${table} (${DIMENSIONS[table]})`);
  let written = 0;
  let slice: FactRow[] = [];
  const flush = async () => {
    await connection.append(table, slice);
    written += slice.length;
    slice = [];
    await yieldToEventLoop();
  };
  for (const row of rows) {
    slice.push(row);
    if (slice.length === ROWS_PER_SLICE) await flush();
  }
  await flush();
  await writeParquet(connection, table, join(dir, `${table}.parquet`));
  return written;
}

/** The member whose card was used; null: none. */
function memberOf(event: TapeEvent): string | null {
  if (event.stream === 'pos') return event.body.customer_id;
  return event.stream === 'loyalty' ? event.body.member_id : null;
}

/**
 * Numbers of the members on receipts up to the cut, in order. Generates the tape again without the streams that
 * contain no member: leaving a stream out does not change the others.
 */
async function membersOnReceipts(scenario: Scenario, cutMs: number): Promise<readonly number[]> {
  // Without these streams there is no member, and reading a tape without a stream would never end.
  if (scenario.traffic.pos === null && scenario.traffic.loyalty === null) return [];
  const traffic = { ...scenario.traffic, wms: null, cart: null, inventory: null };
  const stores = storesOf(scenario);
  const members = new Set<number>();
  let read = 0;
  for (const event of tapeOf({ ...scenario, traffic }, stores)) {
    if (event.dueMs >= cutMs) break;
    const id = memberOf(event);
    if (id !== null) members.add(Number(id.slice(1)));
    if (++read % ROWS_PER_SLICE === 0) await yieldToEventLoop();
  }
  return [...members].sort((a, b) => a - b);
}
