import { Arrivals } from '../world/curve.ts';
import { SHOPPERS } from './devices.ts';
import { type CartItem, type CartStep, planSession, Session } from './funnel.ts';
import type { StoreSimulation } from './store-simulation.ts';

/**
 * Sessions that began so long before t0 may still be going on at t0. A buyer's session is long: half of all
 * purchases come later than 15 minutes after its start, 0.5 % later than an hour.
 */
export const SESSION_REACH_MS = 60 * 60_000;

/** A purchase that is to be picked up in the store. */
export interface Order {
  readonly id: string;
  readonly items: readonly CartItem[];
}

/**
 * The web shop as one store sees it: sessions of those who shop for it. A purchase that is to be
 * picked up reserves the store's stock; one that is shipped comes from elsewhere and leaves it alone.
 */
export function startCart(
  simulation: StoreSimulation,
  onPickup: (order: Order, atMs: number) => void,
): void {
  const { world, store } = simulation;
  const { cart } = world.scenario.traffic;
  if (cart === null) return;
  const perMs = world.sessionsPerMs * store.size;
  const own = simulation.random('cart');
  let sessions = 0;
  const begin = (startMs: number) => {
    const plan = planSession(world, own, cart);
    const id = `S-${store.number}-${++sessions}`;
    const offsetMs = Math.floor(startMs);
    const past = plan.steps.filter(({ afterMs }) => offsetMs + afterMs < 0);
    if (past.length === plan.steps.length) return;
    const session = new Session(
      world,
      simulation.shelf,
      simulation.random(`cart/${id}`),
      plan,
      startMs,
    );
    for (const step of past) session.items(step);
    simulation.inTurn(offsetMs, plan.steps.slice(past.length), (step, atMs) =>
      act(simulation, id, session, step, atMs, onPickup),
    );
  };
  const times = simulation.random('cart-times');
  const perMsBefore = perMs * world.webCurve.before;
  if (perMsBefore > 0) {
    let agoMs = SESSION_REACH_MS - times.exponential() / perMsBefore;
    for (; agoMs > 0; agoMs -= times.exponential() / perMsBefore) begin(-agoMs);
  }
  const arrivals = new Arrivals(world.webCurve, perMs, times, null);
  const next = () => {
    const atMs = arrivals.next();
    simulation.at(atMs, () => {
      begin(atMs);
      next();
    });
  };
  next();
}

function act(
  simulation: StoreSimulation,
  id: string,
  session: Session,
  step: CartStep,
  atMs: number,
  onPickup: (order: Order, atMs: number) => void,
): void {
  const { world } = simulation;
  const orderId = step.name === 'purchase' ? `ORD-${id.slice(2)}` : null;
  const about = session.items(step);
  const items = about.map(({ rank, quantity }) => ({
    sku_id: world.skuOfRank[rank] as number,
    quantity,
    price_cents: world.prices[rank] as number,
  }));
  simulation.emit('cart', atMs, SHOPPERS, {
    event_type: 'ecommerce',
    session_id: id,
    event_name: step.name,
    device: session.plan.device,
    is_bot: session.plan.bot,
    items,
    order_id: orderId,
    value_cents: items.reduce((sum, item) => sum + item.quantity * item.price_cents, 0),
    fulfilment: step.fulfilment,
  });
  if (orderId === null || step.fulfilment !== 'pickup') return;
  for (const { rank, quantity } of about) simulation.move(rank, atMs, { committed: quantity });
  onPickup({ id: orderId, items: about }, atMs);
}
