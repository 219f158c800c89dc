import { expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import type { TapeEvent } from '../event.ts';
import { worldOf } from '../world/world.ts';
import { offlineStores } from './offline.ts';

const STREAMS_ON = [...EVERYTHING.slice(0, 4), 'traffic.pos={receipts: 2000/store/h}'];
const END_MS = 25_000;
const OUTAGE = 'traffic.faults.offline={stores: 25%, at: 5s, for: 20s, replay: 40/s}';
const scenario = scenarioOf(...STREAMS_ON, OUTAGE);
const events = tapeUntil(scenario, 90_000);
const isOffline = ({ truth }: TapeEvent) => truth.labels.includes('offline');
const key = ({ stream, store, id }: TapeEvent) => `${stream}/${store}/${id}`;

/** The device a message waited with, as far as the wire tells. */
function deviceOf({ stream, store, body }: TapeEvent): string {
  return `${store}/${stream === 'pos' ? `till ${body.terminal_id}` : stream}`;
}

test('the stated share of stores is offline, one at least, and more stores only add to them', () => {
  const world = worldOf(scenario);
  expect(offlineStores(world).size).toBe(2);
  const share = (percent: number) =>
    offlineStores(worldOf(scenarioOf(`traffic.faults.offline={stores: ${percent}%}`)));
  expect(share(1).size).toBe(1);
  expect([...share(50)]).toEqual(expect.arrayContaining([...share(25)]));
  expect(share(100).size).toBe(8);
});

test('offline is what happened without an uplink, and not in the web shop or a distribution centre', () => {
  const stores = offlineStores(worldOf(scenario));
  for (const event of events) {
    const { store, stream, body, occurredMs } = event;
    const central = stream === 'cart' || (stream === 'wms' && body.location !== 'store');
    const out = stores.has(store) && occurredMs >= 5_000 && occurredMs < END_MS;
    expect(isOffline(event)).toBe(out && !central);
    if (!isOffline(event)) expect(event.dueMs).toBe(occurredMs);
  }
  expect(events.filter(isOffline).length).toBeGreaterThan(300);
});

test('a backlog goes out at the stated rate from the end of the outage on (50/s is an estimate)', () => {
  for (const store of offlineStores(worldOf(scenario))) {
    const dues = events.filter((event) => event.store === store && isOffline(event));
    dues.forEach(({ dueMs }, position) => {
      expect(dueMs).toBe(END_MS + position * 25);
    });
  }
});

test('order is kept per device and not between them, so old row images come after newer ones', () => {
  const last = new Map<string, number>();
  const newest = new Map<string, number>();
  let overtaken = 0;
  let older = 0;
  let latest = 0;
  for (const event of events) {
    const row = event.truth.row;
    if (row !== null) {
      const sku = `${event.store}/${row.sku}`;
      if (row.version < (newest.get(sku) ?? 0)) older++;
      newest.set(sku, Math.max(row.version, newest.get(sku) ?? 0));
    }
    if (!isOffline(event)) continue;
    const device = deviceOf(event);
    // Points are sent by the till of their receipt, which the wire does not say.
    if (event.stream !== 'loyalty') {
      expect(event.occurredMs).toBeGreaterThanOrEqual(last.get(device) ?? 0);
      last.set(device, event.occurredMs);
    }
    if (event.occurredMs < latest) overtaken++;
    latest = event.occurredMs;
  }
  expect(overtaken).toBeGreaterThan(50);
  expect(older).toBeGreaterThan(5);
});

test('nothing but the way differs from a tape without the outage, and nothing is lost', () => {
  const told = (list: readonly TapeEvent[]) =>
    list
      .filter(({ occurredMs }) => occurredMs < 40_000)
      .map((event) => `${key(event)} ${event.occurredMs} ${JSON.stringify(event.body)}`)
      .sort();
  expect(told(events)).toEqual(told(tapeUntil(scenarioOf(...STREAMS_ON), 40_000)));
});

test('a copy comes after its original, delays, outage and all, and is not offline or late itself', () => {
  const messy = tapeUntil(
    scenarioOf(
      ...STREAMS_ON,
      OUTAGE,
      'traffic.faults.duplicates={rate: 20%}',
      'traffic.faults.malformed={rate: 5%}',
      'traffic.faults.transport={slow_delay: 12s, slow_sigma: 0.5}',
    ),
    90_000,
  );
  const dues = new Map(
    messy
      .filter(({ truth }) => truth.role === 'original')
      .map((event) => [key(event), event.dueMs]),
  );
  const copies = messy.filter(({ truth }) => truth.role === 'copy');
  expect(copies.length).toBeGreaterThan(500);
  for (const { stream, store, truth, dueMs } of copies) {
    const originalMs = dues.get(`${stream}/${store}/${truth.copyOf}`);
    // A broken client gives one id to many originals.
    if (!truth.copyOf?.endsWith('constant')) expect(dueMs).toBeGreaterThan(originalMs as number);
    expect(truth.labels).not.toContain('offline');
    expect(truth.labels).not.toContain('late');
  }
  messy.forEach((event, i) => {
    const before = messy[i - 1];
    if (before) expect(before.dueMs).toBeLessThanOrEqual(event.dueMs);
  });
});
