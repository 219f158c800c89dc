import { poissonTail } from '../../../core/distributions.ts';
import { type StockCourse, valueAt } from '../../../generators/stock/stock-course.ts';
import type { TimedPhase } from '../../../scenario/timeline.ts';

/** What a phase did to one SKU in one store, at the rate its chain sells it. */
interface SellDown {
  /** Units BOOK had when the phase began. */
  readonly opening: number;
  /** Units, and sales of one unit or more, that leave the shelf per ms. */
  readonly unitsPerMs: number;
  readonly salesPerMs: number;
}

interface Left {
  units: number;
  sales: number;
}

/**
 * How fast shelves empty, from their true courses. A key sells a handful in a phase, too few for a rate of its
 * own, and the one that sold out would be judged by that very sale: a SKU's sales over all stores are shared
 * out by how much each of these stores sold.
 */
export class Demand {
  readonly #phases: readonly TimedPhase[];
  readonly #bySku = new Map<string, Left>();
  readonly #byStore = new Map<string, number>();
  readonly #opening = new Map<string, number>();
  readonly #stores = new Map<number, number[]>();
  /** What the stores that were asked for a SKU sold in a phase, once somebody wants to know. */
  readonly #together = new Map<string, number>();

  constructor(phases: readonly TimedPhase[]) {
    this.#phases = phases;
  }

  /** Takes in the courses of one store; each store once, and all before anything is asked. */
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
 * Share of accepted orders that cannot be kept while a shelf sells down: for a view `lagMs` behind the share
 * `unseen` of what leaves it (the rest it sees at once), a shelf that is empty after `sellOutMs` is sold
 * from for `unseen * lagMs` longer.
 */
export function sellDownFailure(lagMs: number, sellOutMs: number, unseen = 1): number {
  if (sellOutMs === Number.POSITIVE_INFINITY || lagMs === 0) return 0;
  return (unseen * lagMs) / (sellOutMs + unseen * lagMs);
}

/** Probability that `spare` sales or more, of `perMs` on average, are still unseen after `lagMs`. */
export function lowStockFailure(lagMs: number, perMs: number, spare: number): number {
  return poissonTail(lagMs * perMs, spare);
}
