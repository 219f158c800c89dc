import { DAY_KINDS, type DayKind, type Recording } from '../../scenario/recording.ts';
import { NO_FAULTS, type Scenario } from '../../scenario/scenario.ts';
import { tapeOf } from '../tape.ts';
import { CATEGORIES, categoryOf } from '../world/categories.ts';
import { hourFactor } from '../world/hours.ts';
import { worldOf } from '../world/world.ts';

/** How the lines are spread over the products. */
interface Popularity {
  /** Share of lines that the most frequent product has, and each of PORTIONS of the products. */
  readonly top: number;
  readonly tops: readonly number[];
  /** Share of lines of the most frequent round(2^(i / 2)) products, up to all of them. */
  readonly curve: readonly number[];
  /** s of (rank + 3)^-s over the most frequent tenth of the products, by maximum likelihood. */
  readonly exponent: number;
}

/** How stores differ in the most frequent HEAD_PRODUCTS products, of stores with HEAD_LINES lines of them. */
interface StoreDifferences {
  /** Stores with as many lines. */
  readonly stores: number;
  /** Share of the TOP most frequent products of a store that are among those of another; mean over all pairs. */
  readonly overlap: number;
  /**
   * sigma of ln(share of a product in a store / its share in the chain), of a log-normal with the covariance of
   * these ratios between two halves of the store's customers: what one household buys again and again, and
   * chance, are in one half only.
   */
  readonly spread: number;
}

/**
 * What receipts look like, as shares that two streams can be held against each other by. Sales only: what
 * is brought back was bought on another receipt.
 */
export interface Look extends Popularity {
  readonly receipts: number;
  readonly lines: number;
  /** Share of receipts with 1, 2, … lines; the last one is of that many and more. */
  readonly baskets: readonly number[];
  readonly meanLines: number;
  /** Products there are: those of the recording, or the SKUs of the chain. */
  readonly products: number;
  /** null: fewer than two stores have enough lines. */
  readonly stores: StoreDifferences | null;
  /** s of rank^-s of the categories' shares of the lines, by maximum likelihood; null: a recording has no categories. */
  readonly categories: number | null;
  /** Share of lines with a quantity of 0, 1, 2, 3, 4, and more. */
  readonly quantities: readonly number[];
  /** Share of priced lines at each of PRICE_EDGES and below, by the price of a unit before discounts. */
  readonly prices: readonly number[];
  /** Share of lines at no price. */
  readonly unpriced: number;
  /** Share of a day's receipts by hour in the shops; null: no day is in it. */
  readonly hours: Readonly<Record<DayKind, readonly number[] | null>>;
}

const LARGEST_BASKET = 60;
/** Shares of the products that describe popularity: the top 1 %, 2 % and so on. */
export const PORTIONS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] as const;
const HEAD = 0.1;
export const MANDELBROT_Q = 3;
const HEAD_PRODUCTS = 200;
/** Lines that are compared, evenly spaced over the store's: as many of each, since chance differs by their number. */
const HEAD_LINES = 400;
const TOP = 20;
const QUANTITIES = 6;
/** Cents: a step of about a fifth, which no price ending lies on. */
export const PRICE_EDGES = [
  20, 30, 40, 55, 70, 85, 95, 105, 120, 140, 160, 180, 195, 210, 240, 270, 305, 355, 405, 455, 505,
  605, 705, 805, 1_005, 1_205, 1_505, 2_005, 3_005,
] as const;

/** Gathers receipts into a look. */
class Gatherer {
  readonly #baskets = new Array<number>(LARGEST_BASKET).fill(0);
  readonly #quantities = new Array<number>(QUANTITIES).fill(0);
  readonly #prices = new Array<number>(PRICE_EDGES.length).fill(0);
  readonly #perProduct = new Map<number, number>();
  readonly #perStore = new Map<number, StoreLines>();
  #receipts = 0;
  #lines = 0;
  #unpriced = 0;

  receipt(lines: number): void {
    this.#receipts++;
    this.#lines += lines;
    const i = Math.min(lines, LARGEST_BASKET) - 1;
    this.#baskets[i] = (this.#baskets[i] ?? 0) + 1;
  }

  /** `customer` tells two halves of the customers apart by its last bit. */
  line(
    { store, customer }: { readonly store: number; readonly customer: number },
    product: number,
    quantity: number,
    priceCents: number,
  ): void {
    this.#perProduct.set(product, (this.#perProduct.get(product) ?? 0) + 1);
    const own = this.#perStore.get(store) ?? { products: [], halves: [] };
    if (own.products.length === 0) this.#perStore.set(store, own);
    own.products.push(product);
    own.halves.push(customer & 1);
    const i = Math.min(Math.max(0, quantity), QUANTITIES - 1);
    this.#quantities[i] = (this.#quantities[i] as number) + 1;
    if (priceCents <= 0) this.#unpriced++;
    const from = PRICE_EDGES.findIndex((edge) => priceCents <= edge);
    if (priceCents > 0 && from >= 0) this.#prices[from] = (this.#prices[from] as number) + 1;
  }

  look(other: Pick<Look, 'products' | 'hours' | 'categories'>): Look {
    const share = (count: number) => count / Math.max(1, this.#lines);
    const priced = Math.max(1, this.#lines - this.#unpriced);
    return {
      receipts: this.#receipts,
      lines: this.#lines,
      baskets: this.#baskets.map((count) => count / Math.max(1, this.#receipts)),
      meanLines: this.#lines / Math.max(1, this.#receipts),
      ...popularityOf(this.#perProduct.values(), other.products),
      stores: storeDifferences(this.#head, [...this.#perStore.values()]),
      quantities: this.#quantities.map(share),
      prices: cumulated(this.#prices).map((count) => count / priced),
      unpriced: share(this.#unpriced),
      ...other,
    };
  }

  /** The most frequent HEAD_PRODUCTS products. */
  get #head(): ReadonlySet<number> {
    return mostFrequent(this.#perProduct, HEAD_PRODUCTS);
  }
}

/** The lines of a store: the product of each, and the half of the customers that its customer belongs to. */
interface StoreLines {
  readonly products: number[];
  readonly halves: number[];
}

/** Popularity by the lines of each product; `products` may be more than have any. */
export function popularityOf(lines: Iterable<number>, products: number): Popularity {
  const counts = Float64Array.from(lines).sort().reverse();
  const upTo = cumulated(counts);
  const first = (n: number) => (upTo[Math.min(n, upTo.length) - 1] ?? 0) / (upTo.at(-1) ?? 1);
  const head = counts.subarray(0, Math.max(20, Math.round(HEAD * products)));
  return {
    top: first(1),
    tops: PORTIONS.map((portion) => first(Math.max(1, Math.round(portion * products)))),
    curve: curveRanks(products).map(first),
    exponent: exponentOf(head, MANDELBROT_Q),
  };
}

/** The ranks of a popularity curve. */
export function curveRanks(products: number): readonly number[] {
  const ranks: number[] = [];
  for (let i = 0; ranks.at(-1) !== products; i++) {
    // 2^(i / 2), whole: twice 1, 1.41 each time.
    ranks.push(Math.min(products, Math.round((1 << (i >> 1)) * (i % 2 === 0 ? 1 : Math.SQRT2))));
  }
  return [...new Set(ranks)];
}

function storeDifferences(
  head: ReadonlySet<number>,
  all: readonly StoreLines[],
): StoreDifferences | null {
  const ofHead = all.map(({ products, halves }) => ({
    products: products.filter((product) => head.has(product)),
    halves: halves.filter((_, i) => head.has(products[i] as number)),
  }));
  const stores = ofHead.filter(({ products }) => products.length >= HEAD_LINES);
  if (stores.length < 2) return null;
  const tops = stores.map(({ products }) =>
    mostFrequent(countsOf(evenlySpaced(products, HEAD_LINES)), TOP),
  );
  return { stores: stores.length, overlap: meanOverlap(tops), spread: spreadOf(stores) };
}

/** See StoreDifferences: the covariance of the halves' deviations, divided by the product of what was expected of them. */
function spreadOf(stores: readonly StoreLines[]): number {
  const chain = countsOf(stores.flatMap(({ products }) => products));
  const lines = stores.reduce((sum, { products }) => sum + products.length, 0);
  const squares = stores.reduce((sum, { products }) => sum + square(products.length / lines), 0);
  let [common, unit] = [0, 0];
  for (const { products, halves } of stores) {
    const half = (which: number) => products.filter((_, i) => halves[i] === which);
    const [one, other] = [half(0), half(1)];
    const [ones, others] = [countsOf(one), countsOf(other)];
    // A store is part of the chain that it is compared with.
    const apart = 1 - (2 * products.length) / lines + squares;
    for (const [product, count] of chain) {
      const [m, n] = [(one.length * count) / lines, (other.length * count) / lines];
      common += ((ones.get(product) ?? 0) - m) * ((others.get(product) ?? 0) - n);
      unit += m * n * apart;
    }
  }
  return Math.sqrt(Math.log(1 + Math.max(0, common / unit)));
}

function square(value: number): number {
  return value * value;
}

function evenlySpaced(values: readonly number[], count: number): readonly number[] {
  return Array.from(
    { length: count },
    (_, i) => values[Math.floor((i * values.length) / count)] as number,
  );
}

/** Mean over all pairs of the share of one set that is in the other. */
function meanOverlap(tops: readonly ReadonlySet<number>[]): number {
  const pairs = tops.flatMap((one, i) =>
    tops.slice(i + 1).map((other) => {
      const common = [...one].filter((product) => other.has(product)).length;
      return common / Math.max(one.size, other.size);
    }),
  );
  return pairs.reduce((sum, overlap) => sum + overlap, 0) / pairs.length;
}

function mostFrequent(counts: ReadonlyMap<number, number>, n: number): ReadonlySet<number> {
  const products = [...counts].sort(byCount).map(([product]) => product);
  return new Set(products.slice(0, n));
}

function countsOf(products: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const product of products) counts.set(product, (counts.get(product) ?? 0) + 1);
  return counts;
}

/** The most frequent first; of equals, the one with the lower number. */
function byCount([a, m]: readonly [number, number], [b, n]: readonly [number, number]): number {
  return n - m || a - b;
}

/**
 * The s under which counts by rank are likeliest: the mean of ln(rank + q) falls as s grows, and is to be the
 * one observed.
 */
function exponentOf(counts: Float64Array, q: number): number {
  const logs = counts.map((_, i) => Math.log(i + 1 + q));
  const meanUnder = (weights: Float64Array) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.reduce((sum, weight, i) => sum + weight * (logs[i] as number), 0) / total;
  };
  const observed = meanUnder(counts);
  let [low, high] = [0, 4];
  while (high - low > 1e-4) {
    const s = (low + high) / 2;
    if (meanUnder(logs.map((log) => Math.exp(-s * log))) > observed) low = s;
    else high = s;
  }
  return (low + high) / 2;
}

/** Partial sums. */
export function cumulated(values: Iterable<number>): number[] {
  let sum = 0;
  return Array.from(values, (value) => {
    sum += value;
    return sum;
  });
}

/** Receipts that are enough to tell two laws apart, and few enough not to be waited for. */
const SAMPLED_RECEIPTS = 10_000;
/** Stores whose receipts are sampled: popularity differs by store. */
const SAMPLED_STORES = 20;

/**
 * The look of the receipts that a scenario generates (or would, if it did not replay a recording), at 1x and without
 * the burst of a phase, from a sample.
 */
export function generatedLook(scenario: Scenario): Look {
  const { pos } = scenario.traffic;
  if (pos === null) throw new Error('a scenario without pos has no receipts');
  const plain: Scenario = {
    ...scenario,
    // The times of the sample are of no interest, and a flat day has no hour in which nothing is sold.
    retail: { ...scenario.retail, hours: 'flat' },
    traffic: {
      pos: { ...pos, returns: 0, training: 0, tape: null },
      wms: null,
      cart: null,
      loyalty: null,
      inventory: null,
      faults: NO_FAULTS,
    },
    phases: [{ kind: 'load', name: 'sample', forMs: 1, load: 1, shape: 'flat', measured: true }],
  };
  const stores = Math.min(scenario.retail.stores, SAMPLED_STORES);
  const gathered = new Gatherer();
  const categories = new Float64Array(CATEGORIES);
  const { rankOfSku } = worldOf(plain);
  let receipts = 0;
  for (const event of tapeOf(
    plain,
    Array.from({ length: stores }, (_, i) => i + 1),
  )) {
    if (event.stream !== 'pos') continue;
    const { lines } = event.body;
    gathered.receipt(lines.length);
    // Generated receipts of one member are no more alike than those of two.
    const customer = { store: event.store, customer: receipts };
    for (const { sku_id, quantity, unit_price_cents } of lines) {
      gathered.line(customer, sku_id, quantity, unit_price_cents);
      const i = categoryOf(scenario.seed, rankOfSku[sku_id] as number) - 1;
      categories[i] = (categories[i] as number) + 1;
    }
    if (++receipts === SAMPLED_RECEIPTS) break;
  }
  return gathered.look({
    products: scenario.retail.skus,
    categories: exponentOf(categories.sort().reverse(), 0),
    hours: generatedHours(scenario),
  });
}

/** A Sunday, a weekday and a Saturday as Date numbers them. */
const WEEKDAY_OF: Readonly<Record<DayKind, number>> = { weekday: 3, saturday: 6, sunday: 0 };

function generatedHours({ retail }: Scenario): Look['hours'] {
  return byKind((kind) =>
    normalized(
      Array.from({ length: 24 }, (_, hour) => hourFactor(retail.profile, WEEKDAY_OF[kind], hour)),
    ),
  );
}

/** The look of a whole recording. */
export function recordedLook(recording: Recording): Look {
  const gathered = new Gatherer();
  const { firstLine, store, member, product, quantity, amountCents, discountCents } = recording;
  for (let receipt = 0; receipt + 1 < firstLine.length; receipt++) {
    const from = firstLine[receipt] as number;
    const to = firstLine[receipt + 1] as number;
    gathered.receipt(to - from);
    const household = member[receipt] as number;
    const customer = {
      store: store[receipt] as number,
      customer: household >= 0 ? household : receipt,
    };
    for (let i = from; i < to; i++) {
      const units = quantity[i] as number;
      const cents = (amountCents[i] as number) + (discountCents[i] as number);
      const price = Math.round(cents / (units === 0 ? 1 : units));
      gathered.line(customer, product[i] as number, units, price);
    }
  }
  return gathered.look({
    products: recording.priceCents.length,
    categories: null,
    hours: byKind((kind) => normalized(recording.hours[kind])),
  });
}

function byKind<T>(of: (kind: DayKind) => T): Record<DayKind, T> {
  return Object.fromEntries(DAY_KINDS.map((kind) => [kind, of(kind)])) as Record<DayKind, T>;
}

function normalized(counts: readonly number[]): readonly number[] | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total === 0 ? null : counts.map((count) => count / total);
}
