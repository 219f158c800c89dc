import { random } from '../../core/random.ts';
import { type CartItem, drawOrder, pickupsPerHuman } from '../streams/funnel.ts';
import { DELAYS, Leftovers } from '../world/delays.ts';
import type { Shelf } from '../world/shelf.ts';
import { drawQuantity, type World } from '../world/world.ts';

interface PendingReturn {
  readonly doneMs: number;
  readonly reference: string;
  readonly item: CartItem;
}

interface PendingOrder {
  readonly doneMs: number;
  readonly id: string;
  readonly items: readonly CartItem[];
}

/** Work of before t0 that BOOK knows of at t0: it shows in the opening rows. */
export interface PendingWork {
  readonly returns: readonly PendingReturn[];
  readonly orders: readonly PendingOrder[];
  /** Units by rank. */
  readonly committed: ReadonlyMap<number, number>;
  readonly unavailable: ReadonlyMap<number, number>;
}

/** Draws what awaits a store at t0; a fixed property of it. */
export function pendingWork(world: World, store: number, shelf: Shelf): PendingWork {
  const { traffic, seed } = world.scenario;
  const own = world.stores[store - 1];
  const committed = new Map<number, number>();
  const unavailable = new Map<number, number>();
  const returns: PendingReturn[] = [];
  const orders: PendingOrder[] = [];
  // Without a warehouse system there is no inspection and no picking: nothing waits for them.
  if (own === undefined || traffic.wms === null) return { returns, orders, committed, unavailable };
  const add = (to: Map<number, number>, { rank, quantity }: CartItem) =>
    to.set(rank, (to.get(rank) ?? 0) + quantity);

  if (traffic.pos !== null) {
    const perMs =
      own.receiptsPerMs * own.curve.before * traffic.pos.returns * world.meanReturnedLines;
    const draws = random(seed, 'pending-returns', store);
    const due = new Leftovers(perMs, DELAYS.inspect, draws);
    for (let atMs = due.next(); atMs < Number.POSITIVE_INFINITY; atMs = due.next()) {
      const item = { rank: shelf.draw(draws), quantity: drawQuantity(draws) };
      returns.push({ doneMs: atMs, reference: `STORE_${store}_BEFORE`, item });
      add(unavailable, item);
    }
  }
  if (traffic.cart !== null) {
    const { bots, pickup } = traffic.cart;
    const perSession = (1 - bots) * pickupsPerHuman(pickup);
    const perMs = world.sessionsPerMs * own.size * world.webCurve.before * perSession;
    const draws = random(seed, 'pending-orders', store);
    const due = new Leftovers(perMs, DELAYS.pick, draws);
    for (let atMs = due.next(); atMs < Number.POSITIVE_INFINITY; atMs = due.next()) {
      const items = drawOrder(world, shelf, draws);
      orders.push({ doneMs: atMs, id: `ORD-${store}-before-${orders.length + 1}`, items });
      for (const item of items) add(committed, item);
    }
  }
  return { returns, orders, committed, unavailable };
}
