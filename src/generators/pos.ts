import { drawRounded, logNormalOf } from '../core/distributions.ts';
import { type Random, random } from '../core/random.ts';
import { isShownTwice } from '../core/wall-clock.ts';
import type { Label, Traffic } from '../scenario/scenario.ts';
import { Arrivals } from './curve.ts';
import type { Desk } from './desk.ts';
import { MemberPool } from './members.ts';
import { Sequences } from './sequences.ts';
import { hotSetAt } from './shelf.ts';
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
} from './world.ts';

/** A line of a receipt; of a return, quantity and amount are negative. */
export interface ReceiptLine {
  readonly rank: number;
  readonly quantity: number;
  readonly priceCents: number;
  readonly discountCents: number;
}

export interface Receipt {
  readonly id: string;
  readonly type: 'sale' | 'return';
  /** The till's number, from 1. */
  readonly terminal: number;
  readonly memberId: string | null;
  readonly lines: readonly ReceiptLine[];
  readonly totalCents: number;
  /** Rung up to learn it: nothing was sold, whatever it says. */
  readonly training: boolean;
}

/** US stores; how the rest splits beside a quarter of cash is an estimate. */
export const PAYMENTS = [
  ['debit', 0.35],
  ['credit', 0.33],
  ['cash', 0.25],
  ['wallet', 0.05],
  ['gift_card', 0.02],
] as const;
const PAYMENT_SHARES = PAYMENTS.map(([, share]) => share);
/** How long ago something returned was bought. */
const RETURN_DELAY_DAYS = logNormalOf(9, 0.9);
/**
 * Share of returns that undo one of the last few sales at the same store (found wrong at the door).
 * An estimate; without it no return of a short run would refer to a sale of that run.
 */
const RETURNED_AT_ONCE = 0.1;
const RECENT_SALES = 16;
const DAY_MS = 86_400_000;

/**
 * The tills of a store. Nothing here looks at the stock: a receipt is what customers want, and a sale
 * that BOOK has no unit for is a negative on-hand, which real books have too. Post-voids and suspended
 * receipts are not in the wire format and are left out, as are fuel volumes.
 */
export function startPos(desk: Desk, onReceipt: (receipt: Receipt, atMs: number) => void): void {
  const { world, store } = desk;
  const { pos } = world.scenario.traffic;
  if (pos === null) return;
  const noise =
    world.scenario.retail.hours === 'curve' ? storeHash(world, store.number, 'hours') : null;
  const arrivals = new Arrivals(store.curve, store.receiptsPerMs, desk.random('pos-times'), noise);
  const tills = new Tills(desk, pos);
  const serve = (atMs: number) => {
    const receipt = tills.receipt(atMs);
    if (!receipt.training) onReceipt(receipt, atMs);
    desk.at(arrivals.next(), serve);
  };
  desk.at(arrivals.next(), serve);
}

class Tills {
  readonly #desk: Desk;
  readonly #pos: NonNullable<Traffic['pos']>;
  readonly #random: Random;
  readonly #trainings: Random;
  readonly #members: MemberPool;
  readonly #sequences: Sequences;
  readonly #returned = new Set<number>();
  readonly #recent: Receipt[] = [];
  #receipts = 0;

  constructor(desk: Desk, pos: NonNullable<Traffic['pos']>) {
    this.#desk = desk;
    this.#pos = pos;
    this.#random = desk.random('pos');
    this.#trainings = desk.random('pos-training');
    const tills = storeHash(desk.world, desk.store.number, 'sequences');
    this.#sequences = new Sequences(pos.sequenceTo, tills);
    this.#members = new MemberPool(desk);
  }

  /** The next receipt: on the wire, and what came of it for the other streams. */
  receipt(atMs: number): Receipt {
    const { store } = this.#desk;
    const n = ++this.#receipts;
    const own = this.#random;
    const returned = own.chance(this.#pos.returns) ? this.#drawReturn() : null;
    const lines = returned?.lines ?? drawLines(this.#desk, own, hotSetAt(this.#desk.world, atMs));
    const net = lines.reduce((sum, line) => sum + extended(line) - line.discountCents, 0);
    const taxCents = Math.round(net * store.taxRate);
    const terminal = 1 + own.integer(store.terminals);
    const payment = PAYMENTS[own.weighted(PAYMENT_SHARES)] as (typeof PAYMENTS)[number];
    const receipt: Receipt = {
      id: `STORE_${store.number}_TXN_${n}`,
      type: returned === null ? 'sale' : 'return',
      terminal,
      memberId: this.#members.atTill(),
      lines,
      totalCents: net + taxCents,
      training: this.#trainings.chance(this.#pos.training),
    };
    this.#ring(receipt, { atMs, taxCents, payment: payment[0], of: returned?.id ?? null });
    if (receipt.type === 'sale' && !receipt.training) {
      this.#recent.push(receipt);
      if (this.#recent.length > RECENT_SALES) this.#recent.shift();
    }
    return receipt;
  }

  #ring(
    receipt: Receipt,
    more: {
      readonly atMs: number;
      readonly taxCents: number;
      readonly payment: string;
      readonly of: string | null;
    },
  ): void {
    const { store, world } = this.#desk;
    const { terminal, training, type } = receipt;
    const localTime = store.curve.localTimeAt(more.atMs);
    const businessDay = localTime.slice(0, 10);
    const { sequence, again } = this.#sequences.next(terminal, businessDay);
    const labels: Label[] = [];
    if (world.scenario.retail.clocks === 'us' && isShownTwice(store.curve.clock, more.atMs)) {
      labels.push('clock_change');
    }
    if (training) labels.push('training');
    if (type === 'return') labels.push('return');
    if (again) labels.push('sequence_wrap');
    this.#desk.emit(
      'pos',
      more.atMs,
      terminal,
      {
        event_type: 'RetailTransaction',
        transaction_id: receipt.id,
        terminal_id: terminal,
        sequence_number: sequence,
        business_day: businessDay,
        local_time: localTime,
        type,
        training,
        return_of: more.of,
        customer_id: receipt.memberId,
        payment_method: more.payment,
        currency: 'USD',
        total_cents: receipt.totalCents,
        discount_cents: receipt.lines.reduce((sum, line) => sum + line.discountCents, 0),
        tax_cents: more.taxCents,
        lines: receipt.lines.map((line, i) => ({
          line_no: i + 1,
          sku_id: world.skuOfRank[line.rank],
          quantity: line.quantity,
          unit_price_cents: line.priceCents,
          extended_cents: extended(line),
        })),
      },
      { labels, cents: training ? 0 : receipt.totalCents },
    );
  }

  /** Lines of an earlier sale, each sale at most once: of this run, or of the ledger before it. */
  #drawReturn(): { readonly id: string; readonly lines: readonly ReceiptLine[] } {
    const own = this.#random;
    const delayMs = own.logNormal(RETURN_DELAY_DAYS.mu, RETURN_DELAY_DAYS.sigma) * DAY_MS;
    if (own.chance(RETURNED_AT_ONCE)) {
      const recent = this.#recent.splice(own.integer(this.#recent.length), 1)[0];
      const lines = recent === undefined ? [] : this.#givenBack(recent.lines);
      if (recent !== undefined && lines.length > 0) return { id: recent.id, lines };
    }
    const { store, world } = this.#desk;
    // Sales before t0 are known by how many came after them; they are made when they are asked for.
    let ago = Math.floor(delayMs * store.receiptsPerMs);
    while (true) {
      while (this.#returned.has(ago)) ago++;
      this.#returned.add(ago);
      const sale = random(world.scenario.seed, 'pos-before', store.number, ago);
      const lines = this.#givenBack(drawLines(this.#desk, sale, null));
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
        discountCents: -Math.round((line.discountCents * quantity) / line.quantity),
      };
    });
  }
}

function extended({ quantity, priceCents }: ReceiptLine): number {
  return quantity * priceCents;
}

/** A basket: distinct SKUs, each with its quantity, price and perhaps a promo discount. */
function drawLines(desk: Desk, own: Random, hot: HotSet | null): readonly ReceiptLine[] {
  const { world, shelf } = desk;
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
    return { rank, quantity, priceCents, discountCents: Math.round(quantity * priceCents * depth) };
  });
}
