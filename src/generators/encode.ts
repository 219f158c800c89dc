import type { Stream } from '../scenario/scenario.ts';
import { damagedBytes } from './damage.ts';
import type { Encode, EventOf, TapeEvent } from './event.ts';
import { inVersion } from './schema-version.ts';

const encoder = new TextEncoder();

/** Where the row images claim to come from, as a change-data-capture connector would say it. */
const SOURCE = { connector: 'postgresql', db: 'retail', table: 'inventory' } as const;

/** The Kafka key: one store is one partition. */
export function keyOf(event: TapeEvent): string {
  return String(event.store);
}

/** The Kafka value: see `Encode`. */
export const encode: Encode = (event, t0Ms) => {
  const first = event.stream === 'inventory' ? envelope(event, t0Ms) : flat(event, t0Ms);
  const { fault, labels } = event.truth;
  const value = inVersion(first, event.stream, labels);
  if (fault?.kind === 'malformed') return damagedBytes(value, event.stream, fault.how);
  return encoder.encode(JSON.stringify(value));
};

function flat(
  { id, store, occurredMs, claimedMs, dueMs, body }: EventOf<Exclude<Stream, 'inventory'>>,
  t0Ms: number,
) {
  const { event_type, ...fields } = body;
  return {
    event_id: id,
    event_type,
    schema_version: 1,
    store_id: store,
    event_ts: t0Ms + claimedMs,
    occurred_ms: t0Ms + occurredMs,
    due_ms: t0Ms + dueMs,
    ...fields,
  };
}

/** Debezium's envelope; the stamps and the id travel inside the row, which is all that a table keeps. */
function envelope(
  { id, store, occurredMs, claimedMs, dueMs, body }: EventOf<'inventory'>,
  t0Ms: number,
) {
  const { before, after, op } = body;
  return {
    before: before === null ? null : { store_id: store, ...before },
    after: {
      store_id: store,
      ...after,
      event_id: id,
      event_ts: t0Ms + claimedMs,
      occurred_ms: t0Ms + occurredMs,
      due_ms: t0Ms + dueMs,
    },
    source: { ts_ms: t0Ms + occurredMs, ...SOURCE },
    op,
    ts_ms: t0Ms + dueMs,
  };
}
