import { DAY_KINDS, type DayKind, type Recording } from '../../scenario/recording.ts';
import { NO_FAULTS, type Scenario } from '../../scenario/scenario.ts';
import { tapeOf } from '../tape.ts';
import { hourFactor } from '../world/hours.ts';

/**
 * What receipts look like, as shares that two streams can be held against each other by. Sales only: what
 * is brought back was bought on another receipt.
 */
export interface Look {
  readonly receipts: number;
  readonly lines: number;
  /** Share of receipts with 1, 2, … lines; the last one is of that many and more. */
  readonly baskets: readonly number[];
  readonly meanLines: number;
  /** Products there are: those of the recording, or the SKUs of the chain. */
  readonly products: number;
  /** Share of lines that the most frequent product has, and each of PORTIONS of the products. */
  readonly top: number;
  readonly tops: readonly number[];
  /** s of (rank + 3)^-s over the most frequent tenth of the products, by maximum likelihood. */
  readonly exponent: number;
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
const MANDELBROT_Q = 3;
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
  #receipts = 0;
  #lines = 0;
  #unpriced = 0;

  receipt(lines: number): void {
    this.#receipts++;
    this.#lines += lines;
    const i = Math.min(lines, LARGEST_BASKET) - 1;
    this.#baskets[i] = (this.#baskets[i] ?? 0) + 1;
  }

  line(product: number, quantity: number, priceCents: number): void {
    this.#perProduct.set(product, (this.#perProduct.get(product) ?? 0) + 1);
    const i = Math.min(Math.max(0, quantity), QUANTITIES - 1);
    this.#quantities[i] = (this.#quantities[i] as number) + 1;
    if (priceCents <= 0) this.#unpriced++;
    const from = PRICE_EDGES.findIndex((edge) => priceCents <= edge);
    if (priceCents > 0 && from >= 0) this.#prices[from] = (this.#prices[from] as number) + 1;
  }

  look(products: number, hours: Look['hours']): Look {
    const counts = [...this.#perProduct.values()].sort((a, b) => b - a);
    const share = (count: number) => count / Math.max(1, this.#lines);
    const priced = Math.max(1, this.#lines - this.#unpriced);
    const upTo = cumulated(counts);
    const first = (rank: number) => share(upTo[Math.min(rank, upTo.length) - 1] ?? 0);
    return {
      receipts: this.#receipts,
      lines: this.#lines,
      baskets: this.#baskets.map((count) => count / Math.max(1, this.#receipts)),
      meanLines: this.#lines / Math.max(1, this.#receipts),
      products,
      top: first(1),
      tops: PORTIONS.map((portion) => first(Math.max(1, Math.round(portion * products)))),
      exponent: exponentOf(counts.slice(0, Math.max(20, Math.round(HEAD * products)))),
      quantities: this.#quantities.map(share),
      prices: cumulated(this.#prices).map((count) => count / priced),
      unpriced: share(this.#unpriced),
      hours,
    };
  }
}

/**
 * The s under which counts by rank are likeliest: the mean of ln(rank + q) falls as s grows, and is to be the
 * one observed.
 */
function exponentOf(counts: readonly number[]): number {
  const logs = counts.map((_, i) => Math.log(i + 1 + MANDELBROT_Q));
  const meanUnder = (weights: readonly number[]) => {
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
export function cumulated(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

/** Receipts that are enough to tell two laws apart, and few enough not to be waited for. */
const SAMPLED_RECEIPTS = 10_000;
/** Stores whose receipts are sampled: popularity differs by store. */
const SAMPLED_STORES = 50;

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
  let receipts = 0;
  for (const event of tapeOf(
    plain,
    Array.from({ length: stores }, (_, i) => i + 1),
  )) {
    if (event.stream !== 'pos') continue;
    const { lines } = event.body;
    gathered.receipt(lines.length);
    for (const line of lines) gathered.line(line.sku_id, line.quantity, line.unit_price_cents);
    if (++receipts === SAMPLED_RECEIPTS) break;
  }
  return gathered.look(scenario.retail.skus, generatedHours(scenario));
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
  const { firstLine, product, quantity, amountCents, discountCents } = recording;
  for (let receipt = 0; receipt + 1 < firstLine.length; receipt++) {
    const from = firstLine[receipt] as number;
    const to = firstLine[receipt + 1] as number;
    gathered.receipt(to - from);
    for (let i = from; i < to; i++) {
      const units = quantity[i] as number;
      const cents = (amountCents[i] as number) + (discountCents[i] as number);
      gathered.line(product[i] as number, units, Math.round(cents / (units === 0 ? 1 : units)));
    }
  }
  return gathered.look(
    recording.priceCents.length,
    byKind((kind) => normalized(recording.hours[kind])),
  );
}

function byKind<T>(of: (kind: DayKind) => T): Record<DayKind, T> {
  return Object.fromEntries(DAY_KINDS.map((kind) => [kind, of(kind)])) as Record<DayKind, T>;
}

function normalized(counts: readonly number[]): readonly number[] | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total === 0 ? null : counts.map((count) => count / total);
}
