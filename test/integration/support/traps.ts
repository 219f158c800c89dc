import type { Stream } from '../../../src/scenario/scenario.ts';
import { event, type Fields, image } from './wire.ts';

const NOW_MS = 1_795_000_060_000;
const YEAR_MS = 365 * 24 * 3_600_000;
/** Values of the parameters of every query. */
export const QUERY_VALUES = { store: 1, sku: 11, now_ms: NOW_MS } as const;

/** Sends records to the topic of a stream, in their order. */
interface Sends {
  send(stream: Stream, values: readonly (Fields | Buffer | null)[]): Promise<void>;
}

/** The local time of the training receipt. */
export const LOCAL_TIME = '2026-11-27T09:15:00';

/** What a drifted record of each stream says, before its integers become text. */
const DRIFTED = {
  pos: {
    total_cents: 1_999,
    lines: [
      { line_no: 1, sku_id: 11, quantity: 3, unit_price_cents: 500, extended_cents: 1_500 },
      { line_no: 2, sku_id: 13, quantity: -1, unit_price_cents: 499, extended_cents: -499 },
    ],
  },
  wms: { quantity: -7 },
  cart: { value_cents: 1_234, items: [{ sku_id: 11, quantity: 2, price_cents: 617 }] },
  loyalty: { points: -40 },
} as const;

/** The record as a newer client sends it: another field, another schema version, every integer as text. */
function widened(record: Fields): Fields {
  const asText = JSON.parse(
    JSON.stringify(record, (_, value) => (Number.isInteger(value) ? String(value) : value)),
  ) as Fields;
  return { ...asText, schema_version: 2, channel: 'store' };
}

/** Good records with every kind of trap among them; the same for every pipeline. */
export async function sendTraps(w: Sends): Promise<void> {
  for (const stream of ['pos', 'wms', 'cart', 'loyalty'] as const) {
    await w.send(stream, [
      event(stream, `${stream}-1`, 1),
      // A year ahead: with event time anywhere in the plan, all that follow would be late.
      event(stream, `${stream}-ahead`, 2, {}, NOW_MS + YEAR_MS),
      event(stream, `${stream}-2`, 2),
      // Three retries: the same, another payload, and much later.
      event(stream, `${stream}-1`, 1),
      event(stream, `${stream}-2`, 2, { event_type: 'changed' }),
    ]);
  }
  await w.send('pos', [
    event('pos', 'pos-return', 2, {
      type: 'return',
      total_cents: -500,
      lines: [
        { line_no: 1, sku_id: 12, quantity: -1, unit_price_cents: 500, extended_cents: -500 },
      ],
    }),
    event('pos', 'pos-no-lines', 3, { total_cents: 1, lines: [] }),
    event('pos', 'training', 2, { training: true, local_time: LOCAL_TIME, total_cents: 99_900 }),
  ]);
  for (const stream of ['pos', 'wms', 'cart', 'loyalty'] as const) {
    await w.send(stream, [widened(event(stream, `drifted-${stream}`, 4, DRIFTED[stream]))]);
  }
  const row = { store: 1, sku: 11 };
  await w.send('inventory', [
    image({ ...row, version: 1, onHand: 50 }, 'inv-1'),
    image({ ...row, version: 3, onHand: 30 }, 'inv-3', NOW_MS + YEAR_MS),
    // Late, and under an id of its own: an older version loses whenever it comes.
    image({ ...row, version: 2, onHand: 40 }, 'inv-2'),
    // The same version again, under its own id and another, and with another payload.
    image({ ...row, version: 3, onHand: 30 }, 'inv-3'),
    image({ ...row, version: 3, onHand: 30 }, 'inv-3-new-id'),
    image({ ...row, version: 3, onHand: 77 }, 'inv-3'),
    image({ store: 1, sku: 12, version: 1, onHand: 2 }, 'inv-low'),
    image({ store: 2, sku: 11, version: 1, onHand: 9 }, 'inv-gone-1'),
    image({ store: 2, sku: 11, version: 3, onHand: 0, deleted: true }, 'inv-gone-3'),
    // Late and older than the deletion: it must not bring the row back.
    image({ store: 2, sku: 11, version: 2, onHand: 8 }, 'inv-gone-2'),
    widened(image({ store: 4, sku: 13, version: 5, onHand: 6 }, 'drifted-inventory')),
    image({ store: 2, sku: 12, version: 1, onHand: -4 }, 'inv-negative'),
    image({ store: 1, sku: 9_000_001, version: 1, onHand: 1_000 }, 'canary-1'),
  ]);
}

/** What every query answers then, for QUERY_VALUES. */
export const EXPECTED = {
  'store-lookup': [{ store_id: 1, sku_id: 11, on_hand: 30, version: 3, event_id: 'inv-3' }],
  'store-page': [
    { store_id: 1, sku_id: 11, on_hand: 30, version: 3 },
    { store_id: 1, sku_id: 12, on_hand: 2, version: 1 },
  ],
  // Receipts 1 and 2, the drifted one and the return; the one dated a year ahead is outside the window.
  'sku-velocity': [
    { sku_id: 11, units: 7 },
    { sku_id: 12, units: 1 },
    { sku_id: 13, units: -1 },
  ],
  revenue: [
    { store_id: 1, receipts: 1, revenue_cents: 1_500 },
    { store_id: 2, receipts: 3, revenue_cents: 2_500 },
    { store_id: 3, receipts: 1, revenue_cents: 1 },
    { store_id: 4, receipts: 1, revenue_cents: 1_999 },
  ],
  'low-stock': [
    { store_id: 2, sku_id: 12, on_hand: -4 },
    { store_id: 1, sku_id: 12, on_hand: 2 },
  ],
  'full-aggregate': [{ rows: 4, units: 34 }],
};
