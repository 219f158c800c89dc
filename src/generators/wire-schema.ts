import type { Stream } from '../scenario/scenario.ts';

/** Types of SQL that a field on the wire is read as. */
export type WireType = 'STRING' | 'INT' | 'BIGINT' | 'BOOLEAN';

/**
 * What a record owes a reader of one field:
 * - `required`: a record without it, or with another type, is rejected
 * - `optional`: absent and null are accepted, a value of another type is not
 * - `unread`: it is on the wire, and no generated view takes it out
 */
type Need = 'required' | 'optional' | 'unread';

export interface WireField {
  readonly name: string;
  readonly type: WireType;
  readonly need: Need;
  /** What a record without it means, as a literal of SQL; without one it means NULL. */
  readonly absent?: 'FALSE';
}

/** An array of objects. A table keeps it as one array per field, position by position. */
export interface WireList {
  readonly name: string;
  readonly need: 'required' | 'optional';
  readonly fields: readonly {
    readonly name: string;
    readonly type: WireType;
    /** What the array of its values is called; null: no generated view takes it out. */
    readonly column: string | null;
  }[];
}

/** The value of one topic: a JSON object in UTF-8. */
export interface WireSchema {
  /** Where the fields lie in it. */
  readonly at: '$' | '$.after';
  /** Fields around `after`, where there are any: a change event's envelope, which no view reads. */
  readonly envelope: readonly string[];
  /** In the order in which they are judged: the first that is wrong is the reason of a rejection. */
  readonly fields: readonly WireField[];
  /** Judged after the fields. */
  readonly lists: readonly WireList[];
}

function of(need: Need, type: WireType, names: readonly string[]): readonly WireField[] {
  return names.map((name) => ({ name, type, need }));
}
const required = (type: WireType, ...names: string[]) => of('required', type, names);
const optional = (type: WireType, ...names: string[]) => of('optional', type, names);
const unread = (type: WireType, ...names: string[]) => of('unread', type, names);

/** Every record's id and stamps. `event_ts` is what a device's clock said; the others are true. Epoch ms. */
const TRACE: readonly WireField[] = [
  ...required('STRING', 'event_id'),
  ...required('INT', 'store_id'),
  ...required('BIGINT', 'event_ts', 'occurred_ms', 'due_ms'),
];

/** What every record but a row image says about itself; `channel` comes with version 2 of the schema. */
const VERSION: readonly WireField[] = [
  ...unread('INT', 'schema_version'),
  ...unread('STRING', 'channel'),
];

/**
 * The wire format, stream by stream. `encode` writes it, `damagedBytes` breaks what it requires, and the SQL
 * that decodes, types and rejects records is generated from it (src/topology/decode-sql.ts).
 */
export const WIRE: Readonly<Record<Stream, WireSchema>> = {
  pos: {
    at: '$',
    envelope: [],
    fields: [
      ...TRACE,
      ...required('STRING', 'transaction_id'),
      ...required('INT', 'terminal_id', 'sequence_number'),
      ...required('BIGINT', 'total_cents'),
      ...optional('STRING', 'event_type', 'business_day', 'local_time', 'type'),
      ...optional('STRING', 'customer_id', 'payment_method', 'currency'),
      ...optional('BIGINT', 'discount_cents', 'tax_cents'),
      { name: 'training', type: 'BOOLEAN', need: 'optional', absent: 'FALSE' },
      ...unread('STRING', 'return_of'),
      ...VERSION,
    ],
    lists: [
      {
        name: 'lines',
        need: 'required',
        fields: [
          { name: 'line_no', type: 'INT', column: null },
          { name: 'sku_id', type: 'INT', column: 'line_sku_ids' },
          { name: 'quantity', type: 'INT', column: 'line_quantities' },
          { name: 'unit_price_cents', type: 'BIGINT', column: 'line_unit_price_cents' },
          { name: 'extended_cents', type: 'BIGINT', column: 'line_extended_cents' },
        ],
      },
    ],
  },
  wms: {
    at: '$',
    envelope: [],
    fields: [
      ...TRACE,
      ...required('INT', 'sku_id', 'quantity'),
      ...required('STRING', 'biz_step'),
      ...optional('STRING', 'event_type', 'disposition', 'reason', 'location', 'reference'),
      ...unread('INT', 'units', 'committed', 'unavailable'),
      ...VERSION,
    ],
    lists: [],
  },
  cart: {
    at: '$',
    envelope: [],
    fields: [
      ...TRACE,
      ...required('STRING', 'session_id', 'event_name'),
      ...optional('STRING', 'event_type', 'device'),
      ...optional('BOOLEAN', 'is_bot'),
      ...optional('STRING', 'order_id'),
      ...optional('BIGINT', 'value_cents'),
      ...optional('STRING', 'fulfilment'),
      ...VERSION,
    ],
    lists: [
      {
        name: 'items',
        need: 'optional',
        fields: [
          { name: 'sku_id', type: 'INT', column: 'item_sku_ids' },
          { name: 'quantity', type: 'INT', column: 'item_quantities' },
          { name: 'price_cents', type: 'BIGINT', column: 'item_price_cents' },
        ],
      },
    ],
  },
  loyalty: {
    at: '$',
    envelope: [],
    fields: [
      ...TRACE,
      ...required('STRING', 'member_id'),
      ...required('INT', 'points'),
      ...required('STRING', 'kind'),
      ...optional('STRING', 'event_type', 'tier', 'reference'),
      ...VERSION,
    ],
    lists: [],
  },
  inventory: {
    at: '$.after',
    envelope: ['before', 'after', 'source', 'op', 'ts_ms'],
    fields: [
      ...TRACE,
      ...required('INT', 'sku_id', 'on_hand'),
      ...required('BIGINT', 'version'),
      ...optional('INT', 'committed', 'unavailable', 'available'),
      { name: 'deleted', type: 'BOOLEAN', need: 'optional', absent: 'FALSE' },
      ...unread('STRING', 'channel'),
    ],
    lists: [],
  },
};
