import type { AliasTable } from '../../core/distributions.ts';
import { type Random, rehash } from '../../core/random.ts';
import { Assortment } from './assortment.ts';
import { HOT_SHARE, type HotSet, storeHash, type World } from './world.ts';

/**
 * What one store carries and how often each SKU sells there, without a table per store: 5,000 stores
 * of 20,000 SKUs would be gigabytes. A SKU is drawn from the chain's law and kept if the store carries
 * it, and then in proportion to the store's own multiplier for it.
 */
export class Shelf {
  readonly #world: World;
  readonly #multiplierHash: number;
  readonly #assortment: Assortment;
  readonly #ceiling: number;
  #filter: Filter | undefined;

  constructor(world: World, store: number) {
    this.#world = world;
    this.#multiplierHash = storeHash(world, store, 'popularity');
    this.#assortment = new Assortment(world.assortment, storeHash(world, store, 'assortment'));
    this.#ceiling = world.multipliers.at(-1) as number;
  }

  /** Whether the store carries the SKU of this rank. */
  carries(rank: number): boolean {
    return this.#assortment.carries(rank);
  }

  /** Every rank the store carries, each once. */
  ranks(): Generator<number> {
    return this.#assortment.ranks();
  }

  /** How much better than in the chain the SKU sells here; mean 1. */
  multiplier(rank: number): number {
    return this.#world.multipliers[rehash(this.#multiplierHash, rank) & 4_095] as number;
  }

  /** The rank of one line at the tills, by the usual law. */
  draw(random: Random): number {
    return this.#drawFrom(this.#world.popularity, random);
  }

  /** The rank of one view or item in the web shop. */
  drawOnline(random: Random, hot: HotSet | null): number {
    if (hot !== null && random.chance(HOT_SHARE)) {
      return hot.ranks[hot.table.draw(random)] as number;
    }
    return this.#drawFrom(this.#world.webPopularity, random);
  }

  #drawFrom(table: AliasTable, random: Random): number {
    const ceiling = this.#ceiling;
    this.#filter ??= filterOf(this.#world, this.#assortment);
    const filter = this.#filter;
    while (true) {
      const rank = table.draw(random);
      const kept = random.next() * ceiling;
      // The cheapest and most selective question first: this is the innermost loop of the tape.
      if (!filter.mayHold(rank) || kept >= this.multiplier(rank)) continue;
      if (filter.exact || this.carries(rank)) return rank;
    }
  }
}

/** Bits per number that a filter holds: at most one of 16 others passes it too. */
const FILTER_BITS = 16;
/** The largest assortment with a filter (8 KB to 16 KB): with larger ones, those of 5,000 stores would take a gigabyte. */
const FILTERED = 4_096;

interface Filter {
  /** Whether what passes is held. */
  readonly exact: boolean;
  mayHold(rank: number): boolean;
}

const NO_FILTER: Filter = { exact: false, mayHold: () => true };

function filterOf({ assortment, weights }: World, own: Assortment): Filter {
  const { size } = assortment;
  return size > FILTERED ? NO_FILTER : new CarriedFilter(size, own.ranks(), weights.length);
}

/**
 * Some whole numbers, in memory that depends only on how many they are: one that is held always passes, another
 * one may (a Bloom filter with one hash), unless there is a bit for each.
 */
class CarriedFilter implements Filter {
  readonly exact: boolean;
  readonly #bits: Uint8Array;
  readonly #mask: number;

  constructor(count: number, values: Iterable<number>, below: number) {
    const log = Math.max(3, 32 - Math.clz32(Math.min(count * FILTER_BITS, below) - 1));
    this.#bits = new Uint8Array(1 << (log - 3));
    this.#mask = (1 << log) - 1;
    this.exact = below <= 1 << log;
    for (const value of values) {
      const at = value & this.#mask;
      this.#bits[at >>> 3] = (this.#bits[at >>> 3] as number) | (1 << (at & 7));
    }
  }

  mayHold(value: number): boolean {
    const at = value & this.#mask;
    return ((this.#bits[at >>> 3] as number) & (1 << (at & 7))) !== 0;
  }
}

/** The hot set in force at an offset, if any. */
export function hotSetAt(world: World, offsetMs: number): HotSet | null {
  for (const hot of world.hotSets) {
    if (offsetMs >= hot.phase.startMs && offsetMs < hot.phase.endMs) return hot;
  }
  return null;
}
