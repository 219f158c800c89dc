import type { Image, RowTruth } from '../event.ts';
import { carriedShare } from '../world/assortment.ts';
import type { Shelf } from '../world/shelf.ts';
import { fixedUniform, HOT_SHARE, type HotSet, storeHash, type World } from '../world/world.ts';
import { type PendingWork, pendingWork } from './pending.ts';

/** A case: what one reorder brings. */
export const CASE_PACK = 8;
/** Hours of an SKU's own mean sales that lie in the store at t0; no public figure per SKU. */
const COVER_HOURS = 48;
const HOUR_MS = 3_600_000;
/** Shelves that are empty or nearly so, world average. */
const OUT_OF_STOCK = 0.083;
/**
 * Share of records whose BOOK differs from what is there at t0, and how: -(1 + Geom) or +(1 + Geom).
 * Counts correct it and theft renews it, towards some 30 % where shrink is as usual.
 */
const INACCURATE = 0.35;
const SHORT_OF_BOOK = 0.6;
const DRIFT_P = 0.4;

/** A stock row as BOOK has it, and how far the shelf is from it. */
export interface StockRow {
  readonly rank: number;
  readonly sku: number;
  onHand: number;
  committed: number;
  unavailable: number;
  /** 0 before the first image. */
  version: number;
  /** Whether the store has taken the SKU off its list; the next movement lists it again. */
  deleted: boolean;
  /** When it last moved, as an offset from t0. */
  movedMs: number;
  /** PHYSICAL minus BOOK, in units: theft and mispicks move it, a count brings it to 0. */
  drift: number;
  /** Units gone from BOOK since the last reorder; at a case, the next one is placed. */
  towardsReorder: number;
}

/** What a movement adds to each of BOOK's columns, signed; left out: nothing. */
export interface Units {
  readonly onHand?: number;
  readonly committed?: number;
  readonly unavailable?: number;
}

/** The row as its image says it. */
export function imageOf(row: StockRow): Image {
  return {
    sku_id: row.sku,
    on_hand: row.onHand,
    committed: row.committed,
    unavailable: row.unavailable,
    available: row.onHand - row.committed - row.unavailable,
    version: row.version,
    deleted: row.deleted,
  };
}

/** The same row for the side channel. */
export function rowTruth({ sku_id, version, on_hand, available, deleted }: Image): RowTruth {
  return { sku: sku_id, version, onHand: on_hand, available, deleted };
}

/** What a store has at t0: a fixed property of each (store, SKU), so that no row is made before it is needed. */
export class OpeningStock {
  readonly #world: World;
  readonly #shelf: Shelf;
  readonly #hash: number;
  readonly #store: number;
  readonly #unitsPerMs: number;
  readonly #carriedWeight: number;
  readonly #hotUnits: readonly { readonly hot: HotSet; readonly units: number }[];
  #pending: PendingWork | undefined;

  constructor(world: World, store: number, shelf: Shelf) {
    const own = world.stores[store - 1];
    if (own === undefined) throw new Error(`there is no store ${store}`);
    this.#world = world;
    this.#store = store;
    this.#shelf = shelf;
    this.#hash = storeHash(world, store, 'opening-stock');
    this.#unitsPerMs = own.receiptsPerMs * world.meanUnits;
    this.#carriedWeight = carriedWeight(world);
    this.#hotUnits = world.hotSets.map((hot) => ({
      hot,
      units: this.#unitsPerMs * own.curve.area(hot.phase.startMs, hot.phase.endMs) * HOT_SHARE,
    }));
  }

  /**
   * Units of BOOK at t0: two days of the SKU's own sales, part of a case, and what a burst will ask;
   * or next to nothing, where the shelf is out.
   */
  onHand(rank: number): number {
    const share =
      ((this.#world.weights[rank] as number) * this.#shelf.multiplier(rank)) / this.#carriedWeight;
    const cover = this.#unitsPerMs * share * COVER_HOURS * HOUR_MS;
    const hot = this.#hotUnits.some(({ hot: { ranks } }) => ranks.includes(rank));
    if (!hot && this.#uniform(rank, 7) < OUT_OF_STOCK) {
      return this.#claimed(rank) + Math.floor(this.#uniform(rank, 0) * 3);
    }
    let units = 1 + Math.floor(this.#uniform(rank, 0) * CASE_PACK) + this.#claimed(rank);
    units += Math.round(cover * (0.7 + 0.6 * this.#uniform(rank, 1)));
    for (const { hot, units: all } of this.#hotUnits) {
      const at = hot.ranks.indexOf(rank);
      // Some run out during the burst: between four fifths and twice of what is asked for.
      if (at >= 0) {
        units += Math.round(
          all * (hot.shares[at] as number) * (0.8 + 1.2 * this.#uniform(rank, 2)),
        );
      }
    }
    return units;
  }

  /** PHYSICAL minus BOOK at t0. */
  drift(rank: number): number {
    if (this.#uniform(rank, 3) >= INACCURATE) return 0;
    const size = 1 + Math.floor(Math.log(1 - this.#uniform(rank, 4)) / Math.log(1 - DRIFT_P));
    // Stock is never below zero: the stock in BOOK bounds what can be missing.
    return this.#uniform(rank, 5) < SHORT_OF_BOOK ? -Math.min(size, this.onHand(rank)) : size;
  }

  /** Returns that await inspection and pickup orders that await their picker at t0. */
  get pending(): PendingWork {
    this.#pending ??= pendingWork(this.#world, this.#store, this.#shelf);
    return this.#pending;
  }

  row(rank: number): StockRow {
    return {
      rank,
      sku: this.#world.skuOfRank[rank] as number,
      onHand: this.onHand(rank),
      committed: this.pending.committed.get(rank) ?? 0,
      unavailable: this.pending.unavailable.get(rank) ?? 0,
      version: this.#world.scenario.traffic.inventory?.preload === 'assortment' ? 1 : 0,
      deleted: false,
      movedMs: Number.NEGATIVE_INFINITY,
      drift: this.drift(rank),
      towardsReorder: Math.floor(this.#uniform(rank, 6) * CASE_PACK),
    };
  }

  /** What is promised or set aside at t0 is there, whatever else is. */
  #claimed(rank: number): number {
    const { committed, unavailable } = this.pending;
    return (committed.get(rank) ?? 0) + (unavailable.get(rank) ?? 0);
  }

  #uniform(rank: number, what: number): number {
    return fixedUniform(this.#hash, rank * 8 + what);
  }
}

const carried = new WeakMap<World, number>();

/** Popularity that a store carries, on average over stores. */
function carriedWeight(world: World): number {
  let total = carried.get(world);
  if (total === undefined) {
    const { assortment, weights } = world;
    total = weights.reduce((sum, weight, rank) => sum + weight * carriedShare(assortment, rank), 0);
    carried.set(world, total);
  }
  return total;
}
