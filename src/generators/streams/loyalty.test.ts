import { expect, test } from 'vitest';
import { countBy, ofStream, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import { memberRows, productRows, storeRows } from '../world/dimensions.ts';
import { memberId, TIERS, tierOf } from '../world/members.ts';
import { worldOf } from '../world/world.ts';

interface Points {
  readonly member_id: string;
  readonly points: number;
  readonly kind: 'earn' | 'burn';
  readonly tier: string;
  readonly reference: string;
}

const scenario = scenarioOf(
  'traffic.loyalty={}',
  'traffic.pos={receipts: 30000/store/h}',
  'retail.assortment=400',
);
const events = tapeUntil(scenario, 60_000);
const points = events
  .filter(({ stream }) => stream === 'loyalty')
  .map(({ body }) => body as unknown as Points);
const earned = points.filter(({ kind }) => kind === 'earn');
const burned = points.filter(({ kind }) => kind === 'burn');

test('every receipt with a card earns, by its total and the tier', () => {
  const receipts = ofStream(events, 'pos').filter(({ body }) => body.customer_id !== null);
  const totals = new Map(receipts.map(({ body }) => [body.transaction_id, body.total_cents]));
  expect(earned.length).toBe(receipts.length);
  for (const { points: earn, tier, reference } of earned) {
    const factor = TIERS.find(({ name }) => name === tier)?.earn as number;
    expect(earn).toBe(Math.trunc(((totals.get(reference) as number) / 100) * factor) + 0);
  }
});

test('4 % of receipts with a card burn, and 45 % of what is issued', () => {
  expect(Math.abs(burned.length / earned.length - 0.04)).toBeLessThan(0.008);
  const sum = (all: readonly Points[]) => all.reduce((total, one) => total + one.points, 0);
  const rate = -sum(burned) / sum(earned);
  expect(rate).toBeGreaterThan(0.33);
  expect(rate).toBeLessThan(0.55);
});

test('tiers are dealt 70/22/7/1, and a member keeps theirs', () => {
  const world = worldOf(scenario);
  const tiers = countBy(
    Array.from({ length: 20_000 }, (_, i) => tierOf(world, i + 1)),
    ({ name }) => name,
  );
  for (const { name, share } of TIERS) {
    expect(Math.abs((tiers[name] ?? 0) / 20_000 - share)).toBeLessThan(0.01);
  }
  for (const { member_id, tier } of points) {
    expect(tierOf(world, Number(member_id.slice(1))).name).toBe(tier);
  }
});

test('members, stores and products are the same rows in every call', () => {
  const twenty = Array.from({ length: 20 }, (_, i) => i + 1);
  const all = [...memberRows(scenario, twenty)];
  expect([...memberRows(scenario, [7])]).toEqual([all[6]]);
  expect(all[6]?.member_id).toBe(memberId(7));
  expect(all[6]?.home_store_id).toBe(7);
  expect(all.every(({ joined }) => joined < '2026-01-01' && joined > '2017-01-01')).toBe(true);
  expect(new Set(all.map(({ email }) => email)).size).toBeGreaterThan(15);
  expect([...storeRows(scenario)].map(({ store_id }) => store_id)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  const products = [...productRows(scenario)];
  expect(products.length).toBe(400);
  const { prices, rankOfSku } = worldOf(scenario);
  for (const { sku_id, price_cents } of products) {
    expect(price_cents).toBe(prices[rankOfSku[sku_id] as number]);
  }
});
