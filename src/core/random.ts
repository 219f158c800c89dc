type Label = string | number;

function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function fold(hash: number, label: Label): number {
  if (typeof label === 'number') {
    return mix(mix(hash, label | 0), Math.floor(label / 0x1_0000_0000) ^ 0x9e3779b9);
  }
  let h = mix(hash, label.length ^ 0x51ed270b);
  for (let i = 0; i < label.length; i++) h = mix(h, label.charCodeAt(i));
  return h;
}

/** 32 well-mixed bits of the labels: a fixed property of a thing (a store, a SKU) that need not be stored. */
export function hash32(seed: number, ...labels: readonly Label[]): number {
  let hash = fold(0x452821e6, seed);
  for (const label of labels) hash = fold(hash, label);
  return mix(hash, 0x38d01377);
}

/** One more number folded into a hash: `hash32` without the cost of labels, for inner loops. */
export function rehash(hash: number, value: number): number {
  return mix(mix(hash, value), 0x38d01377);
}

/** A fresh stream of randomness for these labels: the same labels always give the same numbers. */
export function random(seed: number, ...labels: readonly Label[]): Random {
  return new Random(seed, labels);
}

/**
 * Counter-based randomness: a stream of numbers is a pure function of (seed, labels), so any worker
 * can produce any store's part of the tape, and adding a stream changes no other.
 *
 * The labels are folded into 128 bits of state (MurmurHash3's finalizer as the mixer), which seeds
 * sfc32 (Doty-Humphrey, PractRand): fast in 32-bit integer arithmetic, period at least 2^32 per seed.
 */
export class Random {
  // Numbers from the start: a field that once was undefined is slower by half.
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  /** See `random`. */
  constructor(seed: number, labels: readonly Label[]) {
    let a = fold(0x243f6a88, seed);
    let b = fold(0x85a308d3, seed);
    let c = fold(0x13198a2e, seed);
    for (const label of labels) {
      a = fold(a, label);
      b = fold(b, label);
      c = fold(c, label);
    }
    this.#a = a | 0;
    this.#b = b | 0;
    this.#c = c | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** Uniform in [0, 1), with 32 bits of resolution. */
  next(): number {
    const b = this.#b;
    const c = this.#c;
    const word = (this.#a + b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = b ^ (b >>> 9);
    this.#b = (c + (c << 3)) | 0;
    this.#c = (((c << 21) | (c >>> 11)) + word) | 0;
    return (word >>> 0) / 0x1_0000_0000;
  }

  /** Uniform integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.next() < p;
  }

  /** A copy in random order: every order is as likely as any other. */
  shuffled<T>(values: readonly T[]): T[] {
    const turns = [...values];
    for (let i = turns.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [turns[i], turns[j]] = [turns[j] as T, turns[i] as T];
    }
    return turns;
  }

  /** Standard normal (Box-Muller, one of the pair). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** exp(mu + sigma * N(0,1)). */
  logNormal(mu: number, sigma: number): number {
    return Math.exp(mu + sigma * this.normal());
  }

  /** Exponential with mean 1. */
  exponential(): number {
    return -Math.log(1 - this.next());
  }

  /** Failures before the first success; P(k) = p (1-p)^k. */
  geometric(p: number): number {
    return p >= 1 ? 0 : Math.floor(Math.log(1 - this.next()) / Math.log(1 - p));
  }

  /** Index drawn in proportion to the weights (linear; use an alias table for long lists). */
  weighted(weights: readonly number[]): number {
    let total = 0;
    for (const weight of weights) total += weight;
    let rest = this.next() * total;
    for (let i = 0; i < weights.length; i++) {
      rest -= weights[i] as number;
      if (rest < 0) return i;
    }
    return weights.length - 1;
  }
}
