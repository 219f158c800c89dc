import type { TapeEvent } from '../../generators/event.ts';
import { Ledger } from '../../generators/ledger.ts';
import { preloadOf, tapeOf } from '../../generators/tape.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';

/** Events between two breaths: other work of the process goes on in between. */
const SLICE = 5_000;

/**
 * Folds BOOK from the business events of the tape — receipts, movements, pickup orders — up to the cut,
 * by the generators' own ledger, and writes it into the facts. It never looks at an image that was sent, so a
 * wrong image is a distance from it.
 */
export async function writeBook(
  facts: Pick<Facts, 'append'>,
  scenario: Scenario,
  cutMs: number,
): Promise<void> {
  if (scenario.traffic.inventory === null) return;
  const stores = Array.from({ length: scenario.retail.stores }, (_, i) => i + 1);
  const ledger = new Ledger(scenario);
  await fold(ledger, preloadOf(scenario, stores), Number.POSITIVE_INFINITY);
  await fold(ledger, tapeOf(scenario, stores), cutMs);
  const rows = [...ledger.entries()].map(({ store, sku, book }) => ({
    store_id: store,
    sku_id: sku,
    on_hand: book.onHand,
    committed: book.committed,
    unavailable: book.unavailable,
  }));
  await facts.append('book', rows);
}

/** The tape has no end: it is read up to the cut. */
async function fold(ledger: Ledger, tape: Iterable<TapeEvent>, cutMs: number): Promise<void> {
  let folded = 0;
  for (const event of tape) {
    if (event.dueMs >= cutMs) return;
    ledger.apply(event);
    if (++folded % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
