import { drawRounded, type LogNormal, logNormalOf } from '../core/distributions.ts';
import type { Random } from '../core/random.ts';
import { hotSetAt, type Shelf } from './shelf.ts';
import { drawQuantity, type World } from './world.ts';

/**
 * A web session as a state machine, in GA4's names. Everything about a session is drawn when it
 * begins, so that it is a function of its place in the store's sessions alone.
 */

/** Sessions of humans that put something into a cart; of those, that begin a checkout; of those, that buy. */
export const ADD_TO_CART = 0.072;
export const BEGIN_CHECKOUT = 0.55;
export const PURCHASE = 0.54;
/** Pages of a session: most are a handful; buyers look at 22 on average. */
const PAGES = logNormalOf(3, 1);
const BUYER_PAGES: LogNormal = { mu: Math.log(22) - 0.18, sigma: 0.6 };
const MOST_PAGES = 200;
const THINK_MS = logNormalOf(20_000, 1.1);
/** A session ends after half an hour of silence, so no pause within one is longer. */
const LONGEST_THINK_MS = 30 * 60_000;
/** Bots are 30 % of sessions and make 18 % of requests, which is 2.6 pages each. */
const BOT_PAGES_MORE = 1.56;
const BOT_THINK_MS = logNormalOf(1_000, 0.5);
const REMOVED = 0.1;
export const DEVICES = [
  ['mobile', 0.65],
  ['desktop', 0.32],
  ['tablet', 0.03],
] as const;
const DEVICE_SHARES = DEVICES.map(([, share]) => share);

export interface CartItem {
  readonly rank: number;
  readonly quantity: number;
}

export interface CartStep {
  readonly name: string;
  /** After the session's start. */
  readonly afterMs: number;
  readonly items: readonly CartItem[];
  readonly fulfilment: 'ship' | 'pickup' | null;
}

export interface Session {
  readonly device: string;
  readonly bot: boolean;
  readonly steps: readonly CartStep[];
}

export function drawSession(
  world: World,
  shelf: Shelf,
  own: Random,
  cart: { readonly bots: number; readonly pickup: number },
  startMs: number,
): Session {
  const hot = startMs < 0 ? null : hotSetAt(world, startMs);
  const bot = own.chance(cart.bots);
  const device = (DEVICES[own.weighted(DEVICE_SHARES)] as (typeof DEVICES)[number])[0];
  const think = bot ? BOT_THINK_MS : THINK_MS;
  const steps: CartStep[] = [];
  let afterMs = 0;
  const step = (
    name: string,
    items: readonly CartItem[],
    fulfilment: CartStep['fulfilment'] = null,
  ) => {
    steps.push({ name, afterMs: Math.floor(afterMs), items, fulfilment });
    afterMs += Math.min(LONGEST_THINK_MS, own.logNormal(think.mu, think.sigma));
  };
  const fills = !bot && own.chance(ADD_TO_CART);
  const checksOut = fills && own.chance(BEGIN_CHECKOUT);
  const buys = checksOut && own.chance(PURCHASE);
  const pages = bot
    ? 1 + own.geometric(1 / (1 + BOT_PAGES_MORE))
    : drawRounded(own, buys ? BUYER_PAGES : PAGES, MOST_PAGES);
  for (let page = 0; page < pages; page++) {
    const item = { rank: shelf.drawOnline(own, hot), quantity: 1 };
    if (page % 4 === 0) step('view_item_list', [item]);
    else if (page % 4 === 1) step('select_item', [item]);
    else step('view_item', [item]);
  }
  if (fills) fillCart(world, shelf, own, hot, step, { checksOut, buys, pickup: cart.pickup });
  return { device, bot, steps };
}

function fillCart(
  world: World,
  shelf: Shelf,
  own: Random,
  hot: ReturnType<typeof hotSetAt>,
  step: (name: string, items: readonly CartItem[], fulfilment?: CartStep['fulfilment']) => void,
  { checksOut, buys, pickup }: { checksOut: boolean; buys: boolean; pickup: number },
): void {
  const items = drawOrder(world, shelf, own, hot);
  // A list of groceries is added in a few goes, not one by one.
  for (let from = 0; from < items.length; from += 4) {
    step('add_to_cart', items.slice(from, from + 4));
  }
  const removed = items.length > 1 && own.chance(REMOVED) ? items.splice(0, 1) : [];
  if (removed.length > 0) step('remove_from_cart', removed);
  step('view_cart', items);
  if (!checksOut) return;
  step('begin_checkout', items);
  if (!buys) return;
  const fulfilment = own.chance(pickup) ? 'pickup' : 'ship';
  step('add_shipping_info', items, fulfilment);
  step('add_payment_info', items, fulfilment);
  step('purchase', items, fulfilment);
}

/** Distinct SKUs of one online order. */
export function drawOrder(
  world: World,
  shelf: Shelf,
  own: Random,
  hot: ReturnType<typeof hotSetAt>,
): CartItem[] {
  const count = drawRounded(own, world.laws.onlineBasket, world.basketCap);
  const ranks = new Set<number>();
  while (ranks.size < count) ranks.add(shelf.drawOnline(own, hot));
  return Array.from(ranks, (rank) => ({ rank, quantity: drawQuantity(own) }));
}

/** Orders to pick up per session that is not a bot's. */
export function pickupsPerHuman(pickup: number): number {
  return ADD_TO_CART * BEGIN_CHECKOUT * PURCHASE * pickup;
}
