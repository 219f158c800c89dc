import { fixedUniform } from '../world/world.ts';

/** A receipt's number at its till. */
interface Numbered {
  readonly sequence: number;
  /** Whether the till has given this number before on that business day: the key of a receipt, twice. */
  readonly again: boolean;
}

/**
 * Sequence numbers of a store's tills. Each till counts up by one and, after its last number, from 1 again; where it stands
 * at t0 is a fixed property of it, so that short runs see wraps too. Without a last number it starts at 1.
 */
export class Sequences {
  readonly #last: number | null;
  readonly #hash: number;
  readonly #tills = new Map<number, { sequence: number; day: string; rung: number }>();

  constructor(last: number | null, hash: number) {
    this.#last = last;
    this.#hash = hash;
  }

  next(terminal: number, businessDay: string): Numbered {
    let till = this.#tills.get(terminal);
    if (till === undefined) {
      const sequence =
        this.#last === null ? 0 : Math.floor(fixedUniform(this.#hash, terminal) * this.#last);
      till = { sequence, day: businessDay, rung: 0 };
      this.#tills.set(terminal, till);
    }
    if (till.day !== businessDay) {
      till.day = businessDay;
      till.rung = 0;
    }
    till.sequence = this.#last === null ? till.sequence + 1 : (till.sequence % this.#last) + 1;
    // Numbers follow each other, so a number comes again as soon as all of them were given.
    return { sequence: till.sequence, again: till.rung++ >= (this.#last ?? Infinity) };
  }
}
