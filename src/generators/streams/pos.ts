import type { Random } from '../../core/random.ts';
import { isShownTwice } from '../../core/wall-clock.ts';
import type { Label, Traffic } from '../../scenario/scenario.ts';
import { storeHash } from '../world/world.ts';
import { DrawnReceipts } from './drawn.ts';
import { netCents, type Purchase, type ReceiptLine, type ReceiptSource } from './receipts.ts';
import { RecordedReceipts } from './recorded.ts';
import { Sequences } from './sequences.ts';
import { NOTHING_UNUSUAL, type StoreSimulation } from './store-simulation.ts';

/** A receipt as the other streams of the store hear of it. */
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

/** US stores; the split of the rest after a quarter of cash is an estimate. */
export const PAYMENTS = [
  ['debit', 0.35],
  ['credit', 0.33],
  ['cash', 0.25],
  ['wallet', 0.05],
  ['gift_card', 0.02],
] as const;
const PAYMENT_SHARES = PAYMENTS.map(([, share]) => share);

/** Where receipts come from: drawn from laws, or read from a recording. */
const SOURCES: Readonly<
  Record<'generated' | 'tape', (simulation: StoreSimulation, own: Random) => ReceiptSource>
> = {
  generated: (simulation, own) => new DrawnReceipts(simulation, own),
  tape: (simulation) => new RecordedReceipts(simulation),
};

/**
 * The tills of a store. Nothing here looks at the stock: a receipt is what customers want, and a sale
 * that BOOK has no unit for is a negative on-hand, which real books have too. Post-voids and suspended
 * receipts are not in the wire format and are left out, as are fuel volumes.
 */
export function startPos(
  simulation: StoreSimulation,
  onReceipt: (receipt: Receipt, atMs: number) => void,
): void {
  const { pos } = simulation.world.scenario.traffic;
  if (pos === null) return;
  const own = simulation.random('pos');
  const source = SOURCES[pos.tape === null ? 'generated' : 'tape'](simulation, own);
  const tills = new Tills(simulation, pos, own, source);
  const serve = (atMs: number) => {
    const receipt = tills.receipt(atMs);
    if (!receipt.training) onReceipt(receipt, atMs);
    simulation.at(source.nextMs(), serve);
  };
  simulation.at(source.nextMs(), serve);
}

class Tills {
  readonly #simulation: StoreSimulation;
  readonly #pos: NonNullable<Traffic['pos']>;
  readonly #random: Random;
  readonly #source: ReceiptSource;
  readonly #trainings: Random;
  readonly #sequences: Sequences;
  #receipts = 0;

  constructor(
    simulation: StoreSimulation,
    pos: NonNullable<Traffic['pos']>,
    own: Random,
    source: ReceiptSource,
  ) {
    this.#simulation = simulation;
    this.#pos = pos;
    this.#random = own;
    this.#source = source;
    this.#trainings = simulation.random('pos-training');
    const tills = storeHash(simulation.world, simulation.store.number, 'sequences');
    this.#sequences = new Sequences(pos.sequenceTo, tills);
  }

  /** The next receipt: on the wire, and what came of it for the other streams. */
  receipt(atMs: number): Receipt {
    const { store } = this.#simulation;
    const own = this.#random;
    const id = `STORE_${store.number}_TXN_${++this.#receipts}`;
    const training = this.#trainings.chance(this.#pos.training);
    const purchase = this.#source.purchase(id, atMs, training);
    const { type, memberId, lines, taxCents } = purchase;
    const terminal = 1 + own.integer(store.terminals);
    const payment = PAYMENTS[own.weighted(PAYMENT_SHARES)] as (typeof PAYMENTS)[number];
    const totalCents = netCents(lines) + taxCents;
    const receipt: Receipt = { id, type, terminal, memberId, lines, totalCents, training };
    this.#ring(receipt, purchase, { atMs, payment: payment[0] });
    return receipt;
  }

  #ring(
    receipt: Receipt,
    { of, taxCents }: Purchase,
    more: { readonly atMs: number; readonly payment: string },
  ): void {
    const { store, world } = this.#simulation;
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
    this.#simulation.emit(
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
        return_of: of,
        customer_id: receipt.memberId,
        payment_method: more.payment,
        currency: 'USD',
        total_cents: receipt.totalCents,
        discount_cents: receipt.lines.reduce((sum, line) => sum + line.discountCents, 0),
        tax_cents: taxCents,
        lines: receipt.lines.map((line, i) => ({
          line_no: i + 1,
          sku_id: world.skuOfRank[line.rank] as number,
          quantity: line.quantity,
          unit_price_cents: line.priceCents,
          extended_cents: line.extendedCents,
        })),
      },
      { ...NOTHING_UNUSUAL, labels, cents: training ? 0 : receipt.totalCents },
    );
  }
}
