import { poissonTail } from '../../../core/distributions.ts';
import { type StockCourse, valueAt } from '../../../generators/stock/stock-course.ts';
import type { TimedPhase } from '../../../scenario/timeline.ts';

/** Sell-down of one SKU in one store during a phase, at the rate of the whole chain. */
interface SellDown {
  /** Units in BOOK at the start of the phase. */
  readonly opening: number;
  /** Units that leave the shelf per ms, and sales of one or more units per ms. */
  readonly unitsPerMs: number;
  readonly salesPerMs: number;
}

interface LeftShelf {
  units: number;
  sales: number;
}

/**
 * Rates at which shelves empty, from their true courses. A key has too few sales in a phase for a rate of its own, and a
 * key that sold out would be judged by its own sales. So a SKU's sales over all stores are distributed over the stores
 * in proportion to the total sales of each.
 */
export class Demand {
  readonly #phases: readonly TimedPhase[];
  readonly #bySku = new Map<string, LeftShelf>();
  readonly #byStore = new Map<string, number>();
  readonly #opening = new Map<string, number>();
  readonly #stores = new Map<number, number[]>();
  /** Cache: total sales in a phase of the stores with orders for a SKU. */
  readonly #together = new Map<string, number>();

  constructor(phases: readonly TimedPhase[]) {
    this.#phases = phases;
  }

  /** Adds the courses of one store. Add every store once, and all before the first query. */
  add(store: number, courses: ReadonlyMap<number, StockCourse>): void {
    for (const [sku, { book, shelf }] of courses) {
      const stores = this.#stores.get(sku) ?? [];
      this.#stores.set(sku, stores);
      stores.push(store);
      for (const { phase, startMs } of this.#phases) {
        this.#opening.set(`${phase.name}/${store}/${sku}`, valueAt(book, startMs) ?? 0);
      }
      for (let i = 1; i < shelf.atMs.length; i++) {
        const units = (shelf.value[i - 1] as number) - (shelf.value[i] as number);
        if (units > 0) this.#left(shelf.atMs[i] as number, store, sku, units);
      }
    }
  }

  #left(atMs: number, store: number, sku: number, units: number): void {
    const at = this.#phases.find(({ startMs, endMs }) => atMs >= startMs && atMs < endMs);
    if (at === undefined) return;
    const { name } = at.phase;
    const left = this.#bySku.get(`${name}/${sku}`) ?? { units: 0, sales: 0 };
    this.#bySku.set(`${name}/${sku}`, left);
    left.units += units;
    left.sales += 1;
    const key = `${name}/${store}`;
    this.#byStore.set(key, (this.#byStore.get(key) ?? 0) + units);
  }

  of({ phase: { name }, startMs, endMs }: TimedPhase, store: number, sku: number): SellDown {
    const left = this.#bySku.get(`${name}/${sku}`);
    const sold = (one: number) => this.#byStore.get(`${name}/${one}`) ?? 0;
    let all = this.#together.get(`${name}/${sku}`);
    if (all === undefined) {
      all = (this.#stores.get(sku) ?? []).reduce((sum, one) => sum + sold(one), 0);
      this.#together.set(`${name}/${sku}`, all);
    }
    const perMs = all === 0 ? 0 : sold(store) / all / (endMs - startMs);
    return {
      opening: this.#opening.get(`${name}/${store}/${sku}`) ?? 0,
      unitsPerMs: (left?.units ?? 0) * perMs,
      salesPerMs: (left?.sales ?? 0) * perMs,
    };
  }
}

/**
 * Share of accepted orders that fail while a shelf sells down. The view sees the share `unseen` of the sales `lagMs`
 * late, and the rest at once: a shelf that is empty after `sellOutMs` is sold from for `unseen * lagMs` longer.
 */
export function sellDownFailure(lagMs: number, sellOutMs: number, unseen = 1): number {
  if (sellOutMs === Number.POSITIVE_INFINITY || lagMs === 0) return 0;
  return (unseen * lagMs) / (sellOutMs + unseen * lagMs);
}

/** Probability that at least `spare` sales, at a mean rate of `perMs`, happen within `lagMs` and are not yet visible. */
export function lowStockFailure(lagMs: number, perMs: number, spare: number): number {
  return poissonTail(lagMs * perMs, spare);
}
