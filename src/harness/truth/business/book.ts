import { yieldToEventLoop } from '../../../core/yield-to-event-loop.ts';
import type { TapeEvent } from '../../../generators/event.ts';
import { Ledger } from '../../../generators/stock/ledger.ts';
import { preloadOf, storesOf, tapeOf } from '../../../generators/tape.ts';
import { NO_FAULTS, type Scenario, STOCK } from '../../../scenario/scenario.ts';
import type { FactRow, Facts } from '../../facts.ts';

/** Events between two yields to the event loop. */
const EVENTS_PER_SLICE = 5_000;

/**
 * Computes BOOK from the business events of the tape (receipts, movements, pickup orders) with the generators' own
 * ledger, and writes it into the facts. Each row is as of its newest acknowledged change, because the tables cannot have
 * messages that were in flight at the cut. It takes only this time from the images, so that a wrong image counts as a
 * distance from BOOK.
 */
export async function writeBook(
  facts: Pick<Facts, 'append' | 'rows'>,
  scenario: Scenario,
  cutMs: number,
): Promise<void> {
  if (scenario.traffic[STOCK] === null) return;
  const stores = storesOf(scenario);
  // Without delivery faults: the same events, in the order in which they happened.
  const withoutFaults = { ...scenario, traffic: { ...scenario.traffic, faults: NO_FAULTS } };
  const newest = await newestVersions(facts);
  const ledger = new Ledger(withoutFaults);
  let rows: FactRow[] = [];
  let folded = 0;
  for (const tape of [preloadOf(withoutFaults, stores), tapeOf(withoutFaults, stores)]) {
    for (const event of tape) {
      if (event.dueMs >= cutMs) break;
      ledger.apply(event);
      const sku = newestImage(event, newest);
      if (sku !== null) rows.push(bookRow(ledger, event.store, sku));
      if (++folded % EVENTS_PER_SLICE !== 0) continue;
      await facts.append('book', rows);
      rows = [];
      await yieldToEventLoop();
    }
  }
  await facts.append('book', rows);
}

/** Highest acknowledged version by `store/sku`. */
async function newestVersions(facts: Pick<Facts, 'rows'>): Promise<ReadonlyMap<string, number>> {
  const rows = await facts.rows<{ key: string; version: number }>(`
    SELECT store_id || '/' || sku_id AS key, max(version) AS version FROM events
    WHERE stream = '${STOCK}' AND role IN ('original', 'preload') AND acked_ms IS NOT NULL
    GROUP BY ALL`);
  return new Map(rows.map(({ key, version }) => [key, version]));
}

/** The SKU if this is its newest image, otherwise null. */
function newestImage(
  { store, truth: { row } }: TapeEvent,
  newest: ReadonlyMap<string, number>,
): number | null {
  return row !== null && newest.get(`${store}/${row.sku}`) === row.version ? row.sku : null;
}

function bookRow(ledger: Ledger, store: number, sku: number): FactRow {
  const { onHand, committed, unavailable, deleted } = ledger.book(store, sku);
  return {
    ...{ store_id: store, sku_id: sku, on_hand: onHand },
    ...{ committed, unavailable, deleted },
  };
}
