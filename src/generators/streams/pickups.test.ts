import { expect, test } from 'vitest';
import { countBy, scenarioOf } from '../../../test/support/retail.ts';
import { Shelf } from '../world/shelf.ts';
import { worldOf } from '../world/world.ts';
import { pickupOrders } from './pickups.ts';

const PHASES =
  'phases=[{name: warmup, for: 20s, measured: false}, {name: calm, for: 40s}, ' +
  '{name: spike, for: 40s, load: 4x, shape: doorbuster}, {name: after, do: query}]';
const scenario = scenarioOf('traffic.inventory={}', PHASES);
const orders = [...pickupOrders(scenario, 5_000)];

test('the same seed gives the same orders, with or without a cart stream; another one others', () => {
  expect([...pickupOrders(scenarioOf('traffic.inventory={}', PHASES), 5_000)]).toEqual(orders);
  const withCart = scenarioOf('traffic.inventory={}', 'traffic.cart={sessions: 9/s}', PHASES);
  expect([...pickupOrders(withCart, 5_000)]).toEqual(orders);
  const another = scenarioOf('traffic.inventory={}', PHASES, 'seed=12');
  expect([...pickupOrders(another, 5_000)]).not.toEqual(orders);
});

test('orders come in order of time, in measured timed phases, as the web shop’s load says', () => {
  expect(orders.length).toBeGreaterThan(4_700);
  expect(orders.length).toBeLessThan(5_300);
  expect(orders.map(({ atMs }) => atMs)).toEqual(
    orders.map(({ atMs }) => atMs).sort((a, b) => a - b),
  );
  const { calm = 0, spike = 0, ...others } = countBy(orders, ({ phase }) => phase);
  expect(others).toEqual({});
  expect(spike / calm).toBeGreaterThan(3.5);
  expect(spike / calm).toBeLessThan(4.5);
  const outside = orders.filter(({ phase, atMs }) =>
    phase === 'calm' ? atMs < 20_000 || atMs >= 60_000 : atMs < 60_000 || atMs >= 100_000,
  );
  expect(outside).toEqual([]);
});

test('a store has orders in proportion to its size, of distinct things that it carries', () => {
  const world = worldOf(scenario);
  const counts = countBy(orders, ({ store }) => String(store));
  for (const { number, size } of world.stores) {
    const expected = (orders.length * size) / world.stores.length;
    expect(Math.abs((counts[number] ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected));
  }
  const shelves = new Map(world.stores.map(({ number }) => [number, new Shelf(world, number)]));
  const odd = orders.filter(
    ({ store, lines }) =>
      new Set(lines.map(({ sku }) => sku)).size !== lines.length ||
      lines.some(({ quantity }) => quantity < 1) ||
      lines.some(({ sku }) => !shelves.get(store)?.carries(world.rankOfSku[sku] as number)),
  );
  expect(odd).toEqual([]);
});

test('a burst draws orders to what it is about', () => {
  const world = worldOf(scenario);
  const hot = new Set(world.hotSets[0]?.ranks.map((rank) => world.skuOfRank[rank]));
  const share = (phase: string) => {
    const lines = orders.filter((order) => order.phase === phase).flatMap(({ lines }) => lines);
    return lines.filter(({ sku }) => hot.has(sku)).length / lines.length;
  };
  expect(share('spike')).toBeGreaterThan(share('calm') + 0.15);
});

test('without a measured timed phase there are no orders', () => {
  const none = scenarioOf(
    'traffic.inventory={}',
    'phases=[{name: warmup, for: 20s, measured: false}, {name: after, do: query}]',
  );
  expect([...pickupOrders(none, 5_000)]).toEqual([]);
});
