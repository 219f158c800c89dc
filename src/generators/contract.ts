import { STOCK } from '../scenario/scenario.ts';
import type { TapeEvent } from './event.ts';

/**
 * What the pipeline under test must do with a message, given those appended before it:
 * - `row`: show it (in an upsert table: it is the newest of its key so far)
 * - `duplicate`: drop it, because a message with the same event id was appended before
 * - `guarded`: ignore it, because an image of the same key with the same or a higher version was appended before
 * - `dead_letter`: reject it, because it is damaged
 */
export type Expect = 'row' | 'duplicate' | 'guarded' | 'dead_letter';

/** What CONTRACT expects of each message. Messages of a store must be passed in append order. */
export type Contract = (event: TapeEvent) => Expect;

/**
 * CONTRACT for the stores whose messages are passed to it. It judges what goes over the wire (ids, versions,
 * damage), not the generator's labels: a tape that used an id twice by accident is judged by the same rule as the
 * pipeline.
 */
export function contract(): Contract {
  const seen = new IdSet();
  const newest = new Map<string, number>();
  return (event) => {
    const { row, fault } = event.truth;
    if (fault?.kind === 'malformed') return 'dead_letter';
    if (event.stream === STOCK) {
      if (row === null) throw new Error(`${event.stream} event ${event.id} says no row`);
      const key = `${event.store}/${row.sku}`;
      const version = newest.get(key);
      if (version !== undefined && version >= row.version) return 'guarded';
      newest.set(key, row.version);
      return 'row';
    }
    return seen.add(`${event.stream}/${event.id}`) ? 'row' : 'duplicate';
  };
}

/**
 * A set of ids that stores 64 bits of each instead of its text: for ten million events it needs 300 MB less, and
 * V8's Set is limited to 16.7 million entries. The probability of a collision is n^2 / 2^65: 3e-6 at ten million.
 */
export class IdSet {
  #high: Uint32Array;
  #low: Uint32Array;
  #size = 0;

  constructor(capacity = 1 << 12) {
    this.#high = new Uint32Array(capacity);
    this.#low = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an id; false if the set has it. */
  add(id: string): boolean {
    const [high, low] = hash64(id);
    if (!this.#insert(high, low)) return false;
    this.#size++;
    if (this.#size * 2 > this.#high.length) this.#grow();
    return true;
  }

  /** Linear probing; the pair (0, 0) marks a free slot, so hash64 never gives it. */
  #insert(high: number, low: number): boolean {
    const mask = this.#high.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      if (this.#high[slot] === 0 && this.#low[slot] === 0) {
        this.#high[slot] = high;
        this.#low[slot] = low;
        return true;
      }
      if (this.#high[slot] === high && this.#low[slot] === low) return false;
    }
  }

  #grow(): void {
    const high = this.#high;
    const low = this.#low;
    this.#high = new Uint32Array(high.length * 2);
    this.#low = new Uint32Array(low.length * 2);
    for (let slot = 0; slot < high.length; slot++) {
      const h = high[slot] as number;
      const l = low[slot] as number;
      if (h !== 0 || l !== 0) this.#insert(h, l);
    }
  }
}

/** Two lanes of multiply-and-mix that are combined at the end (after cyrb53, widened to 64 bits). */
function hash64(text: string): readonly [high: number, low: number] {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return [a >>> 0, a === 0 && b === 0 ? 1 : b >>> 0];
}
