import { expect, test } from 'vitest';
import { countBy, mean, quantile, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { TapeEvent } from '../event.ts';
import { Shelf } from '../world/shelf.ts';
import { QUANTITY_SHARES, worldOf } from '../world/world.ts';
import { PAYMENTS } from './pos.ts';

interface Line {
  readonly line_no: number;
  readonly sku_id: number;
  readonly quantity: number;
  readonly unit_price_cents: number;
  readonly extended_cents: number;
}

interface Receipt {
  readonly transaction_id: string;
  readonly terminal_id: number;
  readonly sequence_number: number;
  readonly business_day: string;
  readonly type: 'sale' | 'return';
  readonly return_of: string | null;
  readonly customer_id: string | null;
  readonly payment_method: string;
  readonly total_cents: number;
  readonly discount_cents: number;
  readonly tax_cents: number;
  readonly lines: readonly Line[];
}

const receiptsOf = (events: readonly TapeEvent[]) =>
  events.map(({ body }) => body as unknown as Receipt);

/** About 6,000 receipts of a grocer with a full assortment: what the statistics are measured on. */
const scenario = scenarioOf(
  'retail={stores: 40, skus: 2000, assortment: 2000, hours: flat}',
  'traffic.pos={receipts: 9000/store/h}',
);
const events = tapeUntil(scenario, 60_000);
const receipts = receiptsOf(events);
const sales = receipts.filter(({ type }) => type === 'sale');
const lines = sales.flatMap((sale) => sale.lines);
const share = (n: number, of: number) => n / of;

test('the stated rate is the chain’s', () => {
  expect(receipts.length / 6_000).toBeCloseTo(1, 1);
});

test('money adds up on every receipt: tender = lines - discounts + tax, in whole cents', () => {
  for (const { lines, total_cents, discount_cents, tax_cents } of receipts) {
    for (const line of lines) {
      expect(line.extended_cents).toBe(line.quantity * line.unit_price_cents);
    }
    const sum = lines.reduce((total, line) => total + line.extended_cents, 0);
    expect(Number.isInteger(total_cents)).toBe(true);
    expect(total_cents).toBe(sum - discount_cents + tax_cents);
  }
});

test('baskets: median 5, mean 9.4, 18 % of one item, 41 % of three at most', () => {
  const sizes = sales.map(({ lines }) => lines.length);
  expect(quantile(sizes, 0.5)).toBeGreaterThanOrEqual(4);
  expect(quantile(sizes, 0.5)).toBeLessThanOrEqual(5);
  expect(mean(sizes)).toBeGreaterThan(8.9);
  expect(mean(sizes)).toBeLessThan(10.1);
  expect(share(sizes.filter((n) => n === 1).length, sizes.length)).toBeCloseTo(0.181, 1);
  expect(Math.abs(share(sizes.filter((n) => n <= 3).length, sizes.length) - 0.414)).toBeLessThan(
    0.03,
  );
  expect(Math.abs(quantile(sizes, 0.9) - 21.3)).toBeLessThanOrEqual(2);
  expect(mean(sizes)).toBeCloseTo(worldOf(scenario).meanLines, 0);
  for (const { lines } of sales) {
    expect(new Set(lines.map(({ sku_id }) => sku_id)).size).toBe(lines.length);
  }
});

test('small baskets of a specialty store: median 3, mean 4.4', () => {
  const other = scenarioOf('retail.profile=specialty', 'traffic.pos={receipts: 18000/store/h}');
  const all = receiptsOf(tapeUntil(other, 60_000));
  const sizes = all.filter(({ type }) => type === 'sale').map(({ lines }) => lines.length);
  expect(quantile(sizes, 0.5)).toBe(3);
  expect(Math.abs(mean(sizes) - 4.4)).toBeLessThan(0.4);
  expect(Math.abs(share(all.length - sizes.length, all.length) - 0.1)).toBeLessThan(0.02);
  const member = all.filter(({ customer_id }) => customer_id !== null).length;
  expect(Math.abs(share(member, all.length) - 0.6)).toBeLessThan(0.04);
});

test('quantities, odd prices and discounts come in their shares', () => {
  const counted = lines.filter(({ quantity }) => quantity > 0);
  QUANTITY_SHARES.forEach((expected, i) => {
    const found = counted.filter(({ quantity }) => (i < 4 ? quantity === i + 1 : quantity > 4));
    expect(Math.abs(share(found.length, counted.length) - expected)).toBeLessThan(0.01);
  });
  const none = lines.length - counted.length;
  expect(Math.abs(share(none, lines.length) - 0.0055)).toBeLessThan(0.0015);
  const free = lines.filter(({ unit_price_cents }) => unit_price_cents === 0).length;
  expect(Math.abs(share(free, lines.length) - 0.007)).toBeLessThan(0.002);
  const gross = lines.reduce((sum, { extended_cents }) => sum + extended_cents, 0);
  const off = sales.reduce((sum, { discount_cents }) => sum + discount_cents, 0);
  // Half the lines, at a mean depth of 30 %.
  expect(Math.abs(off / gross - 0.148)).toBeLessThan(0.02);
});

test('prices: median 2.14 at the shelf, endings .99 22 %, .49 8 %, .00 3.5 %, .50 2 %', () => {
  const { prices } = worldOf(scenarioOf('retail={stores: 1, skus: 20000, assortment: 1}'));
  expect(Math.abs(quantile([...prices], 0.5) - 214)).toBeLessThan(25);
  expect(Math.abs(quantile([...prices], 0.95) - 772)).toBeLessThan(70);
  const endings = countBy(prices, (price) => String(price % 100));
  for (const [ending, expected] of [
    ['0', 0.035],
    ['99', 0.22],
    ['50', 0.02],
    ['49', 0.08],
  ] as const) {
    expect(Math.abs((endings[ending] ?? 0) / prices.length - expected)).toBeLessThan(0.01);
  }
});

test('payments come in the shares of US stores', () => {
  const found = countBy(receipts, ({ payment_method }) => payment_method);
  for (const [method, expected] of PAYMENTS) {
    expect(Math.abs(share(found[method] ?? 0, receipts.length) - expected)).toBeLessThan(0.025);
  }
});

test('four receipts in five carry a member of that store, whose trips are spread like trips', () => {
  const members = receipts.flatMap(({ customer_id }) => customer_id ?? []);
  expect(Math.abs(share(members.length, receipts.length) - 0.8)).toBeLessThan(0.02);
  const few = scenarioOf('traffic.loyalty={members: 800}', 'traffic.pos={receipts: 9000/store/h}');
  const own = tapeUntil(few, 60_000).filter(({ stream }) => stream === 'pos');
  const trips = countBy(
    receiptsOf(own).filter(({ customer_id }) => customer_id !== null),
    (r) => String(r.customer_id),
  );
  const sorted = Object.values(trips).sort((a, b) => b - a);
  const total = sorted.reduce((sum, n) => sum + n, 0);
  // Top 10 % of households make 31 % of trips; a small sample adds luck of its own.
  const top = sorted.slice(0, 80).reduce((sum, n) => sum + n, 0) / total;
  expect(top).toBeGreaterThan(0.25);
  expect(top).toBeLessThan(0.42);
  const home = own.filter(({ store, body }) => {
    const id = (body as unknown as Receipt).customer_id;
    return id !== null && (Number(id.slice(1)) - 1) % 8 === store - 1;
  }).length;
  expect(Math.abs(home / total - (1 - 0.1 * (7 / 8)))).toBeLessThan(0.04);
});

test('returns undo an earlier sale, each once, of this run or of the ledger before it', () => {
  const many = scenarioOf('traffic.pos={receipts: 9000/store/h, returns: 30%}');
  const all = receiptsOf(tapeUntil(many, 60_000));
  const returns = all.filter(({ type }) => type === 'return');
  expect(Math.abs(share(returns.length, all.length) - 0.3)).toBeLessThan(0.04);
  const sold = new Map(all.map((receipt) => [receipt.transaction_id, receipt]));
  const undone = returns.map(({ return_of }) => return_of as string);
  expect(new Set(undone).size).toBe(undone.length);
  let inRun = 0;
  for (const { return_of, lines, total_cents } of returns) {
    expect(lines.length).toBeGreaterThan(0);
    expect(total_cents).toBeLessThanOrEqual(0);
    const original = sold.get(return_of as string);
    if (return_of?.includes('TXN')) inRun++;
    for (const { sku_id, quantity } of lines) {
      expect(quantity).toBeLessThan(0);
      if (original === undefined) continue;
      const line = original.lines.find((sale) => sale.sku_id === sku_id) as Line;
      expect(-quantity).toBeLessThanOrEqual(line.quantity);
    }
  }
  expect(inRun).toBeGreaterThan(5);
  expect(inRun / returns.length).toBeLessThan(0.2);
});

test('a terminal numbers its receipts 1, 2, 3 …; transaction ids are unique; days are local', () => {
  const next = new Map<string, number>();
  events.forEach(({ store }, i) => {
    const { terminal_id, sequence_number, business_day } = receipts[i] as Receipt;
    const key = `${store}/${terminal_id}`;
    expect(sequence_number).toBe((next.get(key) ?? 0) + 1);
    next.set(key, sequence_number);
    expect(business_day).toBe('2026-11-25');
  });
  expect(new Set(receipts.map(({ transaction_id }) => transaction_id)).size).toBe(receipts.length);
  for (const { terminals, receiptsPerMs } of worldOf(scenario).stores) {
    expect(terminals).toBe(Math.ceil(Math.fround((receiptsPerMs * 3_600_000) / 32)));
  }
});

/** Zipf-Mandelbrot exponent (q = 3) by maximum likelihood on known ranks, by bisection. */
function exponentOf(counts: Float64Array): number {
  let n = 0;
  let logs = 0;
  counts.forEach((count, rank) => {
    n += count;
    logs += count * Math.log(rank + 4);
  });
  const slope = (s: number) => {
    let norm = 0;
    let weighed = 0;
    for (let rank = 0; rank < counts.length; rank++) {
      const weight = (rank + 4) ** -s;
      norm += weight;
      weighed += weight * Math.log(rank + 4);
    }
    return weighed / norm - logs / n;
  };
  let [low, high] = [0.1, 2];
  for (let i = 0; i < 40; i++) {
    const s = (low + high) / 2;
    if (slope(s) > 0) low = s;
    else high = s;
  }
  return low;
}

function rankCounts(of: Scenario, sold: readonly Line[]): Float64Array {
  const { rankOfSku } = worldOf(of);
  const counts = new Float64Array(of.retail.skus);
  for (const { sku_id } of sold) {
    const rank = rankOfSku[sku_id] as number;
    counts[rank] = (counts[rank] as number) + 1;
  }
  return counts;
}

test('SKUs follow Zipf-Mandelbrot with s = 0.74, q = 3, within 0.03', () => {
  expect(Math.abs(exponentOf(rankCounts(scenario, lines)) - 0.74)).toBeLessThan(0.03);
});

test('stores do not share one ranking: sigma of the multiplier 0.56, few common top sellers', () => {
  const world = worldOf(scenario);
  const shelves = [1, 2, 3, 4, 5].map((store) => new Shelf(world, store));
  const logs = shelves.flatMap((shelf) =>
    Array.from({ length: 2_000 }, (_, rank) => Math.log(shelf.multiplier(rank))),
  );
  const center = mean(logs);
  expect(Math.abs(Math.sqrt(mean(logs.map((x) => (x - center) ** 2))) - 0.56)).toBeLessThan(0.02);
  const tops = shelves.map((shelf) => {
    const by = (rank: number) => (world.weights[rank] as number) * shelf.multiplier(rank);
    return new Set(
      Array.from({ length: 2_000 }, (_, r) => r)
        .sort((a, b) => by(b) - by(a))
        .slice(0, 20),
    );
  });
  const overlaps = tops
    .slice(1)
    .map((other) => [...other].filter((r) => tops[0]?.has(r)).length / 20);
  expect(mean(overlaps)).toBeGreaterThan(0.1);
  expect(mean(overlaps)).toBeLessThan(0.6);
});

test('store sizes: log-normal with sigma 0.5, and a mean of exactly 1', () => {
  const sizes = worldOf(scenarioOf('retail={stores: 2000, skus: 10, assortment: 10}')).stores.map(
    ({ size }) => size,
  );
  expect(mean(sizes)).toBeCloseTo(1, 9);
  const logs = sizes.map(Math.log);
  const center = mean(logs);
  expect(Math.abs(Math.sqrt(mean(logs.map((x) => (x - center) ** 2))) - 0.5)).toBeLessThan(0.03);
});

test('US chains spread over four time zones in their shares', () => {
  const { stores } = worldOf(
    scenarioOf('retail={stores: 4000, skus: 10, assortment: 10, time_zones: us}'),
  );
  const zones = countBy(stores, ({ hoursBehind }) => String(hoursBehind));
  [0.476, 0.291, 0.067, 0.166].forEach((expected, behind) => {
    expect(Math.abs((zones[behind] ?? 0) / 4_000 - expected)).toBeLessThan(0.03);
  });
});

test('a day of a grocer falls on its hours as measured', () => {
  const day = scenarioOf(
    'retail={stores: 10, skus: 20, assortment: 20, hours: curve}',
    'traffic.pos={receipts: 30/store/h}',
    'starts_at="2026-11-25T00:00"',
  );
  const found = countBy(tapeUntil(day, 86_400_000), ({ dueMs }) =>
    String(Math.floor(dueMs / 3_600_000)),
  );
  const total = Object.values(found).reduce((sum, n) => sum + n, 0);
  expect(Math.abs(total / (10 * 24 * 30) - 1)).toBeLessThan(0.05);
  for (const [hour, percent] of [
    [3, 0.2],
    [9, 2.5],
    [12, 6.2],
    [17, 11.2],
    [22, 2.8],
  ] as const) {
    expect(Math.abs(((found[hour] ?? 0) / total) * 100 - percent)).toBeLessThan(1);
  }
});

test('a doorbuster: 40 % of lines on its twenty SKUs, some 5 % on the hottest, and only while it lasts', () => {
  const rush = scenarioOf(
    'retail={stores: 20, skus: 2000, assortment: 2000, hours: flat}',
    'traffic.pos={receipts: 1200/store/h}',
    'phases=[{name: calm, for: 30s}, {name: spike, for: 60s, load: 5x, shape: doorbuster}, {name: end, for: 30s}]',
  );
  const [hot] = worldOf(rush).hotSets;
  const skus = new Set(hot?.ranks.map((rank) => worldOf(rush).skuOfRank[rank]));
  const hottest = worldOf(rush).skuOfRank[hot?.ranks[0] as number];
  const all = tapeUntil(rush, 120_000);
  const during = (from: number, to: number) =>
    receiptsOf(all.filter(({ dueMs }) => dueMs >= from && dueMs < to)).flatMap((r) => r.lines);
  const spike = during(30_000, 90_000);
  const share = spike.filter(({ sku_id }) => skus.has(sku_id)).length / spike.length;
  // A basket holds a SKU once, which takes a little from the hot ones.
  expect(share).toBeGreaterThan(0.33);
  expect(share).toBeLessThan(0.44);
  const top = spike.filter(({ sku_id }) => sku_id === hottest).length / spike.length;
  expect(top).toBeGreaterThan(0.035);
  expect(top).toBeLessThan(0.08);
  const after = during(90_000, 120_000);
  expect(after.filter(({ sku_id }) => skus.has(sku_id)).length / after.length).toBeLessThan(0.05);
  const per = (from: number, to: number) =>
    all.filter(({ dueMs }) => dueMs >= from && dueMs < to).length / (to - from);
  expect(per(30_000, 90_000) / per(0, 30_000)).toBeGreaterThan(4);
  expect(per(30_000, 35_000) / per(80_000, 90_000)).toBeGreaterThan(2.5);
});
