import { type FactRow, type Facts, openFacts } from '../../src/harness/facts.ts';
import type { BusinessDistance } from '../../src/harness/truth/business/business.ts';
import type { TablesUnderTest } from '../../src/harness/truth/tables-under-test.ts';
import type { Label } from '../../src/scenario/scenario.ts';
import { events, images, rejected } from './datasets.ts';

/** Hand-written messages and tables, to test the scores. */

export const AT = 1_795_000_000_000;
export const HOUR_MS = 3_600_000;

export const tables: TablesUnderTest = {
  datasets: [events('pos'), images('upsert'), rejected()],
  copies: { pos: 'got_pos', inventory: 'got_inventory', dead_letter: 'got_dead_letter' },
  absent: [],
  notRead: [],
  readBy: {},
};

/** Facts with the two tables, empty. */
export async function factsWithTables(): Promise<Facts> {
  const facts = await openFacts();
  await facts.run(`
    CREATE TABLE got_pos (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT, event_ts BIGINT,
      total_cents BIGINT, training BOOLEAN, terminal_id BIGINT, business_day VARCHAR,
      sequence_number BIGINT);
    CREATE TABLE got_inventory (store_id INTEGER, sku_id INTEGER, version BIGINT, on_hand INTEGER,
      deleted BOOLEAN, event_ts BIGINT)`);
  return facts;
}

let appended = 0;

/** An acknowledged message of store 1 with a correct clock; each is appended after the previous one. */
export const sent = (stream: string, eventId: string, more: FactRow = {}): FactRow => ({
  ...{ stream, event_id: eventId, store_id: 1, role: 'original', expect: 'row' },
  ...{ occurred_ms: AT, claimed_ms: AT, acked_ms: AT + 5, kafka_offset: appended++ },
  ...more,
});
export const receipt = (eventId: string, cents: number, more: FactRow = {}): FactRow =>
  sent('pos', eventId, { cents, ...more });
export const image = (
  [sku, version, onHand]: readonly [sku: number, version: number, onHand: number],
  more: FactRow = {},
): FactRow =>
  sent('inventory', `inv-${sku}-${version}`, {
    ...{ sku_id: sku, version, on_hand: onHand, deleted: false },
    ...more,
  });
export const copy = (how: string): FactRow => ({
  ...{ fault: 'duplicate', how, role: 'copy', expect: 'duplicate' },
});
export const redelivered: FactRow = {
  ...{ fault: 'redelivery', how: 'connector', role: 'copy', expect: 'guarded' },
};
export const damaged: FactRow = { fault: 'malformed', how: 'truncated', expect: 'dead_letter' };
export const labelled = (...labels: readonly Label[]): FactRow => ({ labels: labels.join('+') });

/** Scores without zeros, and with a text for what is not scored. */
export function short(
  distance: BusinessDistance,
): Readonly<Record<string, Readonly<Record<string, number | string>>>> {
  return Object.fromEntries(
    Object.entries(distance).map(([kind, score]) => {
      const numbers: Record<string, number | string> = {
        injected: score.injected,
        dropped: score.dropped.count,
        leaked: score.leaked?.count ?? 'not scored',
        keys: score.keys.count,
        units: score.units,
        cents: score.cents ?? 'not scored',
      };
      return [kind, Object.fromEntries(Object.entries(numbers).filter(([, n]) => n !== 0))];
    }),
  );
}
