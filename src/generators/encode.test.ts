import { expect, test } from 'vitest';
import { countBy, EVERYTHING, scenarioOf, tapeUntil } from '../../test/support/retail.ts';
import { STREAMS } from '../scenario/scenario.ts';
import { encode } from './encode.ts';
import type { TapeEvent } from './event.ts';

const T0 = 1_795_770_000_000;

const events = tapeUntil(
  scenarioOf(
    ...EVERYTHING,
    'traffic.pos={receipts: 900/store/h, returns: 10%, training: 5%}',
    'traffic.wms={delist: 20%}',
    'traffic.faults.clocks={}',
    'traffic.faults.transport={}',
  ),
  30_000,
).filter(({ truth }) => truth.fault?.kind !== 'malformed');

const textOf = (event: TapeEvent) =>
  new TextDecoder('utf-8', { fatal: true }).decode(encode(event, T0));

test('a value is the text that JSON.stringify writes of the same fields', () => {
  const counts = countBy(events, ({ stream }) => stream);
  for (const stream of STREAMS) expect(counts[stream], stream).toBeGreaterThan(20);
  for (const event of events) {
    const text = textOf(event);
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
  }
});

test('every field of a body is on the wire with its value, and so are the id, the store and the stamps', () => {
  for (const event of events) {
    const value = JSON.parse(textOf(event));
    const trace = {
      event_id: event.id,
      store_id: event.store,
      event_ts: T0 + event.claimedMs,
      occurred_ms: T0 + event.occurredMs,
      due_ms: T0 + event.dueMs,
    };
    if (event.stream !== 'inventory') {
      expect(value).toEqual({ ...event.body, ...trace, schema_version: 1 });
      continue;
    }
    const { op, before, after } = event.body;
    expect(value).toEqual({
      before: before && { store_id: event.store, ...before },
      after: { ...trace, ...after },
      source: {
        ts_ms: T0 + event.occurredMs,
        connector: 'postgresql',
        db: 'retail',
        table: 'inventory',
      },
      op,
      ts_ms: T0 + event.dueMs,
    });
  }
});
