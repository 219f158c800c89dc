import type { MalformedKind, Stream } from '../../../src/scenario/scenario.ts';

/** Hand-written records as in docs/architecture.md, "Messages": the generators are not used here. */
export type Fields = Readonly<Record<string, unknown>>;

const AT_MS = 1_795_000_000_000;

function trace(id: string, store: number, atMs: number): Fields {
  return { event_id: id, store_id: store, event_ts: atMs, occurred_ms: atMs, due_ms: atMs + 5 };
}

const OWN: Readonly<Record<Exclude<Stream, 'inventory'>, Fields>> = {
  pos: {
    transaction_id: 't-1',
    terminal_id: 3,
    sequence_number: 17,
    business_day: '2026-11-27',
    type: 'sale',
    customer_id: null,
    payment_method: 'card',
    currency: 'USD',
    total_cents: 1_500,
    discount_cents: 0,
    tax_cents: 120,
    lines: [
      { line_no: 1, sku_id: 11, quantity: 2, unit_price_cents: 500, extended_cents: 1_000 },
      { line_no: 2, sku_id: 12, quantity: 1, unit_price_cents: 500, extended_cents: 500 },
    ],
  },
  wms: {
    sku_id: 11,
    quantity: -2,
    biz_step: 'picking',
    disposition: 'in_progress',
    reason: 'sale',
    location: 'store',
    reference: 'pos-1',
  },
  cart: {
    session_id: 's-1',
    event_name: 'add_to_cart',
    device: 'mobile',
    is_bot: false,
    items: [{ sku_id: 11, quantity: 1, price_cents: 500 }],
    order_id: null,
    value_cents: 500,
    fulfilment: null,
  },
  loyalty: { member_id: 'm-1', points: 15, kind: 'earn', tier: 'base', reference: 'pos-1' },
};

/** A valid record of a stream other than inventory, with some fields changed. */
export function event(
  stream: Exclude<Stream, 'inventory'>,
  id: string,
  store: number,
  changed: Fields = {},
  atMs = AT_MS,
): Fields {
  return {
    ...trace(id, store, atMs),
    event_type: `${stream}.test`,
    schema_version: 1,
    ...OWN[stream],
    ...changed,
  };
}

/** One image of a row of the inventory stream. */
export function image(
  row: {
    readonly store: number;
    readonly sku: number;
    readonly version: number;
    readonly onHand: number;
    readonly deleted?: boolean;
  },
  id: string,
  atMs = AT_MS,
): Fields {
  const after = {
    ...trace(id, row.store, atMs),
    sku_id: row.sku,
    on_hand: row.onHand,
    committed: 0,
    unavailable: 0,
    available: row.onHand,
    version: row.version,
    deleted: row.deleted ?? false,
  };
  const source = { ts_ms: atMs, connector: 'doorbuster', db: 'retail', table: 'inventory' };
  return { before: null, after, source, op: 'u', ts_ms: atMs };
}

/** A required field of each stream, to damage. */
const REQUIRED: Readonly<Record<Stream, string>> = {
  pos: 'total_cents',
  wms: 'quantity',
  cart: 'session_id',
  loyalty: 'points',
  inventory: 'on_hand',
};

/** A damaged record, and the expected reason of its rejection. */
export function damaged(stream: Stream, kind: MalformedKind): { value: Buffer; reason: string } {
  const id = `damaged-${stream}-${kind}`;
  const whole =
    stream === 'inventory'
      ? image({ store: 1, sku: 1, version: 999, onHand: 1 }, id)
      : event(stream, id, 1);
  const field = REQUIRED[stream];
  switch (kind) {
    case 'truncated':
      return { value: bytes(whole).subarray(0, -7), reason: 'not_json' };
    case 'wrong_type':
      return {
        value: bytes(withField(whole, stream, field, { not: 'a scalar' })),
        reason: `wrong_type:${field}`,
      };
    case 'missing_key':
      return {
        value: bytes(withField(whole, stream, field, undefined)),
        reason: `missing_key:${field}`,
      };
    case 'bad_utf8': {
      const value = bytes(whole);
      // In the middle of the id: a byte that is invalid in UTF-8.
      value[value.indexOf(id) + 3] = 0xff;
      return { value, reason: 'bad_utf8' };
    }
  }
}

function withField(whole: Fields, stream: Stream, field: string, value: unknown): Fields {
  if (stream !== 'inventory') return { ...whole, [field]: value };
  return { ...whole, after: { ...(whole.after as Fields), [field]: value } };
}

export function bytes(record: Fields): Buffer {
  return Buffer.from(JSON.stringify(record));
}
