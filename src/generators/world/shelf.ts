import type { AliasTable } from '../../core/distributions.ts';
import { type Random, rehash } from '../../core/random.ts';
import { HOT_SHARE, type HotSet, storeHash, type World } from './world.ts';

/**
 * What one store carries and how often each SKU sells there, without a table per store: 5,000 stores
 * of 20,000 SKUs would be gigabytes. A SKU is drawn from the chain's law and kept if the store carries
 * it, and then in proportion to the store's own multiplier for it.
 */
export class Shelf {
  readonly #world: World;
  readonly #multiplierHash: number;
  readonly #tail: Permutation;
  readonly #tailCarried: number;
  readonly #ceiling: number;
  #filter: CarriedFilter | undefined;

  constructor(world: World, store: number) {
    this.#world = world;
    this.#multiplierHash = storeHash(world, store, 'popularity');
    const tailSize = world.scenario.retail.skus - world.core;
    this.#tail = new Permutation(tailSize, storeHash(world, store, 'assortment'));
    this.#tailCarried = world.assortment - world.core;
    this.#ceiling = world.multipliers.at(-1) as number;
  }

  /** Whether the store carries the SKU of this rank: the core, and as many of the tail as it has room for. */
  carries(rank: number): boolean {
    const { core } = this.#world;
    return rank < core || this.#tail.apply(rank - core) < this.#tailCarried;
  }

  /** Every rank the store carries, each once. */
  *ranks(): Generator<number> {
    const { core } = this.#world;
    for (let rank = 0; rank < core; rank++) yield rank;
    for (let i = 0; i < this.#tailCarried; i++) yield core + this.#tail.invert(i);
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
    this.#filter ??= new CarriedFilter(this.#world.assortment, this.ranks());
    const filter = this.#filter;
    while (true) {
      const rank = table.draw(random);
      const kept = random.next() * ceiling;
      // The cheapest and most selective question first: this is the innermost loop of the tape.
      if (filter.mayHold(rank) && kept < this.multiplier(rank) && this.carries(rank)) return rank;
    }
  }
}

/** Bits per number that a filter holds: at most one of 16 others passes it too. */
const FILTER_BITS = 16;

/**
 * Some whole numbers, in memory that depends only on how many they are: one that is held always passes, another
 * one may (a Bloom filter with one hash).
 */
class CarriedFilter {
  readonly #bits: Uint8Array;
  readonly #mask: number;

  constructor(count: number, values: Iterable<number>) {
    const log = 32 - Math.clz32(count * FILTER_BITS - 1);
    this.#bits = new Uint8Array(1 << (log - 3));
    this.#mask = (1 << log) - 1;
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

/** A seeded permutation of 0..size-1 that needs no table: four Feistel rounds, walked into range. */
export class Permutation {
  readonly #size: number;
  readonly #bits: number;
  readonly #mask: number;
  readonly #keys: readonly number[];

  constructor(size: number, hash: number) {
    this.#size = size;
    this.#bits = Math.max(1, Math.ceil((32 - Math.clz32(Math.max(2, size) - 1)) / 2));
    this.#mask = (1 << this.#bits) - 1;
    this.#keys = [1, 2, 3, 4].map((round) => rehash(hash, round));
  }

  apply(value: number): number {
    let at = value;
    do {
      let left = at >>> this.#bits;
      let right = at & this.#mask;
      for (const key of this.#keys) {
        const mixed = (left ^ rehash(key, right)) & this.#mask;
        left = right;
        right = mixed;
      }
      at = (left << this.#bits) | right;
    } while (at >= this.#size);
    return at;
  }

  invert(value: number): number {
    let at = value;
    do {
      let left = at >>> this.#bits;
      let right = at & this.#mask;
      for (let i = this.#keys.length - 1; i >= 0; i--) {
        const mixed = (right ^ rehash(this.#keys[i] as number, left)) & this.#mask;
        right = left;
        left = mixed;
      }
      at = (left << this.#bits) | right;
    } while (at >= this.#size);
    return at;
  }
}
