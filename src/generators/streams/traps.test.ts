import { expect, test } from 'vitest';
import {
  EVERYTHING,
  ofStream,
  scenarioOf,
  storesOf,
  tapeUntil,
} from '../../../test/support/retail.ts';
import { encode } from '../encode.ts';
import type { TapeEvent } from '../event.ts';
import { worldOf } from '../world/world.ts';

/** What sums and keys of receipts fall into: training, returns, sequence wraps, clock changes, delisted rows. */

const T0 = 1_795_770_000_000;
const STREAMS_ON = EVERYTHING.slice(0, 4);
const has = ({ truth }: TapeEvent, label: string) => truth.labels.some((one) => one === label);
const wire = (event: TapeEvent) => JSON.parse(new TextDecoder().decode(encode(event, T0)));

test('training receipts have their share (0.02 % in the field, an estimate) and move nothing', () => {
  const scenario = scenarioOf(
    ...STREAMS_ON,
    'traffic.pos={receipts: 6000/store/h, returns: 10%, training: 20%}',
  );
  const events = tapeUntil(scenario, 40_000);
  const receipts = ofStream(events, 'pos');
  const training = receipts.filter(({ body }) => body.training === true);
  expect(Math.abs(training.length / receipts.length - 0.2)).toBeLessThan(0.04);
  const moved = new Set(ofStream(events, 'loyalty').map(({ body }) => body.reference));
  for (const event of receipts) {
    const { body, truth } = event;
    expect(typeof body.training).toBe('boolean');
    expect(has(event, 'training')).toBe(body.training);
    expect(has(event, 'return')).toBe(body.type === 'return');
    expect(truth.cents).toBe(body.training ? 0 : body.total_cents);
    if (body.training) expect(moved.has(body.transaction_id)).toBe(false);
  }
  const trained = new Set(training.map(({ body }) => body.transaction_id));
  // Only sold units can be returned.
  for (const { body } of receipts) expect(trained.has(String(body.return_of))).toBe(false);
});

test('returns are labelled, and their totals are negative', () => {
  const events = ofStream(
    tapeUntil(scenarioOf('traffic.pos={returns: 30%, receipts: 4000/store/h}'), 30_000),
    'pos',
  );
  const returns = events.filter((event) => has(event, 'return'));
  expect(Math.abs(returns.length / events.length - 0.3)).toBeLessThan(0.06);
  for (const event of events) {
    expect(has(event, 'return')).toBe(event.body.type === 'return');
    if (has(event, 'return')) expect(event.truth.cents).toBeLessThanOrEqual(0);
  }
});

test('tills count up and begin again, and a key that comes twice a day is labelled', () => {
  const events = ofStream(
    tapeUntil(scenarioOf('traffic.pos={receipts: 60/store/h, sequence_to: 7}'), 3_600_000),
    'pos',
  );
  const last = new Map<string, number>();
  const seen = new Set<string>();
  const firsts = new Set<number>();
  for (const event of events) {
    const { terminal_id, sequence_number, business_day } = event.body;
    const till = `${event.store}/${terminal_id}`;
    const before = last.get(till);
    if (before !== undefined) expect(sequence_number).toBe((before % 7) + 1);
    else firsts.add(sequence_number);
    last.set(till, sequence_number);
    const key = `${till}/${business_day}/${sequence_number}`;
    expect(has(event, 'sequence_wrap')).toBe(seen.has(key));
    seen.add(key);
  }
  expect(firsts.size).toBeGreaterThan(3);
  expect(events.filter((event) => has(event, 'sequence_wrap')).length).toBeGreaterThan(100);
});

test('a new business day makes old numbers new keys', () => {
  const events = ofStream(
    tapeUntil(
      scenarioOf(
        'starts_at=2026-11-25T23:20',
        'traffic.pos={receipts: 60/store/h, sequence_to: 7}',
      ),
      3_600_000,
    ),
    'pos',
  );
  const seen = new Set<string>();
  for (const event of events) {
    const { terminal_id, sequence_number, business_day } = event.body;
    const key = `${event.store}/${terminal_id}/${business_day}/${sequence_number}`;
    expect(has(event, 'sequence_wrap')).toBe(seen.has(key));
    seen.add(key);
  }
  const wraps = events.filter((event) => has(event, 'sequence_wrap'));
  expect(new Set(wraps.map(({ body }) => body.business_day)).size).toBe(2);
});

test('a receipt says the time on the wall, and in the hour that comes twice it is labelled', () => {
  const scenario = scenarioOf(
    'starts_at=2026-11-01T01:59:30',
    'retail.clocks=us',
    'retail.time_zones=us',
    'retail.stores=40',
    'traffic.pos={receipts: 600/store/h}',
    'phases=[{name: only, for: 60s}]',
  );
  const zones = worldOf(scenario).stores;
  const seen = new Set<string>();
  for (const event of ofStream(tapeUntil(scenario, 60_000), 'pos')) {
    const { hoursBehind } = zones[event.store - 1] as (typeof zones)[number];
    const shown = event.body.local_time;
    const back = event.occurredMs >= 30_000 && hoursBehind === 0 ? 1 : 0;
    const wall = Date.UTC(2026, 10, 1, 1 - hoursBehind - back, 59, 30) + event.occurredMs;
    expect(shown).toBe(new Date(wall).toISOString().slice(0, 19));
    expect(event.body.business_day).toBe(shown.slice(0, 10));
    expect(has(event, 'clock_change')).toBe(/^2026-11-01T01:/.test(shown));
    seen.add(shown.slice(0, 13));
    expect(wire(event).local_time).toBe(shown);
  }
  expect([...seen].sort()).toEqual([
    '2026-10-31T22',
    '2026-10-31T23',
    '2026-11-01T00',
    '2026-11-01T01',
  ]);
});

test('in spring an hour is missing and nothing is ambiguous', () => {
  const events = tapeUntil(scenarioOf('starts_at=2027-03-14T01:59:30', 'retail.clocks=us'), 60_000);
  const hours = new Set(ofStream(events, 'pos').map(({ body }) => body.local_time.slice(0, 13)));
  expect([...hours]).toEqual(['2027-03-14T01', '2027-03-14T03']);
  expect(events.some((event) => has(event, 'clock_change'))).toBe(false);
});

test('a share of movements is followed by a delisting, and the next movement lists the row again', () => {
  const scenario = scenarioOf(
    ...STREAMS_ON,
    'traffic.pos={receipts: 6000/store/h}',
    'traffic.wms={delist: 10%}',
    'retail={stores: 8, skus: 60, assortment: 40, hours: flat}',
  );
  const events = tapeUntil(scenario, 40_000);
  const images = ofStream(events, 'inventory');
  const deleted = images.filter(({ truth }) => truth.row?.deleted);
  const moves = images.filter(
    ({ truth, occurredMs }) => !truth.row?.deleted && occurredMs < 39_000,
  );
  expect(moves.length).toBeGreaterThan(2_000);
  expect(Math.abs(deleted.length / moves.length - 0.1)).toBeLessThan(0.015);
  const newest = new Map<string, { readonly version: number; readonly deleted: boolean }>();
  let relisted = 0;
  for (const event of images) {
    const row = event.truth.row as NonNullable<TapeEvent['truth']['row']>;
    const { op, before, after } = wire(event);
    const key = `${event.store}/${row.sku}`;
    expect(has(event, 'deleted')).toBe(after.deleted);
    expect(after.deleted).toBe(row.deleted);
    expect(op).toBe('u');
    expect(before.version).toBe(row.version - 1);
    if (row.deleted) expect(after.on_hand).toBe(before.on_hand);
    if (newest.get(key)?.deleted && !row.deleted) {
      expect(before.deleted).toBe(true);
      relisted++;
    }
    newest.set(key, row);
  }
  expect(relisted).toBeGreaterThan(100);
  const said = ofStream(events, 'wms').filter(({ body }) => body.biz_step === 'decommissioning');
  expect(said.length).toBe(deleted.length);
  for (const { body } of said) {
    expect(body).toMatchObject({
      disposition: 'inactive',
      quantity: 0,
      units: 0,
      location: 'store',
    });
  }
});

test('no trap that is off leaves a trace but what the wire always says', () => {
  const events = tapeUntil(scenarioOf(...STREAMS_ON), 20_000);
  for (const event of events) {
    expect(event.truth.labels.filter((label) => label !== 'return')).toEqual([]);
    expect(event.claimedMs).toBe(event.occurredMs);
    expect(event.dueMs).toBe(event.occurredMs);
    if (event.stream === 'pos') {
      expect(event.body.training).toBe(false);
      expect(event.body.local_time).toMatch(/^2026-11-25T09:00:\d\d$/);
    }
  }
  expect(storesOf(scenarioOf())).toHaveLength(8);
});
