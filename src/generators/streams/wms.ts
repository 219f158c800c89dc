import type { Random } from '../../core/random.ts';
import { CASE_PACK } from '../stock/stock.ts';
import { DELAYS, type Delay, drawDelay, Leftovers } from '../world/delays.ts';
import { drawQuantity } from '../world/world.ts';
import type { Order } from './cart.ts';
import { pickupsPerHuman } from './funnel.ts';
import type { Handling, StoreSimulation } from './store-simulation.ts';

/** Events per unit sold, in a steady state. */
export const PER_UNIT = {
  /** Lines received in the store and picked for it: a case for every eight units. */
  reorders: 1 / CASE_PACK,
  /** Lines received, and then put away, in the distribution centre. */
  dcReceipts: 0.03,
  counts: 0.025,
  damage: 0.002,
} as const;
/** Of picks in the distribution centre: how many are packed, and how many close a shipment. */
export const PACKED = 60 / 125;
export const SHIPPED = 6 / 125;
const DC_PALLET_LINE = Math.round(CASE_PACK * (125 / 30));
/** Of returned units that were looked at. */
const RESTOCKED = 0.7;
/** Of pickup lines: not there or not found; picked wrong; picked and never fetched. */
const SHORT_PICKS = 0.03;
const MISPICKS = 0.005;
const NO_SHOWS = 0.05;
const STORES_PER_DC = 100;

interface Warehouse {
  sold(rank: number, units: number, atMs: number): void;
  returned(rank: number, units: number, reference: string, atMs: number): void;
  ordered(order: Order, atMs: number): void;
}

const NOBODY: Warehouse = { sold: () => {}, returned: () => {}, ordered: () => {} };

/**
 * The warehouse side of one store: it follows what is sold, hours later, and starts in a steady state
 * (see delays.ts). BOOK learns of theft and mispicks only from a count. Nothing waits for
 * stock: a pick takes what BOOK says is there, or more.
 */
export function startWms(simulation: StoreSimulation): Warehouse {
  const { wms } = simulation.world.scenario.traffic;
  if (wms === null) return NOBODY;
  return new Backroom(simulation, wms.shrink);
}

type Work = (rank: number, units: number, atMs: number) => void;

class Backroom implements Warehouse {
  readonly #simulation: StoreSimulation;
  readonly #dc: string;
  /** Stock leaves by theft at the rate of shrink that damage does not explain. */
  readonly #theft: number;
  readonly #thefts: Random;
  readonly #picks: Random;
  readonly #inspections: Random;
  readonly #reorders: Random;
  readonly #counts: Random;
  readonly #damages: Random;
  #orders = 0;

  constructor(simulation: StoreSimulation, shrink: number) {
    this.#simulation = simulation;
    this.#dc = `dc-${1 + Math.floor((simulation.store.number - 1) / STORES_PER_DC)}`;
    this.#theft = Math.max(0, shrink - PER_UNIT.damage);
    this.#thefts = simulation.random('wms-theft');
    this.#picks = simulation.random('wms-picks');
    this.#inspections = simulation.random('wms-inspections');
    this.#reorders = simulation.random('wms-reorders');
    this.#counts = simulation.random('wms-counts');
    this.#damages = simulation.random('wms-damage');
    this.#takeUp();
  }

  sold(rank: number, units: number, atMs: number): void {
    const theft = this.#thefts;
    for (let unit = 0; unit < units; unit++) {
      // Drawn first: what is left on the shelf must not move the draws that follow.
      const stolen = theft.chance(this.#theft) && this.#simulation.physical(rank) > 0;
      if (stolen) this.#simulation.drift(rank, atMs, -1, 'theft');
      if (this.#counts.chance(PER_UNIT.counts)) {
        this.#later(this.#counts, DELAYS.count, atMs, (t) => this.#count(rank, t));
      }
      if (this.#damages.chance(PER_UNIT.damage)) {
        this.#later(this.#damages, DELAYS.damage, atMs, (t) => this.#damage(rank, t));
      }
      if (this.#damages.chance(PER_UNIT.dcReceipts)) {
        this.#later(this.#damages, DELAYS.dcPick, atMs, (t) => this.#dcReceive(rank, t));
      }
    }
    this.#gone(rank, units, atMs);
  }

  returned(rank: number, units: number, reference: string, atMs: number): void {
    this.#later(this.#inspections, DELAYS.inspect, atMs, (t) =>
      this.#inspect(rank, units, reference, t),
    );
  }

  ordered(order: Order, atMs: number): void {
    this.#later(this.#picks, DELAYS.pick, atMs, (t) => this.#pick(order, t));
  }

  /** The work that lay there at t0. */
  #takeUp(): void {
    const { world, store, opening, shelf } = this.#simulation;
    for (const { doneMs, reference, item } of opening.pending.returns) {
      this.#simulation.at(doneMs, (t) => this.#inspect(item.rank, item.quantity, reference, t));
    }
    for (const { doneMs, id, items } of opening.pending.orders) {
      this.#simulation.at(doneMs, (t) => this.#pick({ id, items }, t));
    }
    const unitsPerMs = store.receiptsPerMs * store.curve.before * world.meanUnits;
    const follow = (purpose: string, perUnit: number, delay: Delay, work: Work) => {
      const own = this.#simulation.random(`wms-before-${purpose}`);
      const due = new Leftovers(unitsPerMs * perUnit, delay, own);
      const next = () =>
        this.#simulation.at(due.next(), (t) => {
          work(shelf.draw(own), drawQuantity(own), t);
          next();
        });
      next();
    };
    follow('reorders', PER_UNIT.reorders, DELAYS.dcPick, (rank, _, t) =>
      this.#dcPick(rank, this.#orderId(), t),
    );
    follow('receipts', PER_UNIT.reorders, DELAYS.replenish, (rank, _, t) =>
      this.#receive(rank, this.#orderId(), t),
    );
    follow('dc-receipts', PER_UNIT.dcReceipts, DELAYS.dcPick, (rank, _, t) =>
      this.#dcReceive(rank, t),
    );
    follow('dc-putaway', PER_UNIT.dcReceipts, DELAYS.dockToStock, (rank, _, t) =>
      this.#dcPutAway(rank, t),
    );
    follow('counts', PER_UNIT.counts, DELAYS.count, (rank, _, t) => this.#count(rank, t));
    follow('damage', PER_UNIT.damage, DELAYS.damage, (rank, _, t) => this.#damage(rank, t));
    const { cart } = world.scenario.traffic;
    if (cart !== null) {
      const orders = (1 - cart.bots) * pickupsPerHuman(cart.pickup) * NO_SHOWS;
      const own = this.#simulation.random('wms-before-no-shows');
      const perMs = world.sessionsPerMs * store.size * world.webCurve.before * orders;
      const due = new Leftovers(perMs, DELAYS.noShow, own);
      const next = () =>
        this.#simulation.at(due.next(), (t) => {
          this.#putBack(
            shelf.drawOnline(own, null),
            drawQuantity(own),
            `ORD-${store.number}-before`,
            t,
          );
          next();
        });
      next();
    }
  }

  #later(own: Random, delay: Delay, atMs: number, work: (atMs: number) => void): void {
    this.#simulation.at(atMs + drawDelay(own, delay), work);
  }

  /** Units gone from BOOK: every case of them is reordered. */
  #gone(rank: number, units: number, atMs: number): void {
    const row = this.#simulation.row(rank);
    row.towardsReorder += units;
    while (row.towardsReorder >= CASE_PACK) {
      row.towardsReorder -= CASE_PACK;
      const reference = this.#orderId();
      this.#later(this.#reorders, DELAYS.dcPick, atMs, (t) => this.#dcPick(rank, reference, t));
    }
  }

  #orderId(): string {
    return `REP-${this.#simulation.store.number}-${++this.#orders}`;
  }

  #dcPick(rank: number, reference: string, atMs: number): void {
    const at = (step: string, onHand: number) =>
      this.#simulation.handle(
        rank,
        atMs,
        CASE_PACK,
        { onHand },
        { step, disposition: 'in_transit', reason: null, reference },
        this.#dc,
      );
    at('picking', -CASE_PACK);
    if (this.#reorders.chance(PACKED)) at('packing', 0);
    if (this.#reorders.chance(SHIPPED)) at('shipping', 0);
    this.#later(this.#reorders, DELAYS.replenish, atMs, (t) => this.#receive(rank, reference, t));
  }

  #receive(rank: number, reference: string, atMs: number): void {
    this.#simulation.book(
      rank,
      atMs,
      { onHand: CASE_PACK },
      CASE_PACK,
      done('receiving', 'received', reference),
    );
  }

  #dcReceive(rank: number, atMs: number): void {
    const what = done('receiving', 'received', null);
    this.#simulation.handle(rank, atMs, DC_PALLET_LINE, { onHand: DC_PALLET_LINE }, what, this.#dc);
    this.#later(this.#damages, DELAYS.dockToStock, atMs, (t) => this.#dcPutAway(rank, t));
  }

  #dcPutAway(rank: number, atMs: number): void {
    this.#simulation.handle(rank, atMs, DC_PALLET_LINE, {}, done('storing', null, null), this.#dc);
  }

  /** BOOK learns what is really there. */
  #count(rank: number, atMs: number): void {
    const { drift } = this.#simulation.row(rank);
    if (drift !== 0) this.#simulation.drift(rank, atMs, -drift, 'count');
    const reason = drift < 0 ? 'shrinkage' : drift > 0 ? 'correction' : 'cycle_count_available';
    this.#simulation.book(
      rank,
      atMs,
      { onHand: drift },
      Math.abs(drift),
      done('cycle_counting', reason, null),
    );
    // What turned up need not be ordered again.
    this.#gone(rank, -drift, atMs);
  }

  #damage(rank: number, atMs: number): void {
    this.#simulation.book(rank, atMs, { onHand: -1 }, 1, damaged(null));
    this.#gone(rank, 1, atMs);
  }

  #inspect(rank: number, units: number, reference: string, atMs: number): void {
    if (this.#inspections.chance(RESTOCKED)) {
      this.#simulation.book(
        rank,
        atMs,
        { unavailable: -units },
        units,
        done('stocking', 'restock', reference),
      );
      this.#gone(rank, -units, atMs);
    } else {
      this.#simulation.book(
        rank,
        atMs,
        { onHand: -units, unavailable: -units },
        units,
        damaged(reference),
      );
    }
  }

  #pick(order: Order, atMs: number): void {
    const own = this.#picks;
    const reference = order.id;
    const noShow = own.chance(NO_SHOWS);
    for (const { rank, quantity } of order.items) {
      if (own.chance(SHORT_PICKS)) {
        const what = {
          step: 'void_shipping',
          disposition: 'sellable_accessible',
          reason: 'did_not_occur',
          reference,
        };
        this.#simulation.book(rank, atMs, { committed: -quantity }, quantity, what);
        continue;
      }
      const what = { step: 'picking', disposition: 'reserved', reason: null, reference };
      this.#simulation.book(
        rank,
        atMs,
        { onHand: -quantity, committed: -quantity },
        quantity,
        what,
      );
      this.#gone(rank, quantity, atMs);
      if (own.chance(MISPICKS)) this.#mispick(rank, quantity, atMs);
      if (noShow) {
        this.#later(own, DELAYS.noShow, atMs, (t) => this.#putBack(rank, quantity, reference, t));
      }
    }
  }

  /** Another SKU left the shelf than the one that BOOK says. */
  #mispick(rank: number, units: number, atMs: number): void {
    const other = this.#simulation.shelf.draw(this.#picks);
    if (other === rank) return;
    const mistaken = Math.min(units, this.#simulation.physical(other));
    if (mistaken === 0) return;
    this.#simulation.drift(rank, atMs, mistaken, 'mispick');
    this.#simulation.drift(other, atMs, -mistaken, 'mispick');
  }

  #putBack(rank: number, units: number, reference: string, atMs: number): void {
    this.#simulation.book(
      rank,
      atMs,
      { onHand: units },
      units,
      done('stocking', 'restock', reference),
    );
    this.#gone(rank, -units, atMs);
  }
}

function done(step: string, reason: string | null, reference: string | null): Handling {
  return { step, disposition: 'sellable_accessible', reason, reference };
}

function damaged(reference: string | null): Handling {
  return { step: 'stocking', disposition: 'damaged', reason: 'damaged', reference };
}
