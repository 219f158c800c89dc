/** The only field that a pacer reads of an event. */
interface Timed {
  /** Intended send, ms from t0. */
  readonly dueMs: number;
}

/** A message that was prepared ahead of time. */
export interface Paced extends Timed {
  readonly value: Uint8Array;
}

/** Limits of a batch and of reading ahead. */
export interface PacerLimits {
  /** Largest batch, in messages. */
  readonly batchCount: number;
  /** Largest batch, in bytes of values: a broker takes 1 MiB per partition and request. */
  readonly batchBytes: number;
  /** How far ahead of now the tape is read, ms; it is read again when half of that is left. */
  readonly aheadMs: number;
  /** Largest number of messages that wait in memory; the tape is read again when half of them are left. */
  readonly aheadCount: number;
}

/**
 * A broker accepts 1 MiB per partition and request, and a whole batch may fall on one partition.
 * Kafka's framing of a message (key, header, lengths) is not counted here and comes on top.
 */
export const PACER_LIMITS: PacerLimits = {
  batchCount: 2_000,
  batchBytes: 700_000,
  aheadMs: 250,
  aheadCount: 20_000,
};

/**
 * Generates the first event of a tape now and returns the whole tape, to be read once. The first
 * event builds all stores of the tape, which takes seconds for thousands of them: it has to happen
 * before t0 is chosen.
 */
export function withFirstEvent<T>(tape: Iterable<T>): Iterable<T> {
  const rest = tape[Symbol.iterator]();
  const first = rest.next();
  return {
    *[Symbol.iterator]() {
      for (let one = first; !one.done; one = rest.next()) yield one.value;
    },
  };
}

/**
 * Turns a tape into batches of due messages. It is an open loop: a due message does not wait for an
 * acknowledgement but joins the next batch. It has no clock: callers pass time as offsets from t0.
 */
export class Pacer<E extends Timed, M extends Paced> {
  readonly #tape: Iterator<E>;
  readonly #prepare: (event: E) => M;
  readonly #limits: PacerLimits;
  #ahead: M[] = [];
  #head = 0;
  #lastDueMs = Number.NEGATIVE_INFINITY;
  #cutMs = Number.POSITIVE_INFINITY;
  #ended = false;
  #filled = false;
  #takenUpToMs = Number.NEGATIVE_INFINITY;

  constructor(tape: Iterable<E>, prepare: (event: E) => M, limits = PACER_LIMITS) {
    this.#tape = tape[Symbol.iterator]();
    this.#prepare = prepare;
    this.#limits = limits;
  }

  /** Number of prepared messages that have not been handed out. */
  get waiting(): number {
    return this.#ahead.length - this.#head;
  }

  /**
   * Prepares at most `count` more messages; false when enough are prepared. Then it prepares none until half of
   * them are gone: many messages in one go find the generator's state in the processor's caches.
   */
  fill(nowMs: number, count: number): boolean {
    if (this.#filled && this.#isAhead(nowMs, 0.5)) return false;
    this.#filled = false;
    for (let i = 0; i < count; i++) {
      if (this.#isAhead(nowMs, 1)) {
        this.#filled = true;
        return false;
      }
      this.#pull();
    }
    return true;
  }

  /** The next batch of messages due by now, in the tape's order; empty when none is due. */
  due(nowMs: number): readonly M[] {
    const batch: M[] = [];
    let bytes = 0;
    while (batch.length < this.#limits.batchCount) {
      const next = this.#peek();
      if (next === undefined || next.dueMs > nowMs) break;
      bytes += next.value.byteLength;
      if (batch.length > 0 && bytes > this.#limits.batchBytes) break;
      batch.push(next);
      this.#head++;
      this.#takenUpToMs = next.dueMs;
    }
    this.#compact();
    return batch;
  }

  /** Due offset of the next message, ms; undefined when none is left before the cut. */
  nextDueMs(): number | undefined {
    return this.#peek()?.dueMs;
  }

  /** Due offset of the message that completes a batch of `count`, ms; undefined if fewer are prepared. */
  fullAtMs(count: number): number | undefined {
    return this.#ahead[this.#head + count - 1]?.dueMs;
  }

  /** Number of waiting messages that are due by now (as far as the tape has been read). */
  overdue(nowMs: number): number {
    let low = this.#head;
    let high = this.#ahead.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { dueMs } = this.#ahead[middle] as M;
      if (dueMs <= nowMs && dueMs < this.#cutMs) low = middle + 1;
      else high = middle;
    }
    return low - this.#head;
  }

  /**
   * Hands out nothing due at or after `cutMs`. Returns the effective cut: it is later than requested
   * if messages beyond it were already handed out. A second call moves it.
   */
  stopAt(cutMs: number): number {
    this.#cutMs = Math.max(cutMs, this.#takenUpToMs + 1);
    return this.#cutMs;
  }

  #isAhead(nowMs: number, share: number): boolean {
    const { aheadMs, aheadCount } = this.#limits;
    if (this.#ended || this.waiting >= aheadCount * share) return true;
    return this.#lastDueMs > nowMs + aheadMs * share;
  }

  #peek(): M | undefined {
    while (this.waiting === 0 && !this.#ended) this.#pull();
    const next = this.#ahead[this.#head];
    return next !== undefined && next.dueMs < this.#cutMs ? next : undefined;
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
    this.#ahead.push(this.#prepare(event));
  }

  /** Drops the messages handed out, in large steps, so that taking from the front stays cheap. */
  #compact(): void {
    if (this.#head < 4_096 && this.waiting > 0) return;
    this.#ahead = this.#ahead.slice(this.#head);
    this.#head = 0;
  }
}
