import { expect, test } from 'vitest';
import {
  countBy,
  mean,
  ofStream,
  quantile,
  scenarioOf,
  tapeUntil,
} from '../../../test/support/retail.ts';
import { random } from '../../core/random.ts';
import { Shelf } from '../world/shelf.ts';
import { worldOf } from '../world/world.ts';
import { planSession, Session } from './funnel.ts';

const scenario = scenarioOf(
  'traffic.cart={sessions: 40/s}',
  'retail.profile=specialty',
  'retail.assortment=400',
);
const world = worldOf(scenario);
const shelf = new Shelf(world, 1);
const own = random(4, 'sessions');
const sessions = Array.from({ length: 20_000 }, () => {
  const plan = planSession(world, own, { bots: 0.3, pickup: 0.2 });
  return { ...plan, session: new Session(world, shelf, own, plan, -1) };
});
type Planned = (typeof sessions)[number];
const humans = sessions.filter(({ bot }) => !bot);
const has = (name: string) => (session: Planned) =>
  session.steps.some((step) => step.name === name);
const VIEWS = ['view_item_list', 'select_item', 'view_item'];
const views = ({ steps }: Planned) => steps.filter(({ name }) => VIEWS.includes(name)).length;

test('the funnel: 7.2 % fill a cart, 70 % abandon it, 2.1 % buy', () => {
  const carts = humans.filter(has('add_to_cart'));
  const checkouts = humans.filter(has('begin_checkout'));
  const buyers = humans.filter(has('purchase'));
  expect(Math.abs(carts.length / humans.length - 0.072)).toBeLessThan(0.007);
  expect(Math.abs(checkouts.length / carts.length - 0.55)).toBeLessThan(0.06);
  expect(Math.abs(1 - buyers.length / carts.length - 0.7)).toBeLessThan(0.05);
  expect(Math.abs(buyers.length / humans.length - 0.021)).toBeLessThan(0.004);
});

test('every session goes through the states in order', () => {
  const order = [...VIEWS.map(() => 0), 1, 2, 3, 4, 5, 6, 7];
  const names = [
    ...VIEWS,
    'add_to_cart',
    'remove_from_cart',
    'view_cart',
    'begin_checkout',
    'add_shipping_info',
    'add_payment_info',
    'purchase',
  ];
  const place = new Map(names.map((name, i) => [name, order[i] as number]));
  const pairs = sessions.flatMap(({ steps }) =>
    steps.slice(1).map((after, i) => [steps[i], after] as const),
  );
  expect(pairs.length).toBeGreaterThan(50_000);
  const outOfOrder = pairs.filter(([before, after]) => {
    const waitedMs = after.afterMs - (before?.afterMs ?? Number.NaN);
    const inOrder = (place.get(after.name) ?? -1) >= (place.get(before?.name ?? '') ?? 9);
    return !(inOrder && waitedMs >= 0 && waitedMs <= 30 * 60_000 + 1);
  });
  expect(outOfOrder).toEqual([]);
});

test('pages: median 3, mean about 5, buyers about 22; half of thoughts take 20 seconds', () => {
  const pages = humans.map(views);
  expect(quantile(pages, 0.5)).toBe(3);
  expect(Math.abs(mean(pages) - 5.2)).toBeLessThan(0.5);
  const buyers = humans.filter(has('purchase')).map(views);
  expect(Math.abs(mean(buyers) - 22)).toBeLessThan(2.5);
  const thoughts = humans.flatMap(({ steps }) =>
    steps.slice(1).map((step, i) => step.afterMs - (steps[i]?.afterMs ?? 0)),
  );
  expect(Math.abs(quantile(thoughts, 0.5) - 20_000)).toBeLessThan(1_000);
});

test('bots: 30 % of sessions, 18 % of page views, and they never buy', () => {
  const bots = sessions.filter(({ bot }) => bot);
  expect(Math.abs(bots.length / sessions.length - 0.3)).toBeLessThan(0.015);
  const all = sessions.reduce((sum, session) => sum + views(session), 0);
  const theirs = bots.reduce((sum, session) => sum + views(session), 0);
  expect(Math.abs(theirs / all - 0.18)).toBeLessThan(0.02);
  expect(bots.some(has('add_to_cart'))).toBe(false);
});

test('product events are nearly all views; devices come in their shares', () => {
  const names = countBy(
    sessions.flatMap(({ steps }) => steps),
    ({ name }) => (VIEWS.includes(name) ? 'view' : name),
  );
  const total = (names.view ?? 0) + (names.add_to_cart ?? 0) + (names.purchase ?? 0);
  expect(Math.abs((names.view ?? 0) / total - 0.967)).toBeLessThan(0.02);
  const devices = countBy(sessions, ({ device }) => device);
  for (const [device, expected] of [
    ['mobile', 0.65],
    ['desktop', 0.32],
    ['tablet', 0.03],
  ] as const) {
    expect(Math.abs((devices[device] ?? 0) / sessions.length - expected)).toBeLessThan(0.015);
  }
});

test('an online order holds 2.87 units in the mean, and one in five is picked up', () => {
  const orders = humans.flatMap(({ steps, session }) =>
    steps
      .filter(({ name }) => name === 'purchase')
      .map((step) => ({ ...step, items: session.items(step) })),
  );
  const units = orders.map(({ items }) => items.reduce((sum, { quantity }) => sum + quantity, 0));
  expect(Math.abs(mean(units) - 2.87)).toBeLessThan(0.4);
  const pickups = orders.filter(({ fulfilment }) => fulfilment === 'pickup').length;
  expect(Math.abs(pickups / orders.length - 0.2)).toBeLessThan(0.08);
});

test('sessions begin at the stated rate, and those begun before t0 are under way at t0', () => {
  const events = ofStream(tapeUntil(scenario, 30_000), 'cart');
  const first = new Map<string, string>();
  for (const { body } of events) {
    const id = body.session_id;
    if (!first.has(id)) first.set(id, body.event_name);
  }
  expect(Math.abs(first.size / (40 * 30) - 1)).toBeGreaterThan(0.1);
  const perSecond = Array.from(
    { length: 30 },
    (_, i) => events.filter(({ dueMs }) => Math.floor(dueMs / 1_000) === i).length,
  );
  // Not a slow start: the first ten seconds are as busy as the last ten.
  const [early, late] = [mean(perSecond.slice(0, 10)), mean(perSecond.slice(20))];
  expect(Math.abs(early / late - 1)).toBeLessThan(0.15);
  for (const { body } of events) {
    const { items } = body;
    const value = items.reduce((sum, item) => sum + item.quantity * item.price_cents, 0);
    expect(body.value_cents).toBe(value);
    expect(body.order_id === null).toBe(body.event_name !== 'purchase');
  }
});
