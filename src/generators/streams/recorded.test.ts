import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../../../test/support/retail.ts';
import {
  type MadeReceipt,
  RECEIPTS_MAP,
  recordingOf,
  replaying,
} from '../../../test/support/tape.ts';
import { timeline } from '../../scenario/timeline.ts';
import type { TapeEvent } from '../event.ts';
import { expectedCounts } from '../expected/rate.ts';
import { Ledger } from '../stock/ledger.ts';
import { placesOf } from '../world/recorded-tape.ts';
import { worldOf } from '../world/world.ts';

/** Receipts of stores that trade at different rates, with gaps, bursts and several at one moment. */
const made: fc.Arbitrary<MadeReceipt[]> = fc
  .array(
    fc.record({
      gapMs: fc.oneof(fc.constant(0), fc.nat(5_000), fc.nat(8 * 3_600_000)),
      store: fc.nat(20),
      member: fc.integer({ min: -1, max: 30 }),
      lines: fc.array(
        fc.tuple(fc.nat(900), fc.integer({ min: -2, max: 9 }), fc.nat(5_000), fc.nat(300)),
        { minLength: 1, maxLength: 6 },
      ),
    }),
    { minLength: 1, maxLength: 120 },
  )
  .map((receipts) => {
    let atMs = 0;
    return receipts.map(({ gapMs, ...receipt }) => {
      atMs += gapMs;
      return { ...receipt, atMs };
    });
  });

const steady: readonly MadeReceipt[] = Array.from({ length: 500 }, (_, i) => ({
  atMs: i * 1_000 + (i % 7) * 100,
  store: i % 5,
  member: i % 40,
  lines: [
    [i % 60, 1 + (i % 3), 150 + i, 20],
    [(i * 7) % 60, 1, 99, 0],
  ],
}));

interface PosBody {
  readonly transaction_id: string;
  readonly customer_id: string | null;
  readonly type: string;
  readonly total_cents: number;
  readonly tax_cents: number;
  readonly lines: readonly {
    readonly sku_id: number;
    readonly quantity: number;
    readonly unit_price_cents: number;
    readonly extended_cents: number;
  }[];
}

function originals(events: readonly TapeEvent[]): TapeEvent[] {
  return events.filter(({ stream, truth }) => stream === 'pos' && truth.role === 'original');
}

const bodyOf = ({ body }: TapeEvent) => body as unknown as PosBody;

test('the receipts due follow the load: never a stretch of sixteen away, whatever was recorded', () => {
  fc.assert(
    fc.property(made, fc.constantFrom('flat', 'doorbuster', 'flash'), (receipts, shape) => {
      const scenario = replaying(
        scenarioOf(
          'traffic.pos.receipts=6000/store/h',
          `phases=[{name: calm, for: 10s}, {name: rush, for: 10s, load: 3x, shape: ${shape}}, {name: end, for: 5s}]`,
        ),
        recordingOf(receipts),
      );
      const events = originals(tapeUntil(scenario, 25_000));
      for (const { startMs, endMs, phase } of timeline(scenario)) {
        const [expected] = expectedCounts(scenario).filter((one) => one.phase === phase.name);
        const found = events.filter(({ dueMs }) => dueMs >= startMs && dueMs < endMs).length;
        expect(Math.abs(found - (expected?.receipts as number))).toBeLessThanOrEqual(16 + 1);
      }
    }),
    { numRuns: 40 },
  );
});

test('within a stretch the spacing is as recorded, and order holds everywhere', () => {
  fc.assert(
    fc.property(made, (receipts) => {
      const places = placesOf(Float64Array.from(receipts, ({ atMs }) => atMs));
      places.forEach((place, i) => {
        expect(place).toBeGreaterThanOrEqual(i === 0 ? 0 : (places[i - 1] as number));
        expect(place).toBeLessThanOrEqual(receipts.length);
      });
    }),
  );
  const [a, b, c] = placesOf(Float64Array.of(0, 1_000, 4_000, 5_000));
  expect(((c as number) - (a as number)) / ((b as number) - (a as number))).toBeCloseTo(4, 9);
});

test('any subset of stores gives the same bytes', () => {
  fc.assert(
    fc.property(made, fc.integer({ min: 2, max: 7 }), (receipts, workers) => {
      const scenario = replaying(scenarioOf(...EVERYTHING), recordingOf(receipts));
      const alone = tapeUntil(scenario, 4_000);
      const shared = Array.from({ length: workers }, (_, worker) =>
        tapeUntil(structuredClone(scenario), 4_000, storesOf(scenario, worker, workers)),
      );
      const ordered = shared.flat().sort((x, y) => x.dueMs - y.dueMs || x.store - y.store);
      expect(JSON.stringify(ordered)).toBe(JSON.stringify(alone));
    }),
    { numRuns: 15 },
  );
});

test('one lap is the recording, line by line; then it begins again under new ids', () => {
  const scenario = replaying(scenarioOf('traffic.pos.receipts=6000/store/h'), recordingOf(steady));
  const { skuOfRank, recorded } = worldOf(scenario);
  const events = originals(tapeUntil(scenario, 100_000));
  expect(events.length).toBeGreaterThan(1_000);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  const summary = (bodies: readonly PosBody[]) =>
    bodies
      .flatMap(({ lines }) => lines.map((l) => `${l.sku_id} ${l.quantity} ${l.extended_cents}`))
      .sort();
  const wanted = steady
    .flatMap(({ lines }) => lines.map(([p, q, a, d]) => `${skuOfRank[p]} ${q} ${a + d}`))
    .sort();
  const lapMs = (lap: number) => (lap * steady.length) / (recorded?.perMs as number);
  for (const lap of [0, 1]) {
    const inLap = events.filter(
      ({ dueMs }) => dueMs >= lapMs(lap) - 1 && dueMs < lapMs(lap + 1) - 1,
    );
    expect(inLap.length).toBe(steady.length);
    expect(summary(inLap.map(bodyOf))).toEqual(wanted);
    const takings = steady.flatMap(({ lines }) => lines).reduce((sum, [, , a]) => sum + a, 0);
    expect(inLap.reduce((sum, event) => sum + bodyOf(event).total_cents, 0)).toBe(takings);
    expect(inLap.reduce((sum, { truth }) => sum + (truth.cents ?? 0), 0)).toBe(takings);
  }
});

test('quantities are kept: nothing scanned, three for five, brought back', () => {
  const receipts: MadeReceipt[] = [
    {
      atMs: 0,
      store: 0,
      lines: [
        [0, 0, 0, 0],
        [1, 3, 500, 0],
      ],
    },
    { atMs: 1, store: 0, lines: [[2, -2, -400, 0]] },
    {
      atMs: 2,
      store: 0,
      lines: [
        [2, -1, -200, 0],
        [3, 1, 100, 0],
      ],
    },
  ];
  const scenario = replaying(scenarioOf('retail.stores=1'), recordingOf(receipts));
  const [mixed, back, exchange] = originals(tapeUntil(scenario, 60_000)).map(bodyOf);
  expect(mixed?.lines).toMatchObject([
    { quantity: 0, unit_price_cents: 0, extended_cents: 0 },
    { quantity: 3, unit_price_cents: 167, extended_cents: 500 },
  ]);
  expect(back).toMatchObject({ type: 'return', total_cents: -400, tax_cents: 0 });
  expect(back?.lines[0]).toMatchObject({ quantity: -2, unit_price_cents: 200 });
  expect(exchange).toMatchObject({ type: 'sale', total_cents: -100 });
});

test('stores: busiest onto largest; of fewer recorded ones, each is dealt out in turn', () => {
  const few = replaying(scenarioOf('traffic.pos.receipts=6000/store/h'), recordingOf(steady));
  const { recorded, stores } = worldOf(few);
  const counts = stores.map(({ number }) => recorded?.of(number).length as number);
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(steady.length);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  const many = steady.map((receipt, i) => ({ ...receipt, store: i < 300 ? 0 : 1 + (i % 40) }));
  const folded = worldOf(replaying(scenarioOf('retail.stores=3'), recordingOf(many)));
  const largest = [...folded.stores].sort((a, b) => b.size - a.size)[0]?.number as number;
  expect(folded.recorded?.of(largest).length).toBeGreaterThan(300);
});

test('members are the recorded ones, each another; without a column they are drawn', () => {
  const scenario = scenarioOf(
    'traffic.pos.receipts=6000/store/h',
    'traffic.loyalty={members: 5000}',
  );
  const own = originals(tapeUntil(replaying(scenario, recordingOf(steady)), 30_000));
  expect(new Set(own.map((event) => bodyOf(event).customer_id)).size).toBe(40);
  const { member: _, ...columns } = RECEIPTS_MAP.columns;
  const map = { ...RECEIPTS_MAP, columns };
  const drawn = originals(tapeUntil(replaying(scenario, recordingOf(steady), map), 30_000));
  expect(drawn.some((event) => bodyOf(event).customer_id === null)).toBe(true);
  expect(new Set(drawn.map((event) => bodyOf(event).customer_id)).size).toBeGreaterThan(60);
});

test('BOOK folds a recorded receipt like any other: stock, warehouse and points follow it', () => {
  const scenario = replaying(scenarioOf(...EVERYTHING), recordingOf(steady));
  const events = tapeUntil(scenario, 30_000);
  const ledger = new Ledger(scenario);
  for (const event of events) ledger.apply(event);
  const newest = new Map<string, TapeEvent>();
  for (const event of events) {
    if (event.stream !== 'inventory' || event.truth.role === 'copy') continue;
    newest.set(`${event.store}/${event.truth.row?.sku}`, event);
  }
  expect(newest.size).toBeGreaterThan(50);
  for (const { store, truth } of newest.values()) {
    const { sku, onHand } = truth.row as NonNullable<typeof truth.row>;
    expect(ledger.book(store, sku).onHand).toBe(onHand);
  }
  const streams = new Set(events.map(({ stream }) => stream));
  expect([...streams].sort()).toEqual(['cart', 'inventory', 'loyalty', 'pos', 'wms']);
});
