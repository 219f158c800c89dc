import { type Steps, type StockCourse, valueAt } from '../../../generators/stock/stock-course.ts';
import type { PickupOrder } from '../../../generators/streams/pickups.ts';

/**
 * Replay of pickup promises: what the view showed when an order was placed, compared with what the picker would have
 * found. Pure: from orders and courses to the fate of every line.
 *
 * - `kept`: promised and available.
 * - `stale`: promised and not available; BOOK had the shortage, so a view without delay would have refused.
 * - `phantom`: promised and not available; BOOK did not have the shortage, so no pipeline can prevent it.
 * - `refused`: correctly not promised.
 * - `missed_stale`, `missed_phantom`: not promised although available; BOOK had the stock, or did not.
 */
const FATES = ['kept', 'stale', 'phantom', 'refused', 'missed_stale', 'missed_phantom'] as const;
export type Fate = (typeof FATES)[number];

/** Fate of one line of an order. */
export interface LineFate {
  readonly sku: number;
  readonly quantity: number;
  /** Units that the view showed; 0 if it had no row. */
  readonly shown: number;
  /** Units in BOOK at the same time, and units that a picker would have found. */
  readonly book: number;
  readonly shelf: number;
  readonly fate: Fate;
}

/** Fate of an order. */
export interface OrderFate {
  readonly order: PickupOrder;
  readonly lines: readonly LineFate[];
  /** Fate of its promised lines together; `refused` if no line is promised. */
  readonly fate: Fate;
}

/** Stock of one SKU in one store over time. */
export interface KnownStock {
  /** Units that the view showed, as steps; nothing before the first step. */
  readonly shown: Steps | undefined;
  readonly course: StockCourse;
}

/** Replays one order. It reserves nothing: later orders find the same stock. */
export function replayOrder(order: PickupOrder, stockOf: (sku: number) => KnownStock): OrderFate {
  const lines = order.lines.map(({ sku, quantity }) => {
    const { shown: view, course } = stockOf(sku);
    const shown = (view && valueAt(view, order.atMs)) ?? 0;
    const book = valueAt(course.book, order.atMs) ?? 0;
    const shelf = valueAt(course.shelf, order.atMs) ?? 0;
    return { sku, quantity, shown, book, shelf, fate: fateOf(quantity, shown, book, shelf) };
  });
  return { order, lines, fate: orderFate(lines.map(({ fate }) => fate)) };
}

function fateOf(quantity: number, shown: number, book: number, shelf: number): Fate {
  if (shown >= quantity) {
    if (shelf >= quantity) return 'kept';
    return book < quantity ? 'stale' : 'phantom';
  }
  if (shelf < quantity) return 'refused';
  return book >= quantity ? 'missed_stale' : 'missed_phantom';
}

/**
 * An order consists of its promised lines, without refused ones. It is broken if any line is. Its cause is staleness
 * only if without staleness every remaining line would have been kept.
 */
function orderFate(fates: readonly Fate[]): Fate {
  for (const fate of ['phantom', 'stale', 'kept', 'missed_stale', 'missed_phantom'] as const) {
    if (fates.includes(fate)) return fate;
  }
  return 'refused';
}
