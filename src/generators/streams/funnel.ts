import { drawRounded, type LogNormal, logNormalOf } from '../../core/distributions.ts';
import type { Random } from '../../core/random.ts';
import { hotSetAt, type Shelf } from '../world/shelf.ts';
import { drawQuantity, type HotSet, type World } from '../world/world.ts';

/**
 * A web session as a state machine, in GA4's names. Everything about a session is drawn when it
 * begins, so that it is a function of its place in the store's sessions alone: first its plan, then,
 * if any of it still lies ahead, what it is about.
 */

/** Sessions of humans that put something into a cart; of those, that begin a checkout; of those, that buy. */
const ADD_TO_CART = 0.072;
const BEGIN_CHECKOUT = 0.55;
const PURCHASE = 0.54;
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
const DEVICES = [
  ['mobile', 0.65],
  ['desktop', 0.32],
  ['tablet', 0.03],
] as const;
const DEVICE_SHARES = DEVICES.map(([, share]) => share);

/** A product in a cart, by its popularity rank. */
export interface CartItem {
  readonly rank: number;
  readonly quantity: number;
}

/** One event of a session: about one product viewed, or a part of the order. */
export interface CartStep {
  readonly name: string;
  /** After the session's start. */
  readonly afterMs: number;
  readonly part: 'viewed' | { readonly from: number; readonly to: number };
  readonly fulfilment: 'ship' | 'pickup' | null;
}

/** Who comes, what they do and when: all of a session but the products. */
interface SessionPlan {
  readonly device: string;
  readonly bot: boolean;
  readonly orderLines: number;
  readonly steps: readonly CartStep[];
}

/** Draws who comes and what they do; `cart` has the scenario's shares of bots and pickups. */
export function planSession(
  world: World,
  own: Random,
  cart: { readonly bots: number; readonly pickup: number },
): SessionPlan {
  const bot = own.chance(cart.bots);
  const device = (DEVICES[own.weighted(DEVICE_SHARES)] as (typeof DEVICES)[number])[0];
  const think = bot ? BOT_THINK_MS : THINK_MS;
  const steps: CartStep[] = [];
  let afterMs = 0;
  const step: AddStep = (name, part, fulfilment = null) => {
    steps.push({ name, afterMs: Math.floor(afterMs), part, fulfilment });
    afterMs += Math.min(LONGEST_THINK_MS, own.logNormal(think.mu, think.sigma));
  };
  const fills = !bot && own.chance(ADD_TO_CART);
  const checksOut = fills && own.chance(BEGIN_CHECKOUT);
  const buys = checksOut && own.chance(PURCHASE);
  const pages = bot
    ? 1 + own.geometric(1 / (1 + BOT_PAGES_MORE))
    : drawRounded(own, buys ? BUYER_PAGES : PAGES, MOST_PAGES);
  for (let page = 0; page < pages; page++) step(VIEWS[Math.min(page % 4, 2)] as string, 'viewed');
  const orderLines = fills ? drawRounded(own, world.laws.onlineBasket, world.basketCap) : 0;
  if (fills) planCart(own, orderLines, step, { checksOut, buys, pickup: cart.pickup });
  return { device, bot, orderLines, steps };
}

/** A list, a product of it, and then that product's page and another one's. */
const VIEWS = ['view_item_list', 'select_item', 'view_item'] as const;

type AddStep = (name: string, part: CartStep['part'], fulfilment?: CartStep['fulfilment']) => void;

function planCart(
  own: Random,
  lines: number,
  step: AddStep,
  { checksOut, buys, pickup }: { checksOut: boolean; buys: boolean; pickup: number },
): void {
  // A list of groceries is added in a few goes, not one by one.
  for (let from = 0; from < lines; from += 4) step('add_to_cart', { from, to: from + 4 });
  const removes = lines > 1 && own.chance(REMOVED);
  if (removes) step('remove_from_cart', { from: 0, to: 1 });
  const kept = { from: removes ? 1 : 0, to: lines };
  step('view_cart', kept);
  if (!checksOut) return;
  step('begin_checkout', kept);
  if (!buys) return;
  const fulfilment = own.chance(pickup) ? 'pickup' : 'ship';
  step('add_shipping_info', kept, fulfilment);
  step('add_payment_info', kept, fulfilment);
  step('purchase', kept, fulfilment);
}

/** A session with its products, which it draws as it comes to them, from randomness of its own. */
export class Session {
  readonly plan: SessionPlan;
  readonly #shelf: Shelf;
  readonly #random: Random;
  readonly #hot: HotSet | null;
  readonly #order: readonly CartItem[];

  constructor(world: World, shelf: Shelf, own: Random, plan: SessionPlan, startMs: number) {
    this.plan = plan;
    this.#shelf = shelf;
    this.#random = own;
    this.#hot = startMs < 0 ? null : hotSetAt(world, startMs);
    this.#order = drawItems(shelf, own, this.#hot, plan.orderLines);
  }

  /** What a step is about. To be asked of each step once and in order, since what is viewed is drawn here. */
  items({ part }: CartStep): readonly CartItem[] {
    if (part !== 'viewed') return this.#order.slice(part.from, part.to);
    return [{ rank: this.#shelf.drawOnline(this.#random, this.#hot), quantity: 1 }];
  }
}

/** Distinct SKUs of one online order; `hot` is what a burst draws them to, if there is one. */
export function drawOrder(
  world: World,
  shelf: Shelf,
  own: Random,
  hot: HotSet | null = null,
): readonly CartItem[] {
  return drawItems(shelf, own, hot, drawRounded(own, world.laws.onlineBasket, world.basketCap));
}

function drawItems(
  shelf: Shelf,
  own: Random,
  hot: HotSet | null,
  count: number,
): readonly CartItem[] {
  const ranks = new Set<number>();
  while (ranks.size < count) ranks.add(shelf.drawOnline(own, hot));
  return Array.from(ranks, (rank) => ({ rank, quantity: drawQuantity(own) }));
}

/** Orders to pick up per session that is not a bot's. */
export function pickupsPerHuman(pickup: number): number {
  return ADD_TO_CART * BEGIN_CHECKOUT * PURCHASE * pickup;
}
