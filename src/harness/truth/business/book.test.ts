import { afterEach, beforeEach, expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../../../../test/support/retail.ts';
import type { TapeEvent } from '../../../generators/event.ts';
import { preloadOf } from '../../../generators/tape.ts';
import type { Scenario } from '../../../scenario/scenario.ts';
import { type FactRow, type Facts, openFacts } from '../../facts.ts';
import { writeBook } from './book.ts';

const CUT_MS = 30_000;

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
});
afterEach(() => facts.close());

const imageFact = ({ store, id, truth, dueMs }: TapeEvent): FactRow => ({
  ...{ stream: 'inventory', event_id: id, store_id: store, role: truth.role, expect: 'row' },
  ...{ sku_id: truth.row?.sku ?? 0, version: truth.row?.version ?? 0 },
  ...{ on_hand: truth.row?.onHand ?? 0, deleted: truth.row?.deleted ?? false },
  acked_ms: dueMs + 5,
});

async function sent(scenario: Scenario): Promise<readonly TapeEvent[]> {
  const events = [...preloadOf(scenario, storesOf(scenario)), ...tapeUntil(scenario, CUT_MS)];
  const images = events.filter(({ stream }) => stream === 'inventory');
  await facts.append('events', images.map(imageFact));
  return events;
}

/** Keys whose newest image that was sent says other than BOOK. */
const differing = () =>
  facts.rows(`
    WITH newest AS (
      SELECT store_id, sku_id, arg_max(on_hand, version) AS on_hand,
        arg_max(deleted, version) AS deleted
      FROM events WHERE role <> 'copy' GROUP BY ALL
    )
    SELECT * FROM newest FULL JOIN book USING (store_id, sku_id)
    WHERE newest.on_hand IS DISTINCT FROM book.on_hand
      OR newest.deleted IS DISTINCT FROM book.deleted`);

test.each([
  ['nothing is on its way for long', []],
  [
    'every message has a delay of its own',
    ['traffic.faults.transport={slow: 20%}', 'traffic.wms={delist: 5%}'],
  ],
  [
    'events are damaged or lose their id',
    [
      'traffic.faults.duplicates={rate: 10%, delay: 200ms}',
      'traffic.faults.malformed={rate: 5%, replace: true}',
    ],
  ],
])('BOOK is what the newest images say that were sent, where %s', async (_, set) => {
  const scenario = scenarioOf(...EVERYTHING, 'traffic.pos={receipts: 2000/store/h}', ...set);
  const events = await sent(scenario);
  await writeBook(facts, scenario, CUT_MS);
  expect(await differing()).toEqual([]);
  const [counted] = await facts.rows<{ n: number; moved: number }>(`
    SELECT (SELECT count(*)::INTEGER FROM book) AS n,
      (SELECT count(DISTINCT (store_id, sku_id))::INTEGER FROM events WHERE version > 1) AS moved`);
  expect(counted?.n).toBe(scenario.retail.stores * scenario.retail.assortment);
  expect(counted?.moved).toBeGreaterThan(100);
  expect(events.length).toBeGreaterThan(1_000);
});

test('a receipt that was on its way at the cut is in BOOK when its image was there, and else not', async () => {
  const scenario = scenarioOf(...EVERYTHING, 'traffic.faults.transport={slow: 50%}');
  await sent(scenario);
  // As if the newest image of every row had been lost on its way as well.
  await facts.run(`UPDATE events SET acked_ms = NULL WHERE version > 1`);
  await writeBook(facts, scenario, CUT_MS);
  const rows = await facts.rows(`
    SELECT * FROM book JOIN events USING (store_id, sku_id)
    WHERE version = 1 AND book.on_hand <> events.on_hand`);
  expect(rows).toEqual([]);
});
