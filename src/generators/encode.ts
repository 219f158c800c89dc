import type { Stream } from '../scenario/scenario.ts';
import { damagedBytes } from './damage.ts';
import type { Encode, EventOf, Image, PosLine, TapeEvent } from './event.ts';
import { changesWire, inVersion } from './schema-version.ts';

/** The Kafka key: one store is one partition. */
export function keyOf(event: TapeEvent): string {
  return String(event.store);
}

/** The Kafka value: see `Encode`. */
export const encode: Encode = (event, t0Ms) => {
  // Stream and event have the one S, which the compiler does not follow into the union.
  const text = (JSON_OF[event.stream] as JsonOf<Stream>)(event, t0Ms);
  const { fault, labels } = event.truth;
  const malformed = fault?.kind === 'malformed';
  if (!malformed && !changesWire(labels)) return Buffer.from(text);
  const value = inVersion(JSON.parse(text), event.stream, labels);
  if (malformed) return damagedBytes(value, event.stream, fault.how);
  return Buffer.from(JSON.stringify(value));
};

type JsonOf<S extends Stream> = (event: EventOf<S>, t0Ms: number) => string;

/**
 * The text of a value, as `JSON.stringify` would write it of the same fields, in half the time.
 * No text needs escaping: all of them are constants and identifiers that the generators make.
 */
const JSON_OF: { readonly [S in Stream]: JsonOf<S> } = {
  pos: (event, t0Ms) => {
    const { body } = event;
    return (
      `${head(event, t0Ms)},"transaction_id":"${body.transaction_id}","terminal_id":${body.terminal_id}` +
      `,"sequence_number":${body.sequence_number},"business_day":"${body.business_day}"` +
      `,"local_time":"${body.local_time}","type":"${body.type}","training":${body.training}` +
      `,"return_of":${orNull(body.return_of)},"customer_id":${orNull(body.customer_id)}` +
      `,"payment_method":"${body.payment_method}","currency":"${body.currency}"` +
      `,"total_cents":${body.total_cents},"discount_cents":${body.discount_cents}` +
      `,"tax_cents":${body.tax_cents},"lines":${list(body.lines, line)}}`
    );
  },
  wms: (event, t0Ms) => {
    const { body } = event;
    return (
      `${head(event, t0Ms)},"sku_id":${body.sku_id},"quantity":${body.quantity},"units":${body.units}` +
      `,"committed":${body.committed},"unavailable":${body.unavailable},"biz_step":"${body.biz_step}"` +
      `,"disposition":"${body.disposition}","reason":${orNull(body.reason)}` +
      `,"location":"${body.location}","reference":${orNull(body.reference)}}`
    );
  },
  cart: (event, t0Ms) => {
    const { body } = event;
    return (
      `${head(event, t0Ms)},"session_id":"${body.session_id}","event_name":"${body.event_name}"` +
      `,"device":"${body.device}","is_bot":${body.is_bot},"items":${list(body.items, item)}` +
      `,"order_id":${orNull(body.order_id)},"value_cents":${body.value_cents}` +
      `,"fulfilment":${orNull(body.fulfilment)}}`
    );
  },
  loyalty: (event, t0Ms) => {
    const { body } = event;
    return (
      `${head(event, t0Ms)},"member_id":"${body.member_id}","points":${body.points}` +
      `,"kind":"${body.kind}","tier":"${body.tier}","reference":"${body.reference}"}`
    );
  },
  // Debezium's envelope; the id and the stamps are in the row, which is all that a table keeps.
  inventory: (event, t0Ms) => {
    const { store, id, body } = event;
    const { before, after, op } = body;
    return (
      `{"before":${before === null ? 'null' : `${image(store, before)}}`}` +
      `,"after":${image(store, after)},"event_id":"${id}",${stamps(event, t0Ms)}}` +
      `,"source":{"ts_ms":${t0Ms + event.occurredMs},"connector":"postgresql","db":"retail","table":"inventory"}` +
      `,"op":"${op}","ts_ms":${t0Ms + event.dueMs}}`
    );
  },
};

/** What every value but a row image begins with. */
function head(event: EventOf<Exclude<Stream, 'inventory'>>, t0Ms: number): string {
  return (
    `{"event_id":"${event.id}","event_type":"${event.body.event_type}","schema_version":1` +
    `,"store_id":${event.store},${stamps(event, t0Ms)}`
  );
}

function stamps({ claimedMs, occurredMs, dueMs }: TapeEvent, t0Ms: number): string {
  const occurred = String(t0Ms + occurredMs);
  // Mostly the three are one: a number of 13 digits is the most expensive text of a value.
  const claimed = claimedMs === occurredMs ? occurred : t0Ms + claimedMs;
  const due = dueMs === occurredMs ? occurred : t0Ms + dueMs;
  return `"event_ts":${claimed},"occurred_ms":${occurred},"due_ms":${due}`;
}

/** Without its closing brace: the row after a change has more fields. */
function image(store: number, row: Image): string {
  return (
    `{"store_id":${store},"sku_id":${row.sku_id},"on_hand":${row.on_hand},"committed":${row.committed}` +
    `,"unavailable":${row.unavailable},"available":${row.available},"version":${row.version}` +
    `,"deleted":${row.deleted}`
  );
}

function line(own: PosLine): string {
  return (
    `{"line_no":${own.line_no},"sku_id":${own.sku_id},"quantity":${own.quantity}` +
    `,"unit_price_cents":${own.unit_price_cents},"extended_cents":${own.extended_cents}}`
  );
}

function item(own: EventOf<'cart'>['body']['items'][number]): string {
  return `{"sku_id":${own.sku_id},"quantity":${own.quantity},"price_cents":${own.price_cents}}`;
}

function list<T>(values: readonly T[], json: (value: T) => string): string {
  let text = '';
  for (const value of values) text += text === '' ? json(value) : `,${json(value)}`;
  return `[${text}]`;
}

function orNull(text: string | null): string {
  return text === null ? 'null' : `"${text}"`;
}
