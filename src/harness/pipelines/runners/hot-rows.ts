import { FIRST_CANARY_SKU, MARKER_STORE } from '../../../generators/event.ts';
import type { HotProducts } from './hot-products.ts';

/** An image of a row, as far as it matters for the choice. */
interface Image {
  readonly store: number;
  readonly sku: number;
  readonly version: number;
  /** Whether it is a change: the rows of a snapshot are none. */
  readonly change: boolean;
}

/**
 * Chooses the images of a topic that go into a view: new versions of rows of hot products. It knows the newest version of
 * every row, hot or not: when a product becomes hot, the next image of its row may be a late copy of an old one.
 */
export class HotRows {
  readonly #products: HotProducts;
  /** Per store and product: about 60 bytes per row of the stock. */
  readonly #newest = new Map<number, Map<number, number>>();
  /** Whether the topic is read again, whose changes have been counted. */
  #again = false;

  constructor(products: HotProducts) {
    this.#products = products;
  }

  get products(): number {
    return this.#products.size;
  }

  /** Hot products, in no order. */
  all(): readonly number[] {
    return this.#products.all();
  }

  /** Whether the topic has had a newer version of this row. */
  isOld({ store, sku, version }: Omit<Image, 'change'>): boolean {
    return version < (this.#newest.get(store)?.get(sku) ?? Number.NEGATIVE_INFINITY);
  }

  /** The topic is read again from its beginning, until `readAgain(false)`. */
  readAgain(again: boolean): void {
    this.#again = again;
    if (again) this.#newest.clear();
  }

  /** Whether this image, the next in the topic, goes into the view. */
  takes({ store, sku, version, change }: Image): boolean {
    const rows = this.#newest.get(store) ?? new Map<number, number>();
    // Of two images with the same version the first counts.
    if (version <= (rows.get(sku) ?? Number.NEGATIVE_INFINITY)) return false;
    rows.set(sku, version);
    this.#newest.set(store, rows);
    if (change && !this.#again) this.#products.count(sku);
    // The marks of the harness have to come out of every sink.
    return store === MARKER_STORE || sku >= FIRST_CANARY_SKU || this.#products.has(sku);
  }
}
