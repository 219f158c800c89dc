import type { Recording } from '../../scenario/recording.ts';
import { Permutation } from '../world/assortment.ts';
import { LoadClock } from '../world/curve.ts';
import { memberCount, memberId } from '../world/members.ts';
import type { RecordedTape } from '../world/recorded-tape.ts';
import { storeHash } from '../world/world.ts';
import { MemberPool } from './member-pool.ts';
import type { Purchase, ReceiptLine, ReceiptSource } from './receipts.ts';
import type { StoreSimulation } from './store-simulation.ts';

/** Receipts as they were recorded, at the load's own pace; after the last one they begin again. */
export class RecordedReceipts implements ReceiptSource {
  readonly #simulation: StoreSimulation;
  readonly #tape: RecordedTape;
  readonly #receipts: Int32Array;
  readonly #clock: LoadClock;
  readonly #memberOf: (recorded: number) => string | null;
  #served = 0;
  #place = 0;

  constructor(simulation: StoreSimulation) {
    const { recorded } = simulation.world;
    if (recorded === null) throw new Error('the scenario has no recording');
    this.#simulation = simulation;
    this.#tape = recorded;
    this.#receipts = recorded.of(simulation.store.number);
    this.#clock = new LoadClock(recorded.curve, recorded.perMs, null);
    this.#memberOf = membersOf(simulation);
  }

  nextMs(): number {
    const { length } = this.#receipts;
    if (length === 0) return Number.POSITIVE_INFINITY;
    const { place } = this.#tape;
    const lap = Math.floor(this.#served / length);
    const at = lap * place.length + (place[this.#current()] as number);
    const more = at - this.#place;
    this.#place = at;
    return this.#clock.after(more);
  }

  purchase(): Purchase {
    const receipt = this.#current();
    this.#served++;
    const { recording } = this.#tape;
    const { skus } = this.#simulation.world.scenario.retail;
    const lines: ReceiptLine[] = [];
    const end = recording.firstLine[receipt + 1] as number;
    for (let i = recording.firstLine[receipt] as number; i < end; i++) {
      lines.push(lineAt(recording, i, skus));
    }
    return {
      type: isReturn(lines) ? 'return' : 'sale',
      of: null,
      memberId: this.#memberOf(recording.member[receipt] as number),
      lines,
      // What was recorded is what was taken: nothing is added to it.
      taxCents: 0,
    };
  }

  #current(): number {
    return this.#receipts[this.#served % this.#receipts.length] as number;
  }
}

/** More products than SKUs go round again: the rarer ones share a SKU with a frequent one. */
function lineAt(recording: Recording, i: number, skus: number): ReceiptLine {
  const quantity = recording.quantity[i] as number;
  const discountCents = recording.discountCents[i] as number;
  const extendedCents = (recording.amountCents[i] as number) + discountCents;
  return {
    rank: (recording.product[i] as number) % skus,
    quantity,
    priceCents: quantity === 0 ? Math.abs(extendedCents) : Math.round(extendedCents / quantity),
    extendedCents,
    discountCents,
  };
}

/** A receipt on which things are only brought back. */
function isReturn(lines: readonly { readonly quantity: number }[]): boolean {
  return lines.some(({ quantity }) => quantity < 0) && !lines.some(({ quantity }) => quantity > 0);
}

/** Recorded members are members of the scenario, each another one while there are enough. */
function membersOf(simulation: StoreSimulation): (recorded: number) => string | null {
  const { world } = simulation;
  if (world.scenario.traffic.pos?.tape?.map.columns.member === undefined) {
    const pool = new MemberPool(simulation);
    return () => pool.atTill();
  }
  const members = memberCount(world);
  const numbers = new Permutation(members, storeHash(world, 0, 'recorded-members'));
  return (recorded) => (recorded < 0 ? null : memberId(1 + numbers.apply(recorded % members)));
}
