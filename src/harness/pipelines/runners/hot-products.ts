import type { HotRule } from '../../../topology/stages.ts';

/** Counters per product that can be hot: an estimate is then at most a tenth of the share too high. */
const COUNTERS_PER_HOT = 10;
/** Changes that have to be counted before a share means something: as many as give a hot product ten. */
const LEAST_HOT_CHANGES = 10;

/** A counter of the space-saving algorithm: `error` of its count may belong to others. */
interface Counter {
  count: number;
  error: number;
}

/**
 * Which products are hot: those of the plan, and those with a large share of the changes in the stream, counted in
 * bounded memory (space-saving: Metwally, Agrawal, El Abbadi, 2005). A product that is hot stays so.
 */
export class HotProducts {
  readonly #rule: HotRule;
  readonly #hot: Set<number>;
  readonly #counters = new Map<number, Counter>();
  readonly #capacity: number;
  #total = 0;

  constructor(rule: HotRule, planned: readonly number[]) {
    this.#rule = rule;
    this.#hot = new Set(planned.slice(0, rule.keep));
    this.#capacity = Math.ceil(COUNTERS_PER_HOT / rule.share);
  }

  get size(): number {
    return this.#hot.size;
  }

  /** In no order. */
  all(): readonly number[] {
    return [...this.#hot];
  }

  has(sku: number): boolean {
    return this.#hot.has(sku);
  }

  /** Counts a change; the product may be hot afterwards. */
  count(sku: number): void {
    if (this.#hot.size >= this.#rule.keep) return;
    this.#total += 1;
    const counter = this.#counterOf(sku);
    counter.count += 1;
    const { share } = this.#rule;
    const enough = this.#total * share >= LEAST_HOT_CHANGES;
    // Without its error: what it has for certain.
    if (enough && counter.count - counter.error >= share * this.#total) this.#hot.add(sku);
  }

  /** The counter of a product; if all are taken, that of the product with the fewest changes. */
  #counterOf(sku: number): Counter {
    const own = this.#counters.get(sku);
    if (own !== undefined) return own;
    let counter: Counter = { count: 0, error: 0 };
    if (this.#counters.size >= this.#capacity) {
      const [least, { count }] = this.#least();
      this.#counters.delete(least);
      counter = { count, error: count };
    }
    this.#counters.set(sku, counter);
    return counter;
  }

  #least(): readonly [number, Counter] {
    let found: readonly [number, Counter] | undefined;
    for (const one of this.#counters) {
      if (found === undefined || one[1].count < found[1].count) found = one;
    }
    return found as readonly [number, Counter];
  }
}
