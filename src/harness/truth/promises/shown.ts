import type { Steps } from '../../../generators/stock/stock-course.ts';
import type { PickupOrder } from '../../../generators/streams/pickups.ts';
import { STOCK } from '../../../scenario/scenario.ts';
import type { ImageDataset } from '../../../topology/dataset.ts';
import type { Facts } from '../../facts.ts';
import { shownVersionsSql } from '../../shown-versions.ts';

/**
 * The stock that a reader saw, per key, from the time at which the catalog first served it. Of several images of a
 * version the first append counts, and damaged ones do not. A row without such an image is left out here; CONTRACT
 * finds it.
 */
function shownSql(stock: ImageDataset): string {
  return `
    WITH shown AS (${shownVersionsSql(stock, 'SEMI JOIN asked USING (store_id, sku_id)')}
    ), images AS (
      SELECT store_id, sku_id, version,
        arg_min(CASE WHEN deleted THEN 0 ELSE available END,
          coalesce(kafka_offset, 9223372036854775807)) AS available
      FROM events SEMI JOIN asked USING (store_id, sku_id)
      WHERE stream = '${STOCK}' AND expect <> 'dead_letter' GROUP BY ALL
    )
    SELECT store_id AS store, sku_id AS sku, seen_ms - $t0 AS "atMs", available
    FROM shown JOIN images USING (store_id, sku_id, version)
    WHERE until_ms > seen_ms
    QUALIFY version IS DISTINCT FROM
      lag(version) OVER (PARTITION BY store_id, sku_id ORDER BY seen_ms)
    ORDER BY ALL`;
}

interface Row {
  readonly store: number;
  readonly sku: number;
  readonly atMs: number;
  readonly available: number;
}

/** By store and SKU, for the SKUs of the orders. Times are offsets from t0; opening stock comes before 0. */
type Shown = ReadonlyMap<number, ReadonlyMap<number, Steps>>;

/** Reads from the facts what the view showed over time. */
export async function shownStock(
  facts: Pick<Facts, 'connect'>,
  orders: readonly PickupOrder[],
  stock: ImageDataset,
  t0Ms: number,
): Promise<Shown> {
  const sql = await facts.connect();
  try {
    await sql.run('CREATE OR REPLACE TEMP TABLE asked (store_id INTEGER, sku_id INTEGER)');
    await sql.append('asked', keysOf(orders));
    return byKey(await sql.rows<Row>(shownSql(stock), { t0: t0Ms }));
  } finally {
    sql.close();
  }
}

function keysOf(orders: readonly PickupOrder[]): { store_id: number; sku_id: number }[] {
  const stores = new Map<number, Set<number>>();
  for (const { store, lines } of orders) {
    const skus = stores.get(store) ?? new Set();
    stores.set(store, skus);
    for (const { sku } of lines) skus.add(sku);
  }
  return Array.from(stores, ([store_id, skus]) =>
    Array.from(skus, (sku_id) => ({ store_id, sku_id })),
  ).flat();
}

function byKey(rows: readonly Row[]): Shown {
  const stores = new Map<number, Map<number, { atMs: number[]; value: number[] }>>();
  for (const { store, sku, atMs, available } of rows) {
    const skus = stores.get(store) ?? new Map<number, { atMs: number[]; value: number[] }>();
    stores.set(store, skus);
    const steps = skus.get(sku) ?? { atMs: [], value: [] };
    skus.set(sku, steps);
    steps.atMs.push(atMs);
    steps.value.push(available);
  }
  return stores;
}
