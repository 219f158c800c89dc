import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { images } from '../../../../test/support/datasets.ts';
import { firstIds } from '../../../../test/support/first-ids.ts';
import { scenarioOf, storesOf, tapeUntil } from '../../../../test/support/retail.ts';
import { contract } from '../../../generators/contract.ts';
import type { PickupOrder } from '../../../generators/streams/pickups.ts';
import { preloadOf } from '../../../generators/tape.ts';
import type { Metric } from '../../../record/record.ts';
import type { Scenario } from '../../../scenario/scenario.ts';
import { timedMs } from '../../../scenario/timeline.ts';
import { type FactRow, type Facts, openFacts } from '../../facts.ts';
import { lagOf, promiseMetrics, promiseSection } from '../../measure/promises.ts';
import { type PromiseReplay, replayPromises } from './replay.ts';
import { shownStock } from './shown.ts';

const T0 = 1_795_788_000_000;

const sectionOf = (replay: PromiseReplay, staleness: readonly Metric[]) =>
  promiseSection(replay, (phase) => lagOf(staleness, replay.dataset, phase));

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
});
afterEach(() => facts.close());

const image = (version: number, available: number, more: FactRow = {}): FactRow => ({
  ...{ stream: 'inventory', store_id: 1, sku_id: 7, version, available, deleted: false },
  ...{ role: 'original', expect: 'row', kafka_offset: version },
  ...more,
});
const seen = (version: number, snapshot: string): FactRow => ({
  ...{ table_name: 'inventory', snapshot_id: snapshot, store_id: 1, sku_id: 7, version },
});
const commit = (snapshot: string, seenMs: number): FactRow => ({
  ...{ table_name: 'inventory', snapshot_id: snapshot, seen_ms: T0 + seenMs },
});
const UPSERT = images('upsert');
const order: PickupOrder = {
  ...{ phase: 'only', store: 1, atMs: 0 },
  lines: [{ sku: 7, quantity: 1 }],
};

describe('what the table showed', () => {
  const shown = async (ledger: boolean) =>
    (await shownStock(facts, [order], images(ledger ? 'ledger' : 'upsert'), T0)).get(1)?.get(7);

  test('of a ledger the newest version met, of an upsert table the one written last', async () => {
    await facts.append('events', [image(1, 9), image(2, 8), image(3, 6)]);
    await facts.append('commits', [commit('a', -500), commit('b', 1_000), commit('c', 2_000)]);
    // Version 2 and 3 come in one commit: 2 was never shown. The last snapshot adds what is old.
    await facts.append('sightings', [seen(1, 'a'), seen(2, 'b'), seen(3, 'b'), seen(1, 'c')]);
    expect(await shown(true)).toEqual({ atMs: [-500, 1_000], value: [9, 6] });
    expect(await shown(false)).toEqual({ atMs: [-500, 1_000, 2_000], value: [9, 6, 9] });
  });

  test('a snapshot served twice counts from the first time; a late older version changes nothing in a ledger', async () => {
    await facts.append('events', [image(1, 9), image(3, 6), image(2, 8, { expect: 'guarded' })]);
    await facts.append('commits', [commit('a', 900), commit('a', 100), commit('b', 1_000)]);
    await facts.append('sightings', [seen(3, 'a'), seen(2, 'b')]);
    expect(await shown(true)).toEqual({ atMs: [100], value: [6] });
  });

  test('a deleted row shows nothing, a repeated image its first append, a damaged one is none', async () => {
    await facts.append('events', [
      image(1, 9),
      image(1, 99, { role: 'copy', expect: 'guarded', kafka_offset: 50 }),
      image(2, 77, { expect: 'dead_letter', kafka_offset: 2 }),
      image(2, 8, { role: 'copy', kafka_offset: 60 }),
      image(3, 8, { deleted: true }),
    ]);
    await facts.append('commits', [commit('a', 1), commit('b', 2), commit('c', 3)]);
    await facts.append('sightings', [seen(1, 'a'), seen(2, 'b'), seen(3, 'c')]);
    expect(await shown(false)).toEqual({ atMs: [1, 2, 3], value: [9, 8, 0] });
  });

  test('unused columns and other tables give no warning', async () => {
    await facts.append('events', [image(1, 9), image(1, 5, { sku_id: 8 })]);
    await facts.append('commits', [{ ...commit('a', 1), table_name: 'pos' }, commit('b', 2)]);
    await facts.append('sightings', [seen(1, 'a'), { ...seen(1, 'b'), sku_id: 8 }]);
    const all = await shownStock(facts, [order], UPSERT, T0);
    expect(all.size).toBe(0);
  });
});

const shop = scenarioOf(
  'retail.stores=40',
  'traffic.wms={}',
  'traffic.inventory={}',
  'phases=[{name: warmup, for: 5s, measured: false}, {name: spike, for: 15s, load: 3x, shape: doorbuster}]',
);

/** A table that shows every image exactly `lagMs` after it happened, and the opening stock from before t0. */
async function showAll(scenario: Scenario, lagMs: number): Promise<void> {
  const expected = contract(firstIds());
  const stores = storesOf(scenario);
  const events = [...preloadOf(scenario, stores), ...tapeUntil(scenario, timedMs(scenario))].filter(
    ({ stream }) => stream === 'inventory',
  );
  await facts.append(
    'events',
    events.map((event, i) => ({
      ...{ stream: 'inventory', store_id: event.store, sku_id: event.truth.row?.sku },
      version: event.truth.row?.version,
      available: event.truth.row?.available,
      deleted: event.truth.row?.deleted,
      ...{ role: event.truth.role, expect: expected(event), kafka_offset: i },
    })),
  );
  const moments = [...new Set(events.map(({ occurredMs }) => occurredMs))];
  await facts.append(
    'commits',
    moments.map((ms) => commit(String(ms), ms + (ms < 0 ? 0 : lagMs))),
  );
  await facts.append(
    'sightings',
    events.map((event) => ({
      ...{ table_name: 'inventory', snapshot_id: String(event.occurredMs) },
      ...{ store_id: event.store, sku_id: event.truth.row?.sku },
      version: event.truth.row?.version,
    })),
  );
}

const staleness = (mean: number) => [
  {
    ...({
      name: 'staleness',
      of: 'inventory',
      phase: 'spike',
      unit: 'ms',
      better: 'lower',
    } as const),
    ...({ n: 9, shape: 'distribution', censored: 0, stats: { mean } } as const),
  },
];

describe('a run’s orders', () => {
  const replayed = async (): Promise<PromiseReplay> => {
    const replay = await replayPromises(facts, shop, { stock: UPSERT, t0Ms: T0 });
    if (replay === null) throw new Error('nothing was replayed');
    return replay;
  };

  test('a table without delay breaks none by staleness, whatever the books have wrong', async () => {
    await showAll(shop, 0);
    const [spike] = sectionOf(await replayed(), staleness(0)).phases;
    expect(spike?.line).toMatchObject({ stale: 0, missedStale: 0 });
    expect(spike?.line.phantom).toBeGreaterThan(0);
    expect(spike?.line.refused).toBeGreaterThan(spike?.line.missedPhantom as number);
    expect(spike?.check).toMatchObject({ counted: 0, sellDown: 0, lowStock: 0 });
  });

  test('with a stale table as many promises break as the formula gives, and every line is in the facts', async () => {
    await showAll(shop, 4_000);
    const replay = await replayed();
    const section = sectionOf(replay, staleness(4_000));
    const spike = section.phases[0] as (typeof section.phases)[number];
    expect(spike.check.doubt).toBeNull();
    expect(spike.staleRows).toBeGreaterThan(10);
    const [older] = sectionOf(replay, staleness(13_000)).phases;
    expect(older?.check.doubt).toMatch(/shorter than the staleness of its stock/);
    // Of one course of the stock: both forms hold to a factor of two.
    const { counted: stalePer10k = Number.NaN } = spike.check;
    for (const theory of [spike.check.sellDown, spike.check.lowStock] as number[]) {
      expect(stalePer10k / theory).toBeGreaterThan(0.5);
      expect(stalePer10k / theory).toBeLessThan(2);
    }
    const { line, order: orders } = spike;
    const kept = line.promised - line.stale - line.phantom;
    const counted = await facts.rows<{ fate: string; n: number }>(
      'SELECT fate, count(*) AS n FROM promises GROUP BY fate',
    );
    const n = (fate: string) => counted.find((row) => row.fate === fate)?.n ?? 0;
    expect([n('kept'), n('stale'), n('phantom')]).toEqual([kept, line.stale, line.phantom]);
    const metrics = promiseMetrics(replay);
    for (const [of, tally] of [
      ['line', line],
      ['order', orders],
    ] as const) {
      for (const phase of ['spike', null]) {
        expect(metrics).toContainEqual(
          expect.objectContaining({
            ...{ name: 'promises_broken', of, phase, n: tally.promised, unit: 'per 10,000' },
            value: tally.broken?.per10k,
          }),
        );
      }
    }
    expect(orders.broken?.per10k).toBeGreaterThan(line.broken?.per10k as number);
  });

  test('without a stock table there is nothing to promise on', async () => {
    expect(await replayPromises(facts, scenarioOf(), { stock: null, t0Ms: T0 })).toBeNull();
  });

  test('an empty table promises nothing: no data, and not 0', async () => {
    const replay = await replayed();
    const section = sectionOf(replay, []);
    expect(section.phases[0]?.order.promised).toBe(0);
    expect(section.phases[0]?.order.broken).toBeUndefined();
    expect(section.phases[0]?.check.doubt).toMatch(/no change/);
    expect(promiseMetrics(replay).every(({ n }) => n === 0)).toBe(true);
  });
});
