/** What a pacer needs to know of the things it paces. */
interface Timed {
  /** Intended send, ms from t0. */
  readonly dueMs: number;
}

/** A thing of the tape with what was prepared of it ahead of its time. */
export interface Paced<T> {
  readonly event: T;
  readonly value: Uint8Array;
}

/** How much a pacer hands out at once, and how far ahead it reads. */
export interface PacerLimits {
  /** Largest batch, in messages. */
  readonly batchCount: number;
  /** Largest batch, in bytes of values: a broker takes 1 MiB per partition and request. */
  readonly batchBytes: number;
  /** How far ahead of now the tape is read, ms. */
  readonly aheadMs: number;
  /** How much of it may wait in memory, in messages. */
  readonly aheadCount: number;
}

/**
 * A broker's limit of 1 MiB holds per partition; one batch may fall on a single one, and Kafka's own
 * framing of a message (key, header, lengths) comes on top of the values counted here.
 */
export const PACER_LIMITS: PacerLimits = {
  batchCount: 2_000,
  batchBytes: 700_000,
  aheadMs: 1_000,
  aheadCount: 20_000,
};

/**
 * A tape whose first event has been taken already, and which gives it all the same; to be read once.
 * The first event of a tape costs as much as all of its stores, seconds of it for thousands: that is
 * to be paid before t0 is chosen.
 */
export function started<T>(tape: Iterable<T>): Iterable<T> {
  const rest = tape[Symbol.iterator]();
  const first = rest.next();
  return {
    *[Symbol.iterator]() {
      for (let one = first; !one.done; one = rest.next()) yield one.value;
    },
  };
}

/**
 * Turns a tape into batches of what has fallen due: an open loop, since what falls due never waits
 * for an answer but becomes the next batch. Knows no clock: time comes in as offsets from t0.
 */
export class Pacer<T extends Timed> {
  readonly #tape: Iterator<T>;
  readonly #prepare: (event: T) => Uint8Array;
  readonly #limits: PacerLimits;
  #ahead: Paced<T>[] = [];
  #head = 0;
  #lastDueMs = Number.NEGATIVE_INFINITY;
  #cutMs = Number.POSITIVE_INFINITY;
  #ended = false;
  #takenUpToMs = Number.NEGATIVE_INFINITY;

  constructor(tape: Iterable<T>, prepare: (event: T) => Uint8Array, limits = PACER_LIMITS) {
    this.#tape = tape[Symbol.iterator]();
    this.#prepare = prepare;
    this.#limits = limits;
  }

  /** How many prepared messages wait. */
  get waiting(): number {
    return this.#ahead.length - this.#head;
  }

  /** Reads on at most `count` messages of the tape; false when enough is prepared. */
  fill(nowMs: number, count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (this.#ended || this.waiting >= this.#limits.aheadCount) return false;
      if (this.#lastDueMs > nowMs + this.#limits.aheadMs) return false;
      this.#pull();
    }
    return true;
  }

  /** The next batch of what fell due by now, in the tape's order; empty when nothing did. */
  due(nowMs: number): readonly Paced<T>[] {
    const batch: Paced<T>[] = [];
    let bytes = 0;
    while (batch.length < this.#limits.batchCount) {
      const next = this.#peek();
      if (next === undefined || next.event.dueMs > nowMs) break;
      bytes += next.value.byteLength;
      if (batch.length > 0 && bytes > this.#limits.batchBytes) break;
      batch.push(next);
      this.#head++;
      this.#takenUpToMs = next.event.dueMs;
    }
    this.#compact();
    return batch;
  }

  /** Due offset of the next message, ms; undefined when none is left before the cut. */
  nextDueMs(): number | undefined {
    return this.#peek()?.event.dueMs;
  }

  /** How many of the messages that wait were due by now (as far as the tape has been read). */
  overdue(nowMs: number): number {
    let low = this.#head;
    let high = this.#ahead.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { dueMs } = (this.#ahead[middle] as Paced<T>).event;
      if (dueMs <= nowMs && dueMs < this.#cutMs) low = middle + 1;
      else high = middle;
    }
    return low - this.#head;
  }

  /**
   * Nothing due at or after `cutMs` will be handed out. Returns the cut that is kept: later than
   * asked when messages beyond it are gone already. A second call moves it.
   */
  stopAt(cutMs: number): number {
    this.#cutMs = Math.max(cutMs, this.#takenUpToMs + 1);
    return this.#cutMs;
  }

  #peek(): Paced<T> | undefined {
    while (this.waiting === 0 && !this.#ended) this.#pull();
    const next = this.#ahead[this.#head];
    return next !== undefined && next.event.dueMs < this.#cutMs ? next : undefined;
  }

  #pull(): void {
    const { value: event, done } = this.#tape.next();
    if (done) {
      this.#ended = true;
      return;
    }
    if (event.dueMs < this.#lastDueMs) {
      throw new Error(`the tape goes back in time: ${event.dueMs} after ${this.#lastDueMs}`);
    }
    this.#lastDueMs = event.dueMs;
    this.#ahead.push({ event, value: this.#prepare(event) });
  }

  /** Drops the part handed out, now and then, so that taking from the front stays cheap. */
  #compact(): void {
    if (this.#head < 4_096 && this.waiting > 0) return;
    this.#ahead = this.#ahead.slice(this.#head);
    this.#head = 0;
  }
}
