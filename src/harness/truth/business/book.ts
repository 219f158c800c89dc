import { yieldToEventLoop } from '../../../core/yield-to-event-loop.ts';
import type { TapeEvent } from '../../../generators/event.ts';
import { Ledger } from '../../../generators/stock/ledger.ts';
import { preloadOf, tapeOf } from '../../../generators/tape.ts';
import { NO_FAULTS, type Scenario, STOCK } from '../../../scenario/scenario.ts';
import type { FactRow, Facts } from '../../facts.ts';

/** Events between two breaths: other work of the process goes on in between. */
const SLICE = 5_000;

/**
 * Folds BOOK from the business events of the tape — receipts, movements, pickup orders — by the generators'
 * own ledger, and writes it into the facts. Each row stands as of its newest change that was acknowledged: what was on its
 * way at the cut is missing from the tables by no fault of theirs. Of the images it takes no more than that moment, so a
 * wrong image is a distance from it.
 */
export async function writeBook(
  facts: Pick<Facts, 'append' | 'rows'>,
  scenario: Scenario,
  cutMs: number,
): Promise<void> {
  if (scenario.traffic[STOCK] === null) return;
  const stores = Array.from({ length: scenario.retail.stores }, (_, i) => i + 1);
  // Not what became of the messages: the same events, in the order they happened in.
  const asItHappened = { ...scenario, traffic: { ...scenario.traffic, faults: NO_FAULTS } };
  const newest = await newestVersions(facts);
  const ledger = new Ledger(asItHappened);
  const rows: FactRow[] = [];
  let folded = 0;
  for (const tape of [preloadOf(asItHappened, stores), tapeOf(asItHappened, stores)]) {
    for (const event of tape) {
      if (event.dueMs >= cutMs) break;
      ledger.apply(event);
      const sku = newestImage(event, newest);
      if (sku !== null) rows.push(bookRow(ledger, event.store, sku));
      if (++folded % SLICE === 0) await yieldToEventLoop();
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

/** The SKU whose newest image this is, or null. */
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
