import type { Scenario } from '../../scenario/scenario.ts';
import type { Bodies, PosLine, TapeEvent } from '../event.ts';
import { Heap } from '../heap.ts';
import { open } from '../store-tape.ts';
import { type Hidden, StoreSimulation } from '../streams/store-simulation.ts';
import { Shelf } from '../world/shelf.ts';
import { worldOf } from '../world/world.ts';
import { OpeningStock } from './stock.ts';

/** What BOOK says of one SKU in one store; available = onHand - committed - unavailable. */
interface BookRow {
  readonly onHand: number;
  readonly committed: number;
  readonly unavailable: number;
  readonly available: number;
  /** Whether the store has delisted the SKU and nothing has moved since. */
  readonly deleted: boolean;
}

interface LedgerEntry {
  readonly store: number;
  readonly sku: number;
  readonly book: BookRow;
  readonly physical: number;
}

interface Account {
  readonly store: number;
  readonly sku: number;
  onHand: number;
  committed: number;
  unavailable: number;
  physical: number;
  /** When it last moved and when it was last delisted; a movement in the same ms came after. */
  movedMs: number;
  delistedMs: number;
}

/**
 * The two ledgers, folded from the same unique events in any order.
 *
 * BOOK is what perfect processing of the events gives: opening stock, less what was sold, plus what
 * came back or in, less what was picked, broken or missed in a count. PHYSICAL is what stands on the
 * shelf: every move but the counts (which move nothing), and the unrecorded moves; that comes from
 * `physicalOf`, through `happen`. BOOK may fall below 0, as books do; PHYSICAL does not, once all that happened by
 * a moment is folded in: what left the shelf was there, known or not. A damaged or wrongly stamped original still happened; copies did not.
 */
export class Ledger {
  readonly #scenario: Scenario;
  readonly #accounts = new Map<number, Map<number, Account>>();
  readonly #opening = new Map<number, OpeningStock>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** Folds in an event of the tape or of the preload. */
  apply(event: TapeEvent): void {
    if (event.truth.role === 'copy') return;
    const { store, occurredMs } = event;
    switch (event.stream) {
      case 'pos':
        if (event.body.training) break;
        for (const line of event.body.lines) this.#scan(store, line, occurredMs);
        break;
      case 'wms':
        if (event.body.location === 'store') this.#handle(store, event.body, occurredMs);
        break;
      case 'cart':
        if (event.body.event_name !== 'purchase' || event.body.fulfilment !== 'pickup') break;
        for (const { sku_id, quantity } of event.body.items) {
          const account = this.#account(store, sku_id);
          account.committed += quantity;
          account.movedMs = Math.max(account.movedMs, occurredMs);
        }
        break;
      // Points are no stock, and a row image is what BOOK is compared with.
      case 'loyalty':
      case 'inventory':
        if (event.truth.role === 'preload') this.#account(store, event.truth.row?.sku as number);
    }
  }

  /** Folds in what happened to the shelf alone. */
  happen({ store, sku, drift, cause }: Hidden): void {
    if (cause !== 'count') this.#account(store, sku).physical += drift;
  }

  book(store: number, sku: number): BookRow {
    return rowOf(this.#account(store, sku));
  }

  physical(store: number, sku: number): number {
    return this.#account(store, sku).physical;
  }

  /** Every SKU and store that was preloaded, moved or asked for. */
  *entries(): Generator<LedgerEntry> {
    for (const accounts of this.#accounts.values()) {
      for (const account of accounts.values()) {
        const { store, sku, physical } = account;
        yield { store, sku, book: rowOf(account), physical };
      }
    }
  }

  #scan(store: number, { sku_id, quantity }: PosLine, atMs: number): void {
    const account = this.#account(store, sku_id);
    account.onHand -= quantity;
    account.physical -= quantity;
    if (quantity < 0) account.unavailable -= quantity;
    if (quantity !== 0) account.movedMs = Math.max(account.movedMs, atMs);
  }

  #handle(store: number, body: Bodies['wms'], atMs: number): void {
    const { quantity, committed, unavailable, biz_step } = body;
    const account = this.#account(store, body.sku_id);
    account.onHand += quantity;
    account.committed += committed;
    account.unavailable += unavailable;
    if (biz_step !== 'cycle_counting') account.physical += quantity;
    if (biz_step === 'decommissioning') account.delistedMs = Math.max(account.delistedMs, atMs);
    else if (quantity || committed || unavailable) {
      account.movedMs = Math.max(account.movedMs, atMs);
    }
  }

  #account(store: number, sku: number): Account {
    let accounts = this.#accounts.get(store);
    if (accounts === undefined) {
      accounts = new Map();
      this.#accounts.set(store, accounts);
    }
    let account = accounts.get(sku);
    if (account === undefined) {
      account = this.#openingOf(store, sku);
      accounts.set(sku, account);
    }
    return account;
  }

  #openingOf(store: number, sku: number): Account {
    const world = worldOf(this.#scenario);
    let opening = this.#opening.get(store);
    if (opening === undefined) {
      opening = new OpeningStock(world, store, new Shelf(world, store));
      this.#opening.set(store, opening);
    }
    const rank = world.rankOfSku[sku];
    if (rank === undefined || sku < 1) throw new Error(`the chain has no SKU ${sku}`);
    const { onHand, committed, unavailable, drift } = opening.row(rank);
    const never = Number.NEGATIVE_INFINITY;
    const physical = onHand + drift;
    return {
      store,
      sku,
      onHand,
      committed,
      unavailable,
      physical,
      movedMs: never,
      delistedMs: never,
    };
  }
}

function rowOf({ onHand, committed, unavailable, movedMs, delistedMs }: Account): BookRow {
  return {
    onHand,
    committed,
    unavailable,
    available: onHand - committed - unavailable,
    deleted: delistedMs > movedMs,
  };
}

/**
 * What the tape does not say: theft and mispicks, and the counts that corrected BOOK, in order of
 * (occurredMs, store), up to an offset. It runs the stores again, so it costs what the tape costs.
 */
export function* physicalOf(
  scenario: Scenario,
  stores: readonly number[],
  untilMs: number,
): Generator<Hidden> {
  const world = worldOf(scenario);
  const found: Hidden[] = [];
  const simulations = new Heap<StoreSimulation>();
  for (const store of stores) {
    const simulation = new StoreSimulation(
      world,
      store,
      () => {},
      (hidden) => found.push(hidden),
    );
    open(simulation);
    simulations.push(simulation.nextMs, store, simulation);
  }
  for (
    let simulation = simulations.peek();
    simulation !== undefined && simulation.nextMs < untilMs;
    simulation = simulations.peek()
  ) {
    simulation.step();
    yield* found.splice(0);
    simulations.moveFirst(simulation.nextMs);
  }
}
