import { expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../../../test/support/retail.ts';
import { encode } from '../encode.ts';
import type { TapeEvent } from '../event.ts';
import { worldOf } from '../world/world.ts';
import { firstCrashMs } from './redelivery.ts';

const T0 = 1_795_770_000_000;
const STREAMS_ON = [...EVERYTHING.slice(0, 4), 'traffic.pos={receipts: 2000/store/h}'];
const EVERY_MS = 12_000;
const scenario = scenarioOf(...STREAMS_ON, 'traffic.faults.redelivery={every: 12s, last: 30}');
const events = tapeUntil(scenario, 60_000);
const again = ({ truth }: TapeEvent) => truth.fault?.kind === 'redelivery';

test('each store crashes every so often, in a phase of its own, and sends its last images again', () => {
  const phases = storesOf(scenario).map((store) =>
    firstCrashMs(worldOf(scenario), store, EVERY_MS),
  );
  expect(new Set(phases).size).toBe(8);
  storesOf(scenario).forEach((store, i) => {
    const own = events.filter((event) => event.store === store && event.stream === 'inventory');
    for (let crashMs = phases[i] as number; crashMs < 60_000; crashMs += EVERY_MS) {
      const sent = own.filter((event) => !again(event) && event.dueMs < crashMs).slice(-30);
      const copies = own.filter((event) => again(event) && event.dueMs === crashMs);
      expect(copies.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    }
    const at = new Set(own.filter(again).map(({ dueMs }) => (dueMs - (phases[i] ?? 0)) % EVERY_MS));
    expect([...at]).toEqual([0]);
  });
});

test('what comes again is the row as it was, later, as a copy of its original', () => {
  const originals = new Map(
    events.filter((event) => !again(event)).map((event) => [`${event.stream}/${event.id}`, event]),
  );
  const wire = (event: TapeEvent) => new TextDecoder().decode(encode(event, T0));
  const copies = events.filter(again);
  expect(copies.length).toBeGreaterThan(800);
  let afterNewer = 0;
  const newest = new Map<string, number>();
  for (const event of events.filter(({ stream }) => stream === 'inventory')) {
    const key = `${event.store}/${event.truth.row?.sku}`;
    const version = event.truth.row?.version as number;
    if (again(event)) {
      const original = originals.get(`inventory/${event.truth.copyOf}`) as TapeEvent;
      expect(event.truth.role).toBe('copy');
      expect(event.dueMs).toBeGreaterThan(original.dueMs);
      expect(wire({ ...event, dueMs: original.dueMs })).toBe(wire(original));
      if (version < (newest.get(key) ?? 0)) afterNewer++;
    }
    newest.set(key, Math.max(version, newest.get(key) ?? 0));
  }
  expect(afterNewer).toBeGreaterThan(20);
});

test('everything else is as without it', () => {
  const clean = tapeUntil(scenarioOf(...STREAMS_ON), 60_000);
  expect(JSON.stringify(events.filter((event) => !again(event)))).toBe(JSON.stringify(clean));
});

test('without an uplink nothing is sent again, and late rows come again only once they were sent', () => {
  const messy = tapeUntil(
    scenarioOf(
      ...STREAMS_ON,
      'traffic.faults.redelivery={every: 5s, last: 10}',
      'traffic.faults.offline={stores: 50%, at: 10s, for: 20s}',
      'traffic.faults.transport={}',
    ),
    60_000,
  );
  const sent = new Set<string>();
  const offline = new Set(
    messy.filter(({ truth }) => truth.labels.includes('offline')).map(({ store }) => store),
  );
  for (const event of messy) {
    if (!again(event)) sent.add(event.id);
    else {
      expect(sent.has(event.id)).toBe(true);
      const inOutage = event.dueMs >= 10_000 && event.dueMs < 30_000;
      if (offline.has(event.store)) expect(inOutage).toBe(false);
    }
  }
});
