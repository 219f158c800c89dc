import { type Steps, type StockCourse, valueAt } from '../../../generators/stock/stock-course.ts';
import type { PickupOrder } from '../../../generators/streams/pickups.ts';

/**
 * Pickup promises, replayed: what the view showed when an order was placed, against what the picker would
 * have found. Pure: orders and courses in, what became of every line out.
 *
 * - `kept`: promised, and there.
 * - `stale`: promised, and not there; BOOK knew at that moment, so a view without delay would have refused.
 * - `phantom`: promised, and not there, and BOOK did not know: no pipeline can help.
 * - `refused`: not promised, and rightly so.
 * - `missed_stale`, `missed_phantom`: not promised though it was there; BOOK knew, or did not.
 */
const FATES = ['kept', 'stale', 'phantom', 'refused', 'missed_stale', 'missed_phantom'] as const;
export type Fate = (typeof FATES)[number];

/** What became of one line of an order. */
export interface LineFate {
  readonly sku: number;
  readonly quantity: number;
  /** Units the view showed; 0 where it showed no row. */
  readonly shown: number;
  /** Units BOOK would have promised at the same moment, and units a picker would have found. */
  readonly book: number;
  readonly shelf: number;
  readonly fate: Fate;
}

/** What became of an order. */
export interface OrderFate {
  readonly order: PickupOrder;
  readonly lines: readonly LineFate[];
  /** Of its promised lines taken together; `refused` when none is promised. */
  readonly fate: Fate;
}

/** What is known of one SKU in one store. */
export interface KnownStock {
  /** What the view showed, from each moment at which it changed; nothing before the first. */
  readonly shown: Steps | undefined;
  readonly course: StockCourse;
}

/** One order against what is known of its store. It reserves nothing: the next one finds the same. */
export function replayOrder(order: PickupOrder, stockOf: (sku: number) => KnownStock): OrderFate {
  const lines = order.lines.map(({ sku, quantity }) => {
    const { shown: view, course } = stockOf(sku);
    const shown = (view && valueAt(view, order.atMs)) ?? 0;
    const book = valueAt(course.book, order.atMs) ?? 0;
    const shelf = valueAt(course.shelf, order.atMs) ?? 0;
    return { sku, quantity, shown, book, shelf, fate: fateOf(quantity, shown, book, shelf) };
  });
  return { order, lines, fate: together(lines.map(({ fate }) => fate)) };
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
 * An order is its promised lines: what was refused is not in it. It is broken when any line is, and its cause is
 * staleness only when without it every line that is left would have been kept.
 */
function together(fates: readonly Fate[]): Fate {
  for (const fate of ['phantom', 'stale', 'kept', 'missed_stale', 'missed_phantom'] as const) {
    if (fates.includes(fate)) return fate;
  }
  return 'refused';
}
