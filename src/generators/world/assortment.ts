import { power } from '../../core/power.ts';
import { rehash } from '../../core/random.ts';
import type { AssortmentBy } from '../../scenario/scenario.ts';

/**
 * Which of the chain's products a store carries: a sample of fixed size without replacement, drawn anew for each
 * store. Ranks are divided into strata; within a stratum every product has the same probability, and a
 * seeded permutation decides, so that membership takes constant time and no table per store.
 */

/** Consecutive ranks that are equally likely to be carried. */
interface Stratum {
  readonly from: number;
  readonly size: number;
  /** Mean number of them that a store carries, of this stratum and of all up to it. */
  readonly carried: number;
  readonly carriedUpTo: number;
}

/** What the assortments of all stores have in common. */
export interface AssortmentLaw {
  /** SKUs that each store carries. */
  readonly size: number;
  /** Ranks below it are in every store. */
  readonly core: number;
  /** The other ranks. */
  readonly strata: readonly Stratum[];
  /** Stratum by rank, from the core on. */
  readonly stratumOf: Uint8Array;
}

/**
 * A product is carried with a probability in proportion to its popularity to this power, at most 1. The products of
 * a real grocer, by their share of the lines, are as if it were so (docs/adr/037).
 */
const LISTING_POWER = 1.5;
/** Share of an assortment that every store carries at least: a burst takes its hot set from there. */
const LEAST_CORE = 0.25;
/** A stratum is a fifth wider than all ranks before it, and a store carries two of it or more. */
const STRATUM_GROWTH = 1.2;
const STRATUM_CARRIED = 2;

/** The law of a chain with these popularities by rank, in descending order. */
export function assortmentLaw(
  weights: Float64Array,
  size: number,
  by: AssortmentBy,
): AssortmentLaw {
  const { core, strata } = LAWS[by](weights, size);
  const stratumOf = new Uint8Array(weights.length);
  strata.forEach(({ from, size }, i) => {
    stratumOf.fill(i, from, from + size);
  });
  return { size, core, strata, stratumOf };
}

const LAWS: Readonly<
  Record<
    AssortmentBy,
    (weights: Float64Array, size: number) => Pick<AssortmentLaw, 'core' | 'strata'>
  >
> = {
  popularity: byPopularity,
  core: ({ length }, size) => {
    const core = size === length ? size : Math.ceil(size / 2);
    const carried = size - core;
    const rest = { from: core, size: length - core, carried, carriedUpTo: carried };
    return { core, strata: core === length ? [] : [rest] };
  },
};

function byPopularity(weights: Float64Array, size: number): Pick<AssortmentLaw, 'core' | 'strata'> {
  const measure = weights.map((weight) => power(weight, LISTING_POWER));
  let rest = measure.reduce((sum, value) => sum + value, 0);
  let core = 0;
  // The most popular have a probability of 1, and the others share what is left.
  const least = Math.ceil(size * LEAST_CORE);
  while (core < size && (core < least || (size - core) * (measure[core] as number) >= rest)) {
    rest -= measure[core] as number;
    core++;
  }
  if (size === weights.length) return { core: size, strata: [] };
  const perMeasure = (size - core) / rest;
  const strata: Stratum[] = [];
  let [from, upTo] = [core, 0];
  while (from < weights.length) {
    let [to, carried] = [from, 0];
    while (to < weights.length && (to < from * STRATUM_GROWTH || carried < STRATUM_CARRIED)) {
      carried += perMeasure * (measure[to++] as number);
    }
    // The last one takes up what rounding has left.
    upTo = to === weights.length ? size - core : upTo + carried;
    strata.push({ from, size: to - from, carried, carriedUpTo: upTo });
    from = to;
  }
  return { core, strata };
}

/** Share of the stores that carry the SKU of this rank. */
export function carriedShare({ core, strata, stratumOf }: AssortmentLaw, rank: number): number {
  if (rank < core) return 1;
  const { carried, size } = strata[stratumOf[rank] as number] as Stratum;
  return carried / size;
}

/** Hashes of a store from here on are none that a permutation takes from the same hash. */
const OWN_HASHES = 8;

/** The assortment of one store. */
export class Assortment {
  readonly #law: AssortmentLaw;
  readonly #order: readonly Permutation[];
  /** How many of each stratum the store carries: the first ones of the order. */
  readonly #carried: Int32Array;

  /** `hash` is that of the store. */
  constructor(law: AssortmentLaw, hash: number) {
    this.#law = law;
    this.#order = law.strata.map(
      ({ size }, i) => new Permutation(size, i === 0 ? hash : rehash(hash, OWN_HASHES + i)),
    );
    // Whole numbers with the strata's means, whose sum is always the same (systematic rounding).
    const start = rehash(hash, OWN_HASHES) / 0x1_0000_0000;
    let before = 0;
    this.#carried = Int32Array.from(law.strata, ({ carriedUpTo }) => {
      const upTo = Math.floor(carriedUpTo + start);
      const own = upTo - before;
      before = upTo;
      return own;
    });
  }

  /** Whether the store carries the SKU of this rank. */
  carries(rank: number): boolean {
    const { core, strata, stratumOf } = this.#law;
    if (rank < core) return true;
    const i = stratumOf[rank] as number;
    const { from } = strata[i] as Stratum;
    return (this.#order[i] as Permutation).apply(rank - from) < (this.#carried[i] as number);
  }

  /** Every rank the store carries, each once. */
  *ranks(): Generator<number> {
    const { core, strata } = this.#law;
    for (let rank = 0; rank < core; rank++) yield rank;
    for (let i = 0; i < strata.length; i++) {
      const { from } = strata[i] as Stratum;
      const order = this.#order[i] as Permutation;
      const carried = this.#carried[i] as number;
      for (let at = 0; at < carried; at++) yield from + order.invert(at);
    }
  }
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
