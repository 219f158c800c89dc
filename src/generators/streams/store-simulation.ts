import { type Random, random } from '../../core/random.ts';
import type { Label, Stream } from '../../scenario/scenario.ts';
import type { Bodies, Image, TapeEvent, Truth } from '../event.ts';
import { Heap } from '../heap.ts';
import { imageOf, OpeningStock, rowTruth, type StockRow, type Units } from '../stock/stock.ts';
import { Shelf } from '../world/shelf.ts';
import type { Store, World } from '../world/world.ts';
import { CENTRE, DATABASE, type Device, HANDHELDS } from './devices.ts';

/** What was done, in EPCIS's verbs, and for what. */
export interface Handling {
  readonly step: string;
  readonly disposition: string;
  readonly reason: string | null;
  readonly reference: string | null;
}

const NO_LABELS: readonly Label[] = [];
/** The truth of most originals: nothing about them that their body does not say. */
export const NOTHING_UNUSUAL: Truth = {
  role: 'original',
  fault: null,
  copyOf: null,
  row: null,
  labels: NO_LABELS,
  cents: null,
};
const DELETED: readonly Label[] = ['deleted'];

/** From the movement after which a SKU is delisted until it is. */
const DELISTED_AFTER_MS = 100;
const DELISTED: Handling = {
  step: 'decommissioning',
  disposition: 'inactive',
  reason: null,
  reference: null,
};

/**
 * Why a shelf changed without BOOK hearing of it; `found`: units that were not in the books, since what is sold
 * was there.
 */
type HiddenCause = 'theft' | 'mispick' | 'count' | 'found';

/** What happened to PHYSICAL alone, or (`count`) brought BOOK and PHYSICAL together. */
export interface Hidden {
  readonly store: number;
  readonly sku: number;
  readonly occurredMs: number;
  /** Change of PHYSICAL minus BOOK, signed. */
  readonly drift: number;
  readonly cause: HiddenCause;
}

/**
 * One store at work: its agenda of what happens next, its stock, and the way out for its events.
 * The streams are separate actors that share a store; each has randomness of its own, so that one
 * more stream draws nothing from another's.
 */
export class StoreSimulation {
  readonly world: World;
  readonly store: Store;
  readonly shelf: Shelf;
  readonly #opening: OpeningStock;
  readonly #rows = new Map<number, StockRow>();
  readonly #agenda = new Heap<(atMs: number) => void>();
  readonly #counts = { pos: 0, wms: 0, cart: 0, loyalty: 0 };
  readonly #out: (event: TapeEvent, device: Device) => void;
  readonly #hidden: (hidden: Hidden) => void;
  readonly #delist: number;
  readonly #delists: Random;
  #tasks = 0;

  constructor(
    world: World,
    store: number,
    out: (event: TapeEvent, device: Device) => void,
    hidden: (hidden: Hidden) => void = () => {},
  ) {
    const own = world.stores[store - 1];
    if (own === undefined) throw new Error(`there is no store ${store}`);
    this.world = world;
    this.store = own;
    this.shelf = new Shelf(world, store);
    this.#opening = new OpeningStock(world, store, this.shelf);
    this.#out = out;
    this.#hidden = hidden;
    this.#delist = world.scenario.traffic.wms?.delist ?? 0;
    this.#delists = this.random('wms-delist');
  }

  /** A stream of randomness that belongs to one purpose of this store. */
  random(purpose: string): Random {
    return random(this.world.scenario.seed, purpose, this.store.number);
  }

  /** Does `act` at an offset, rounded down to the millisecond. What never happens is not noted. */
  at(offsetMs: number, act: (atMs: number) => void): void {
    if (offsetMs === Number.POSITIVE_INFINITY) return;
    this.#agenda.push(Math.floor(offsetMs), this.#tasks++, act);
  }

  /**
   * Does `act` for each of these steps, of which there are some, as if `at` had been asked now for one after the
   * other; they are in order of time, and only the next one is on the agenda.
   */
  inTurn<S extends { readonly afterMs: number }>(
    offsetMs: number,
    steps: readonly S[],
    act: (step: S, atMs: number) => void,
  ): void {
    const firstTask = this.#tasks;
    this.#tasks += steps.length;
    let i = 0;
    const next = () => this.#agenda.push(offsetMs + (steps[i] as S).afterMs, firstTask + i, run);
    const run = (atMs: number) => {
      const step = steps[i++] as S;
      if (i < steps.length) next();
      act(step, atMs);
    };
    next();
  }

  /** When the next thing happens; infinite when nothing ever will. */
  get nextMs(): number {
    return this.#agenda.nextAt;
  }

  /** Does what happens next. */
  step(): void {
    const atMs = this.#agenda.nextAt;
    this.#agenda.pop()?.(atMs);
  }

  /** Sends an event of a stream that is on; the id is its place in the stream. */
  emit<S extends Exclude<Stream, 'inventory'>>(
    stream: S,
    atMs: number,
    device: Device,
    body: Bodies[S],
    truth: Truth = NOTHING_UNUSUAL,
  ): void {
    if (this.world.scenario.traffic[stream] === null) return;
    const n = ++this.#counts[stream];
    this.#send(stream, atMs, device, `${stream}-${this.store.number}-${n}`, body, truth);
  }

  /** Moves stock in BOOK (and with it on the shelf) and sends the row's new image. */
  move(rank: number, atMs: number, units: Units): void {
    const row = this.row(rank);
    const before = imageBefore(row);
    row.onHand += units.onHand ?? 0;
    row.committed += units.committed ?? 0;
    row.unavailable += units.unavailable ?? 0;
    row.deleted = false;
    row.movedMs = atMs;
    this.#changed(row, atMs, before);
    const there = row.onHand + row.drift;
    if (there < 0) this.drift(rank, atMs, -there, 'found');
    if (this.#delists.chance(this.#delist)) this.#delistAfter(row, atMs + DELISTED_AFTER_MS);
  }

  /** An event of the warehouse system in this store, with what it does to BOOK. */
  book(rank: number, atMs: number, units: Units, handled: number, what: Handling): void {
    this.handle(rank, atMs, handled, units, what, 'store');
    if (units.onHand || units.committed || units.unavailable) this.move(rank, atMs, units);
  }

  /** An event of the warehouse system; `quantity` is what it does to the stock where it happens. */
  handle(
    rank: number,
    atMs: number,
    handled: number,
    units: Units,
    what: Handling,
    location: string,
  ): void {
    this.emit('wms', atMs, location === 'store' ? HANDHELDS : CENTRE, {
      event_type: 'ObjectEvent',
      sku_id: this.world.skuOfRank[rank] as number,
      quantity: units.onHand ?? 0,
      units: handled,
      committed: units.committed ?? 0,
      unavailable: units.unavailable ?? 0,
      biz_step: what.step,
      disposition: what.disposition,
      reason: what.reason,
      location,
      reference: what.reference,
    });
  }

  /** Moves the shelf away from BOOK, or (a count) back to it. */
  drift(rank: number, atMs: number, change: number, cause: HiddenCause): void {
    const row = this.row(rank);
    row.drift += change;
    this.#hidden({
      store: this.store.number,
      sku: row.sku,
      occurredMs: atMs,
      drift: change,
      cause,
    });
  }

  /** Takes the SKU off the store's list. BOOK can tell it from a movement only by its time. */
  #delistAfter(row: StockRow, offsetMs: number): void {
    this.at(offsetMs, (atMs) => {
      if (row.movedMs === atMs) {
        this.#delistAfter(row, atMs + 1);
        return;
      }
      if (row.deleted) return;
      this.handle(row.rank, atMs, 0, {}, DELISTED, 'store');
      const before = imageBefore(row);
      row.deleted = true;
      this.#changed(row, atMs, before);
    });
  }

  /** The row's next version, and its image. */
  #changed(row: StockRow, atMs: number, before: Image | null): void {
    row.version++;
    if (this.world.scenario.traffic.inventory === null) return;
    const id = `inv-${this.store.number}-${row.sku}-${row.version}`;
    const after = imageOf(row);
    const body = { op: before === null ? 'c' : 'u', before, after };
    const labels = row.deleted ? DELETED : NO_LABELS;
    const truth = { ...NOTHING_UNUSUAL, row: rowTruth(after), labels };
    this.#send('inventory', atMs, DATABASE, id, body, truth);
  }

  /** Units on the shelf, never fewer than none. */
  physical(rank: number): number {
    const { onHand, drift } = this.row(rank);
    return onHand + drift;
  }

  row(rank: number): StockRow {
    let row = this.#rows.get(rank);
    if (row === undefined) {
      row = this.#opening.row(rank);
      this.#rows.set(rank, row);
    }
    return row;
  }

  get opening(): OpeningStock {
    return this.#opening;
  }

  #send<S extends Stream>(
    stream: S,
    atMs: number,
    device: Device,
    id: string,
    body: Bodies[S],
    truth: Truth,
  ): void {
    const event = {
      stream,
      store: this.store.number,
      id,
      occurredMs: atMs,
      claimedMs: atMs,
      dueMs: atMs,
      body,
      truth,
    };
    // Stream and body have the one S, which the compiler does not follow into the union.
    this.#out(event as unknown as TapeEvent, device);
  }
}

/** The row as its last image said it; null before the first. */
function imageBefore(row: StockRow): Image | null {
  return row.version === 0 ? null : imageOf(row);
}
