import { drawRounded, logNormalOf } from '../../core/distributions.ts';
import { type Random, random } from '../../core/random.ts';
import { Arrivals } from '../world/curve.ts';
import { hotSetAt } from '../world/shelf.ts';
import {
  DEEPEST_PROMO,
  drawQuantity,
  HOT_SHARE,
  type HotSet,
  PROMO_DEPTH,
  RETURNED_LINES_P,
  storeHash,
  ZERO_PRICE,
  ZERO_QUANTITY,
} from '../world/world.ts';
import { MemberPool } from './member-pool.ts';
import { netCents, type Purchase, type ReceiptLine, type ReceiptSource } from './receipts.ts';
import type { StoreSimulation } from './store-simulation.ts';

/** How long ago something returned was bought. */
const RETURN_DELAY_DAYS = logNormalOf(9, 0.9);
/**
 * Share of returns that undo one of the last few sales at the same store (found wrong at the door).
 * An estimate; without it no return of a short run would refer to a sale of that run.
 */
const RETURNED_AT_ONCE = 0.1;
const RECENT_SALES = 16;
const DAY_MS = 86_400_000;

interface Sale {
  readonly id: string;
  readonly lines: readonly ReceiptLine[];
}

/** Receipts drawn from the laws of the profile, in a Poisson process along the store's own curve. */
export class DrawnReceipts implements ReceiptSource {
  readonly #simulation: StoreSimulation;
  readonly #returns: number;
  readonly #random: Random;
  readonly #arrivals: Arrivals;
  readonly #members: MemberPool;
  readonly #returned = new Set<number>();
  readonly #recent: Sale[] = [];

  /** `own` is the randomness of the tills, which what is bought there shares. */
  constructor(simulation: StoreSimulation, own: Random) {
    const { world, store } = simulation;
    const noise =
      world.scenario.retail.hours === 'curve' ? storeHash(world, store.number, 'hours') : null;
    this.#simulation = simulation;
    this.#returns = world.scenario.traffic.pos?.returns ?? 0;
    this.#random = own;
    this.#arrivals = new Arrivals(
      store.curve,
      store.receiptsPerMs,
      simulation.random('pos-times'),
      noise,
    );
    this.#members = new MemberPool(simulation);
  }

  nextMs(): number {
    return this.#arrivals.next();
  }

  purchase(id: string, atMs: number, training: boolean): Purchase {
    const { world, store } = this.#simulation;
    const own = this.#random;
    const returned = own.chance(this.#returns) ? this.#drawReturn() : null;
    const lines = returned?.lines ?? drawLines(this.#simulation, own, hotSetAt(world, atMs));
    if (returned === null && !training) {
      this.#recent.push({ id, lines });
      if (this.#recent.length > RECENT_SALES) this.#recent.shift();
    }
    return {
      type: returned === null ? 'sale' : 'return',
      of: returned?.id ?? null,
      memberId: this.#members.atTill(),
      lines,
      taxCents: Math.round(netCents(lines) * store.taxRate),
    };
  }

  /** Lines of an earlier sale, each sale at most once: of this run, or of the ledger before it. */
  #drawReturn(): Sale {
    const own = this.#random;
    const delayMs = own.logNormal(RETURN_DELAY_DAYS.mu, RETURN_DELAY_DAYS.sigma) * DAY_MS;
    if (own.chance(RETURNED_AT_ONCE)) {
      const recent = this.#recent.splice(own.integer(this.#recent.length), 1)[0];
      const lines = recent === undefined ? [] : this.#givenBack(recent.lines);
      if (recent !== undefined && lines.length > 0) return { id: recent.id, lines };
    }
    const { store, world } = this.#simulation;
    // Sales before t0 are known by how many came after them; they are made when they are asked for.
    let ago = Math.floor(delayMs * store.receiptsPerMs);
    while (true) {
      while (this.#returned.has(ago)) ago++;
      this.#returned.add(ago);
      const sale = random(world.scenario.seed, 'pos-before', store.number, ago);
      const lines = this.#givenBack(drawLines(this.#simulation, sale, null));
      if (lines.length > 0) return { id: `STORE_${store.number}_BEFORE_${ago}`, lines };
    }
  }

  /** One line of a sale or a few, and not always all of its units. */
  #givenBack(sold: readonly ReceiptLine[]): readonly ReceiptLine[] {
    const own = this.#random;
    const able = sold.filter(({ quantity }) => quantity > 0);
    const count = Math.min(able.length, 1 + own.geometric(RETURNED_LINES_P));
    return Array.from({ length: count }, () => {
      const [line] = able.splice(own.integer(able.length), 1) as [ReceiptLine];
      const quantity = 1 + own.integer(line.quantity);
      return {
        rank: line.rank,
        quantity: -quantity,
        priceCents: line.priceCents,
        extendedCents: -quantity * line.priceCents,
        discountCents: -Math.round((line.discountCents * quantity) / line.quantity),
      };
    });
  }
}

/** A basket: distinct SKUs, each with its quantity, price and perhaps a promo discount. */
function drawLines(
  simulation: StoreSimulation,
  own: Random,
  hot: HotSet | null,
): readonly ReceiptLine[] {
  const { world, shelf } = simulation;
  const count = drawRounded(own, world.laws.basket, world.basketCap);
  const ranks = new Set<number>();
  let hotLines = 0;
  while (ranks.size < count) {
    const fromHot = hot !== null && hotLines < hot.ranks.length && own.chance(HOT_SHARE);
    let rank: number;
    do rank = fromHot ? (hot.ranks[hot.table.draw(own)] as number) : shelf.draw(own);
    while (ranks.has(rank));
    ranks.add(rank);
    if (hot?.ranks.includes(rank)) hotLines++;
  }
  return Array.from(ranks, (rank) => {
    const quantity = own.chance(ZERO_QUANTITY) ? 0 : drawQuantity(own);
    const priceCents = own.chance(ZERO_PRICE) ? 0 : (world.prices[rank] as number);
    const depth = own.chance(world.laws.promoShare)
      ? Math.min(DEEPEST_PROMO, own.logNormal(PROMO_DEPTH.mu, PROMO_DEPTH.sigma))
      : 0;
    const extendedCents = quantity * priceCents;
    return {
      rank,
      quantity,
      priceCents,
      extendedCents,
      discountCents: Math.round(extendedCents * depth),
    };
  });
}
