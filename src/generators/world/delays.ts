import { type LogNormal, logNormalOf, survival } from '../../core/distributions.ts';
import type { Random } from '../../core/random.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long something takes: a log-normal law that ends at `capMs`. */
export interface Delay {
  readonly law: LogNormal;
  readonly capMs: number;
}

function delay(medianMs: number, sigma: number, capMs: number): Delay {
  return { law: logNormalOf(medianMs, sigma), capMs };
}

/**
 * How long work in a store takes. These are the delays of the real world, hours against a run of
 * minutes, and they are not shortened: a run starts in a steady state instead, in which what was
 * sold, ordered and promised before t0 falls due now. So every stream flows from the first second at
 * its usual rate, and what a run itself sets going is mostly done after its end.
 * Picking is published (median 20 min); the rest are estimates around published ones (dock to stock 4-8 h).
 */
export const DELAYS = {
  /** A pickup order until it is picked. */
  pick: delay(20 * MINUTE_MS, 0.8, 4 * HOUR_MS),
  /** From a return until its inspection. */
  inspect: delay(2 * HOUR_MS, 0.6, 12 * HOUR_MS),
  /** A reorder until the distribution centre picks it. */
  dcPick: delay(3 * HOUR_MS, 0.5, 12 * HOUR_MS),
  /** From there until it is received in the store. */
  replenish: delay(8 * HOUR_MS, 0.4, 24 * HOUR_MS),
  /** Goods in the dock of the distribution centre until they are put away. */
  dockToStock: delay(5 * HOUR_MS, 0.4, 16 * HOUR_MS),
  /** From a sale until its SKU is counted or damaged. */
  count: delay(6 * HOUR_MS, 0.5, 24 * HOUR_MS),
  damage: delay(3 * HOUR_MS, 0.5, 12 * HOUR_MS),
  /** From picking an order that is never fetched until it is back on the shelf. */
  noShow: delay(48 * HOUR_MS, 0.3, 120 * HOUR_MS),
} as const satisfies Readonly<Record<string, Delay>>;

/** One delay, ms, not rounded. */
export function drawDelay(random: Random, { law, capMs }: Delay): number {
  return Math.min(capMs, random.logNormal(law.mu, law.sigma));
}

/** P(still not done after `ms`). */
export function stillWaiting({ law, capMs }: Delay, ms: number): number {
  return ms >= capMs ? 0 : survival(law, ms);
}

/**
 * Times after t0 at which work that came in before t0, at a constant rate, is done: a Poisson process
 * thinned by the chance that it took so long (an M/G/infinity queue in steady state).
 */
export class Leftovers {
  readonly #perMs: number;
  readonly #delay: Delay;
  readonly #random: Random;
  #atMs = 0;

  constructor(perMs: number, delay: Delay, random: Random) {
    this.#perMs = perMs;
    this.#delay = delay;
    this.#random = random;
  }

  /** The next one's offset in ms, or infinity after the last. */
  next(): number {
    if (!(this.#perMs > 0)) return Number.POSITIVE_INFINITY;
    while (this.#atMs < this.#delay.capMs) {
      this.#atMs += this.#random.exponential() / this.#perMs;
      if (this.#random.chance(stillWaiting(this.#delay, this.#atMs))) return this.#atMs;
    }
    return Number.POSITIVE_INFINITY;
  }
}
