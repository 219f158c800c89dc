import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { firstIds } from '../../../../test/support/first-ids.ts';
import { scenarioOf, storesOf, tapeUntil } from '../../../../test/support/retail.ts';
import { factsWithTables, tables } from '../../../../test/support/scores.ts';
import { contract } from '../../../generators/contract.ts';
import { encode } from '../../../generators/encode.ts';
import type { TapeEvent } from '../../../generators/event.ts';
import { preloadOf } from '../../../generators/tape.ts';
import { LABELS, type Label } from '../../../scenario/scenario.ts';
import type { FactRow, Facts } from '../../facts.ts';
import { judgeContract } from '../contract/oracle.ts';
import { writeBook } from './book.ts';
import { type BusinessDistance, distanceFromBook, takings } from './business.ts';

vi.setConfig({ testTimeout: 120_000 });

const T0 = 1_795_770_000_000;
const CUT_MS = 60_000;

/** Everything that can go wrong, but for what takes an event's identity. */
const SCENARIO = scenarioOf(
  'retail={stores: 6, skus: 200, assortment: 100, hours: flat, clocks: us, time_zones: us}',
  'traffic.pos={receipts: 75/store/h, returns: 15%, training: 5%, sequence_to: 2}',
  'traffic.wms={delist: 20%}',
  'traffic.inventory={}',
  'traffic.faults.duplicates={rate: 5%, delay: 300ms, kinds: {identical: 60%, new_id: 20%, changed_payload: 20%, constant_id: 0%}}',
  'traffic.faults.malformed={rate: 2%}',
  'traffic.faults.transport={slow: 10%, slow_delay: 15s}',
  'traffic.faults.offline={stores: 30%, at: 10s, for: 20s}',
  'traffic.faults.clocks={hour_off: 15%, wrong_date: 10%}',
  'traffic.faults.schema_drift={at: 10s, over: 20s, widened: 60%}',
  'traffic.faults.redelivery={every: 10s, last: 20}',
  'starts_at=2026-11-01T01:59:30',
  'phases.only.load=20x',
);

let facts: Facts;
let messages: readonly TapeEvent[];
beforeEach(async () => {
  facts = await factsWithTables();
  await facts.run(
    `CREATE TABLE got_dead_letter (topic VARCHAR, part INTEGER, kafka_offset BIGINT)`,
  );
  messages = [...preloadOf(SCENARIO, storesOf(SCENARIO)), ...tapeUntil(SCENARIO, CUT_MS)].filter(
    ({ stream }) => stream === 'pos' || stream === 'inventory',
  );
});
afterEach(() => facts.close());

/**
 * A pipeline over the bytes, in a few lines: it believes every field and keeps CONTRACT; unless `guarded`, the last
 * image of a row wins instead of the newest.
 */
async function pipeline(log: readonly TapeEvent[], guarded: boolean): Promise<void> {
  const judge = contract(firstIds());
  const events: FactRow[] = [];
  const receipts: string[] = [];
  const stock = new Map<string, string>();
  log.forEach((event, at) => {
    const { stream, store, id, truth } = event;
    const expected = judge(event);
    events.push({
      ...{ stream, event_id: id, store_id: store, role: truth.role, expect: expected },
      ...{ fault: truth.fault?.kind ?? null, how: truth.fault?.how ?? null },
      ...{ labels: truth.labels.join('+') || null, cents: truth.cents },
      ...{ sku_id: truth.row?.sku ?? null, version: truth.row?.version ?? null },
      ...{ on_hand: truth.row?.onHand ?? null, deleted: truth.row?.deleted ?? null },
      ...{ occurred_ms: T0 + event.occurredMs, claimed_ms: T0 + event.claimedMs },
      ...{ acked_ms: T0 + event.dueMs, kafka_ms: at, part: 0, kafka_offset: at },
    });
    if (expected === 'dead_letter') {
      receipts.push(`INSERT INTO got_dead_letter VALUES ('${stream}', 0, ${at})`);
      return;
    }
    if (expected !== 'row' && (guarded || expected !== 'guarded')) return;
    const wire = JSON.parse(new TextDecoder().decode(encode(event, T0)));
    const { after: row } = wire;
    if (stream === 'pos') {
      receipts.push(`INSERT INTO got_pos VALUES ('${id}', ${store}, ${at}, ${Number(wire.event_ts)},
        ${Number(wire.total_cents)}, ${wire.training ?? false}, ${Number(wire.terminal_id)},
        '${wire.business_day}', ${Number(wire.sequence_number)})`);
    } else {
      stock.set(
        `${store}/${row.sku_id}`,
        `(${store}, ${row.sku_id}, ${row.version}, ${row.on_hand}, ${row.deleted}, ${row.event_ts})`,
      );
    }
  });
  await facts.append('events', events);
  await facts.run(receipts.join(';'));
  await facts.run(`INSERT INTO got_inventory VALUES ${[...stock.values()].join(',')}`);
  await writeBook(facts, SCENARIO, CUT_MS);
}

/** Originals of the tape that have a label: what the side channel says, counted without any SQL. */
const labelled = (label: Label, stream?: string) =>
  messages.filter(
    (event) =>
      event.truth.role === 'original' &&
      event.truth.labels.includes(label) &&
      (stream === undefined || event.stream === stream),
  ).length;

const told = (distance: BusinessDistance, kind: string) => {
  const score = distance[kind];
  return [score?.injected, score?.leaked?.count, score?.dropped.count, score?.units];
};

test('a pipeline that keeps CONTRACT catches everything but what its design believes', async () => {
  await pipeline(messages, true);
  const { lost, duplicated, wrong } = await judgeContract(facts.rows, tables);
  expect([lost, duplicated, wrong]).toMatchObject([{ count: 0 }, { count: 0 }, { count: 0 }]);

  const distance = await distanceFromBook(facts.rows, tables);
  expect(distance.none).toBeUndefined();
  for (const label of LABELS) expect(labelled(label), label).toBeGreaterThan(0);
  for (const label of LABELS) {
    const believed = label === 'clock_off' || label === 'wrong_date';
    if (!believed) expect(told(distance, label), label).toEqual([labelled(label), 0, 0, 0]);
    else
      expect(distance[label]?.leaked?.count, label).toBeGreaterThanOrEqual(labelled(label, 'pos'));
  }
  for (const kind of ['identical', 'changed_payload', 'malformed', 'redelivery']) {
    const [injected, ...off] = told(distance, kind);
    expect(injected, kind).toBeGreaterThan(0);
    expect(off, kind).toEqual([0, 0, 0]);
  }
  // A new id for an old receipt is a new row: it is all that the takings are off by.
  const again = messages.filter(
    ({ stream, truth }) => stream === 'pos' && truth.fault?.how === 'new_id',
  );
  const { new_id } = distance;
  expect(new_id?.leaked?.count).toBe(again.length);
  const { book, shown } = (await takings(facts.rows, tables)) ?? { book: 0, shown: 0 };
  const leaked = again.reduce((sum, { truth }) => sum + (truth.cents ?? 0), 0);
  expect(shown - book).toBe(leaked);
  const sizes = again.reduce((sum, { truth }) => sum + Math.abs(truth.cents ?? 0), 0);
  expect(new_id?.cents).toBe(sizes);
});

test('one that takes the last image for the newest is found out, by what put the old one there', async () => {
  await pipeline(messages, false);
  const { lost } = await judgeContract(facts.rows, tables);
  const distance = await distanceFromBook(facts.rows, tables);
  const [, leaked = 0, , units = 0] = told(distance, 'redelivery');
  expect(lost.count).toBeGreaterThanOrEqual(leaked);
  expect(leaked).toBeGreaterThan(0);
  expect(units).toBeGreaterThan(0);
  // A row that an old image brought back is missed by the deletion too.
  expect(distance.deleted?.leaked?.count).toBeGreaterThan(0);
});
