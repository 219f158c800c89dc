import { afterEach, beforeEach, expect, test } from 'vitest';
import { events } from '../../../test/support/datasets.ts';
import { measurements } from '../../record/record.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { type Facts, openFacts } from '../facts.ts';
import type { MeasureContext } from './context.ts';
import { measure } from './measure.ts';

const T0 = 1_795_788_000_000;
const { scenario } = parseScenario(
  `name: skew
retail: { stores: 40 }
traffic: { pos: {} }
stack: { partitions: 8 }
phases: [{ name: load, for: 30s }]
`,
  { file: 'skew.yaml' },
);

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.append('phases', [
    { name: 'load', kind: 'load', measured: true, start_ms: T0, end_ms: T0 + 30_000 },
  ]);
});
afterEach(() => facts.close());

/** Messages of pos, by the partition and store that each index has. */
async function send(
  count: number,
  of: (i: number) => { readonly part: number; readonly store: number; readonly role?: string },
) {
  await facts.append(
    'events',
    Array.from({ length: count }, (_, i) => {
      const { part, store, role = 'original' } = of(i);
      const at = { occurred_ms: T0 + i, due_ms: T0 + i, sent_ms: T0 + i, acked_ms: T0 + i };
      const where = { part, kafka_offset: i, kafka_ms: T0 + i };
      return {
        stream: 'pos',
        event_id: `${role}${i}`,
        store_id: store,
        role,
        expect: 'row',
        ...at,
        ...where,
      };
    }),
  );
}

async function partitions() {
  const context: MeasureContext = {
    ...{ scenario, t0Ms: T0, endedMs: T0 + 40_000, datasets: [events('pos')] },
    ...{
      flinkOnOurClock: true,
      engine: 'duckdb',
      cores: 2,
      servers: null,
      clockApartMs: 0,
      appended: null,
      incidents: [],
    },
    ...{ compactions: [], truth: null, promises: null },
  };
  const { producing } = await measure(facts, context, null as never);
  return measurements.producing.parse(producing)?.partitions;
}

test('one store that sends most is named with its partition', async () => {
  await send(4_000, (i) => (i % 2 === 0 ? { part: 3, store: 17 } : { part: i % 8, store: i % 40 }));
  expect(await partitions()).toEqual([
    {
      ...{ stream: 'pos', partitions: 8, messages: 4_000, busiest: 3 },
      ...{ received: 2_500, store: 17, ofStore: 2_000, skewed: true },
    },
  ]);
});

test('even partitions are not, nor markers in one of them', async () => {
  await send(4_000, (i) => ({ part: i % 8, store: i % 40 }));
  await send(3_000, () => ({ part: 0, store: 1, role: 'marker' }));
  expect(await partitions()).toMatchObject([{ messages: 4_000, received: 500, skewed: false }]);
});

test('nor a few messages, or a partition just below twice its share', async () => {
  await send(900, () => ({ part: 1, store: 1 }));
  expect(await partitions()).toMatchObject([{ messages: 900, received: 900, skewed: false }]);
  await send(9_100, (i) => ({ part: i < 1_590 ? 1 : 2 + (i % 6), store: 2 }));
  expect(await partitions()).toMatchObject([{ messages: 10_000, received: 2_490, skewed: false }]);
  await send(100, () => ({ part: 1, store: 2, role: 'copy' }));
  expect(await partitions()).toMatchObject([{ messages: 10_100, received: 2_590, skewed: true }]);
});

test('without messages there is nothing to say', async () => {
  expect(await partitions()).toEqual([]);
});
