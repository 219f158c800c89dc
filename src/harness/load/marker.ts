import { FIRST_CANARY_SKU, MARKER_STORE, type RowTruth } from '../../generators/event.ts';
import type { Stream } from '../../scenario/scenario.ts';

/** A marked record before it is sent. Times are epoch ms. */
export interface Marked {
  readonly stream: Stream;
  readonly id: string;
  readonly store: number;
  readonly row: RowTruth | null;
  readonly atMs: number;
  readonly value: Uint8Array;
}

const EMPTY_ROW: RowTruth = { sku: 0, version: 0, onHand: 0, available: 0, deleted: false };

/** Which partition a marker marks, and in which round of which run. */
export interface MarkerPosition {
  readonly runId: string;
  /** Which round of markers, from 0. */
  readonly round: number;
  readonly stream: Stream;
  readonly part: number;
  readonly partitions: number;
}

/** Fields that a valid record of each stream needs (docs/architecture.md, "Messages"). */
const FIELDS: Readonly<Record<Exclude<Stream, 'inventory'>, (id: string) => object>> = {
  pos: (id) => ({
    transaction_id: id,
    terminal_id: 0,
    sequence_number: 0,
    business_day: '1970-01-01',
    type: 'sale',
    customer_id: null,
    payment_method: 'cash',
    currency: 'USD',
    total_cents: 0,
    discount_cents: 0,
    tax_cents: 0,
    lines: [{ line_no: 1, sku_id: 1, quantity: 0, unit_price_cents: 0, extended_cents: 0 }],
  }),
  wms: (id) => ({
    sku_id: 1,
    quantity: 0,
    biz_step: 'cycle_counting',
    disposition: 'sellable_accessible',
    reason: 'marker',
    location: 'store',
    reference: id,
  }),
  cart: (id) => ({
    session_id: id,
    event_name: 'view_item',
    device: 'desktop',
    is_bot: false,
    items: [{ sku_id: 1, quantity: 0, price_cents: 0 }],
    order_id: null,
    value_cents: 0,
    fulfilment: null,
  }),
  loyalty: (id) => ({ member_id: id, points: 0, kind: 'earn', tier: 'base', reference: id }),
};

const bytesOf = (value: object) => new TextEncoder().encode(JSON.stringify(value));

/**
 * A valid record of a stream that marks an offset of one partition: a sink that shows it has shown
 * everything appended to the partition before it.
 */
export function goodMarker(place: MarkerPosition, atMs: number): Marked {
  const { stream, round, part, partitions } = place;
  const id = markerId(place);
  if (stream === 'inventory') {
    // A key of its own, so that no other marker supersedes it in an upsert table.
    return inventoryMark(id, MARKER_STORE, 1 + round * partitions + part, 1, atMs);
  }
  const value = bytesOf({ ...envelope(id, stream, MARKER_STORE, atMs), ...FIELDS[stream](id) });
  return { stream, id, store: MARKER_STORE, row: null, atMs, value };
}

/** A damaged record (cut short) whose payload names it, for the sink of damaged records. */
export function badMarker(place: MarkerPosition, atMs: number): Marked {
  const id = `${markerId(place)}-bad`;
  const whole = bytesOf(envelope(id, place.stream, MARKER_STORE, atMs));
  const row = place.stream === 'inventory' ? EMPTY_ROW : null;
  const value = whole.subarray(0, whole.byteLength - 2);
  return { stream: place.stream, id, store: MARKER_STORE, row, atMs, value };
}

/** A row image of a reserved SKU in a real store, which the query engine polls for. */
export function canaryMark(
  key: { readonly store: number; readonly canary: number },
  version: number,
  atMs: number,
): Marked {
  const sku = FIRST_CANARY_SKU + key.canary;
  return inventoryMark(`canary-${key.store}-${sku}-${version}`, key.store, sku, version, atMs);
}

/** Regular expression of a marker's id. It also finds one inside a payload that cannot be parsed. */
export const MARKER_ID = 'marker-[A-Za-z0-9_:.-]+';

/** Whether it is the id of a drain marker. */
export function isMarker(eventId: unknown): boolean {
  return String(eventId).startsWith('marker-');
}

function markerId({ runId, round, stream, part }: MarkerPosition): string {
  return `marker-${runId}-${round}-${stream}-${part}`;
}

function envelope(id: string, stream: Stream, store: number, atMs: number): object {
  return {
    event_id: id,
    event_type: `${stream}.marker`,
    schema_version: 1,
    store_id: store,
    event_ts: atMs,
    occurred_ms: atMs,
    due_ms: atMs,
  };
}

function inventoryMark(
  id: string,
  store: number,
  sku: number,
  version: number,
  atMs: number,
): Marked {
  const value = bytesOf({
    before: null,
    after: {
      store_id: store,
      sku_id: sku,
      on_hand: 0,
      committed: 0,
      unavailable: 0,
      available: 0,
      version,
      deleted: false,
      event_id: id,
      event_ts: atMs,
      occurred_ms: atMs,
      due_ms: atMs,
    },
    source: { ts_ms: atMs, connector: 'doorbuster', db: 'retail', table: 'inventory' },
    op: 'u',
    ts_ms: atMs,
  });
  return { stream: 'inventory', id, store, row: { ...EMPTY_ROW, sku, version }, atMs, value };
}
