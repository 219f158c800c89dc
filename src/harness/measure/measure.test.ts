import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { events, images } from '../../../test/support/datasets.ts';
import { SERVERS } from '../../core/metrics.ts';
import { random } from '../../core/random.ts';
import { measurements } from '../../record/record.ts';
import { parseScenario } from '../../scenario/parse.ts';
import type { Check } from '../../scenario/scenario.ts';
import { type FactRow, type Facts, openFacts } from '../facts.ts';
import type { MeasureContext } from './context.ts';
import { type PhaseHealth, phaseHealth } from './health.ts';
import { type Measured, measure, measuringOf } from './measure.ts';

/** The servers of a lakehouse. */
const RUNNING = SERVERS.slice(0, SERVERS.indexOf('redis'));
const T0 = 1_795_788_000_000;
const ENDED = T0 + 60_000;

const { scenario } = parseScenario(
  `name: by-hand
retail: { stores: 2 }
traffic: { pos: {}, inventory: {} }
pipeline: { commit_every: 2s, compaction: { by: spark } }
phases:
  - { name: warmup, for: 10s, measured: false }
  - { name: spike, for: 10s, load: 5x }
  - { name: before, do: query }
  - { name: compact, do: compact }
  - { name: after, do: query }
checks:
  - staleness(inventory).p99 during spike < 5s
  - staleness(pos).p50 during spike < 5s
`,
  { file: 'by-hand.yaml' },
);

/** A check of the same scenario. */
function checkOn(text: string): Check {
  const yaml = `name: x
retail: { stores: 2 }
traffic: { pos: {}, inventory: {} }
pipeline: { compaction: { by: spark } }
phases: [{ name: spike, for: 10s }, { name: before, do: query }, { name: compact, do: compact }, { name: after, do: query }]
checks: ['${text}']
`;
  return parseScenario(yaml, { file: 'x.yaml' }).scenario.checks[0] as Check;
}

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.append('phases', [
    { name: 'warmup', kind: 'load', measured: false, start_ms: T0, end_ms: T0 + 10_000 },
    { name: 'spike', kind: 'load', measured: true, start_ms: T0 + 10_000, end_ms: T0 + 20_000 },
    { name: 'before', kind: 'query', measured: true, start_ms: T0 + 20_000, end_ms: T0 + 30_000 },
    {
      name: 'compact',
      kind: 'compact',
      measured: true,
      start_ms: T0 + 30_000,
      end_ms: T0 + 40_000,
    },
    { name: 'after', kind: 'query', measured: true, start_ms: T0 + 40_000, end_ms: T0 + 50_000 },
  ]);
});
afterEach(() => facts.close());

function run(more: Partial<MeasureContext> = {}): Promise<Measured> {
  return measure(facts, contextWith(more));
}

async function health(more: Partial<MeasureContext>): Promise<readonly PhaseHealth[]> {
  const sql = await facts.connect();
  try {
    return await phaseHealth(await measuringOf(sql, contextWith(more)));
  } finally {
    sql.close();
  }
}

function contextWith(more: Partial<MeasureContext>): MeasureContext {
  return {
    scenario,
    t0Ms: T0,
    endedMs: ENDED,
    datasets: [events('pos'), images('upsert')],
    engine: 'duckdb',
    cores: 2,
    servers: RUNNING,
    clockApartMs: 0.4,
    flinkOnOurClock: true,
    appended: null,
    incidents: [],
    compactions: [],
    truth: null,
    promises: null,
    ...more,
  };
}

/** A receipt; times are ms since t0. Each hop takes the given time, or 0. */
function receipt(id: string, occurredMs: number, hops: Partial<Hops> = {}, more: FactRow = {}) {
  const h = { ...NO_HOPS, ...hops };
  const dueMs = T0 + occurredMs + h.transport;
  const sentMs = dueMs + h.slip;
  return {
    stream: 'pos',
    event_id: id,
    store_id: 1,
    role: 'original',
    occurred_ms: T0 + occurredMs,
    due_ms: dueMs,
    sent_ms: sentMs,
    kafka_ms: sentMs + h.produce,
    acked_ms: sentMs + h.produce + 1,
    part: 0,
    kafka_offset: 0,
    bytes: 100,
    expect: 'row',
    ...more,
  };
}

interface Hops {
  readonly transport: number;
  readonly slip: number;
  readonly produce: number;
}
const NO_HOPS: Hops = { transport: 0, slip: 0, produce: 0 };

/** A change of one row of the stock. */
function stock(sku: number, version: number, occurredMs: number, more: FactRow = {}) {
  const id = `inventory-${sku}-${version}`;
  const row = { stream: 'inventory', sku_id: sku, version, on_hand: 1 };
  return receipt(id, occurredMs, {}, { ...row, ...more });
}

/** A commit, seen `seenMs` after t0; its snapshot was stamped `stampMs` before that. */
async function commit(
  table: string,
  snapshot: string,
  seenMs: number,
  rows: readonly FactRow[],
  more: FactRow & { readonly stampMs?: number } = {},
) {
  const { stampMs = 0, ...columns } = more;
  await facts.append('commits', [
    {
      table_name: table,
      snapshot_id: snapshot,
      sequence_number: 1,
      operation: 'append',
      snapshot_ms: T0 + seenMs - stampMs,
      missed_ms: T0 + seenMs - 100,
      seen_ms: T0 + seenMs,
      read_ms: T0 + seenMs + 10,
      added_data_files: 1,
      added_equality_delete_files: 0,
      added_position_delete_files: 0,
      added_dvs: 0,
      added_rows: rows.length,
      added_bytes: 1_000,
      data_files: 1,
      equality_delete_files: 0,
      position_delete_files: 0,
      live_bytes: 1_000,
      live_rows: rows.length,
      manifests: 1,
      manifest_bytes: 100,
      snapshots: 1,
      ...columns,
    },
  ]);
  await facts.append(
    'sightings',
    rows.map((row) => ({ table_name: table, snapshot_id: snapshot, store_id: 1, ...row })),
  );
}

function metric(measured: Measured, name: string, of: string | null, phase: string | null) {
  const found = measured.metrics.filter(
    (one) => one.name === name && one.of === of && one.phase === phase,
  );
  expect(found).toHaveLength(1);
  return found[0] as Measured['metrics'][number];
}

function stats(measured: Measured, name: string, of: string | null, phase: string | null) {
  const found = metric(measured, name, of, phase);
  if (found.shape !== 'distribution') throw new Error(`${name} is one number`);
  return found;
}

function value(measured: Measured, name: string, of: string | null, phase: string | null) {
  const found = metric(measured, name, of, phase);
  if (found.shape !== 'scalar') throw new Error(`${name} is a distribution`);
  return found.value;
}

describe('a known delay comes out in the hop where it was put', () => {
  const delays = {
    transport: 11,
    slip: 23,
    produce: 37,
    broker_to_flink: 410,
    flink_to_snapshot: 1_700,
    snapshot_to_visible: 53,
  };

  test('of a receipt', async () => {
    const { transport, slip, produce } = delays;
    const event = receipt('a', 12_000, { transport, slip, produce });
    await facts.append('events', [event]);
    const flinkMs = event.kafka_ms + delays.broker_to_flink;
    const seenMs = flinkMs + delays.flink_to_snapshot + delays.snapshot_to_visible;
    await commit('pos', 's1', seenMs - T0, [{ event_id: 'a', flink_ms: flinkMs }], {
      stampMs: delays.snapshot_to_visible,
    });
    const measured = await run();
    const [waterfall] = measured.waterfall;
    expect(waterfall).toMatchObject({ stream: 'pos', phase: 'spike', n: 1 });
    expect(Object.fromEntries(waterfall!.hops.map(({ hop, meanMs }) => [hop, meanMs]))).toEqual(
      delays,
    );
    const total = Object.values(delays).reduce((sum, ms) => sum + ms, 0);
    expect(waterfall!.meanMs).toBe(total);
    expect(stats(measured, 'staleness', 'pos', 'spike').stats.max).toBe(total);
    for (const [hop, ms] of Object.entries(delays)) {
      expect(stats(measured, 'hop', hop, 'spike').stats.max).toBe(ms);
    }
  });

  test('a hop that goes back in time is counted, not clipped', async () => {
    await facts.append('events', [receipt('a', 12_000, { produce: 50 })]);
    await commit('pos', 's1', 13_000, [{ event_id: 'a', flink_ms: T0 + 12_030 }], { stampMs: 500 });
    const hop = (await run()).waterfall[0]!.hops.find((one) => one.hop === 'broker_to_flink');
    expect(hop).toEqual({ hop: 'broker_to_flink', meanMs: -20, negatives: 1 });
  });

  test('staleness never counts from the actual send', async () => {
    await facts.append('events', [receipt('a', 12_000, { slip: 900 })]);
    await commit('pos', 's1', 13_000, [{ event_id: 'a', flink_ms: T0 + 12_950 }]);
    expect(stats(await run(), 'staleness', 'pos', 'spike').stats.max).toBe(1_000);
  });
});

describe('which events give a sample', () => {
  test('originals due in the phase: no copy, no preload, no canary, no marker', async () => {
    await facts.append('events', [
      receipt('warm', 9_999),
      receipt('a', 10_000),
      receipt('late', 9_990, { transport: 20 }),
      receipt('next', 20_000),
      receipt('end', 50_000),
      receipt('a', 15_000, {}, { role: 'copy', expect: 'duplicate' }),
      receipt('p', 15_000, {}, { role: 'preload' }),
      receipt('m', 15_000, {}, { role: 'marker' }),
      receipt('c', 15_000, {}, { role: 'canary' }),
      receipt('bad', 15_000, {}, { expect: 'dead_letter' }),
      receipt('used', 15_000, {}, { expect: 'duplicate' }),
    ]);
    const seen = ['warm', 'a', 'late', 'next', 'end', 'p', 'm', 'c', 'used'];
    const rows = seen.map((event_id) => ({ event_id }));
    await commit('pos', 's1', 25_000, rows);
    const measured = await run();
    expect(stats(measured, 'staleness', 'pos', 'spike').n).toBe(2);
    expect(stats(measured, 'staleness', 'pos', 'spike').stats.max).toBe(15_010);
    expect(stats(measured, 'staleness', 'pos', 'before').n).toBe(1);
    expect(stats(measured, 'staleness', 'pos', null).n).toBe(3);
    expect(measured.changes).toContainEqual({
      stream: 'pos',
      phase: 'spike',
      shown: 2,
      superseded: 0,
      guarded: 0,
      never: 0,
      copies: 1,
      mistaken: 1,
      damaged: 1,
    });
  });

  test('one sample per event, from the first time it was visible', async () => {
    await facts.append('events', [receipt('a', 12_000)]);
    await commit('pos', 's2', 16_000, [{ event_id: 'a' }]);
    await commit('pos', 's1', 14_000, [{ event_id: 'a' }]);
    const found = stats(await run(), 'staleness', 'pos', 'spike');
    expect([found.n, found.stats.max]).toEqual([1, 2_000]);
  });
});

describe('what staleness is known to', () => {
  const ids = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `r${from + i}`);
  const missed = (ms: number) => ({ missed_ms: T0 + ms });
  const visible = (rows: readonly string[]) => rows.map((event_id) => ({ event_id }));

  /** 100 receipts in two commits: of the first 85 the interval is 150 ms, of the others 2.5 s. */
  async function twoCommits() {
    await facts.append(
      'events',
      ids(0, 100).map((id) => receipt(id, 11_000)),
    );
    await commit('pos', 's1', 13_000, visible(ids(0, 85)), missed(12_850));
    await commit('pos', 's2', 16_000, visible(ids(85, 100)), missed(13_500));
    // A hundred commits that show nothing of this stream's changes count for nothing.
    for (let i = 0; i < 100; i++) await commit('pos', `e${i}`, 14_000 + i, [], missed(13_999 + i));
  }

  test('is weighted by rows: the median, and what a few of them had', async () => {
    await twoCommits();
    const { resolution, resolutionMax } = stats(await run(), 'staleness', 'pos', 'spike');
    expect([resolution, resolutionMax]).toEqual([75, 1_250]);
  });

  test('has a value per phase', async () => {
    await twoCommits();
    await facts.append('events', [receipt('late', 21_000)]);
    await commit('pos', 's3', 22_000, visible(['late']), missed(21_960));
    const measured = await run();
    const known = (phase: string | null) => {
      const { resolution, resolutionMax } = stats(measured, 'staleness', 'pos', phase);
      return [resolution, resolutionMax];
    };
    expect(known('before')).toEqual([20, 20]);
    expect(known('spike')).toEqual([75, 1_250]);
    expect(known(null)).toEqual([75, 1_250]);
  });

  test('makes a check INVALID when its own statistic is not known to a fifth of the limit', async () => {
    await twoCommits();
    const judged = (text: string) => {
      const { scenario: checked } = parseScenario(
        `name: x
retail: { stores: 1 }
traffic: { pos: {} }
phases: [{ name: spike, for: 10s }]
checks: ['${text}']
`,
        { file: 'x.yaml' },
      );
      return run({ scenario: { ...scenario, checks: checked.checks } });
    };
    // The 95th of 100 became visible between 2.5 s and 5 s after it happened.
    const coarse = await judged('staleness(pos).p95 during spike < 12s');
    expect(coarse.invalid).toMatchObject([
      {
        rule: 'resolution',
        fact: '"staleness(pos).p95 during spike < 12s" is known to within 2.50 s',
      },
    ]);
    expect((await judged('staleness(pos).p95 during spike < 13s')).invalid).toEqual([]);
    // The median lies in the first commit.
    expect((await judged('staleness(pos).p50 during spike < 3s')).invalid).toEqual([]);
    expect((await judged('age(pos).max during spike < 12s')).invalid).toHaveLength(1);
    // No reader could see a change while the catalog was down.
    await facts.append('faults', [
      {
        act: 'kill',
        server: 'catalog',
        phase: 'spike',
        start_ms: T0 + 14_000,
        back_ms: T0 + 15_000,
      },
    ]);
    expect((await judged('staleness(pos).p95 during spike < 12s')).invalid).toEqual([]);
    expect((await judged('age(pos).max during spike < 12s')).invalid).toEqual([]);
  });

  test('is nothing where nothing was visible', async () => {
    await facts.append('events', [receipt('a', 12_000)]);
    const found = stats(await run(), 'staleness', 'pos', 'spike');
    expect(found).not.toHaveProperty('resolution');
    expect(found).not.toHaveProperty('resolutionMax');
  });
});

describe('a row of an upsert table', () => {
  test('is visible with the first snapshot whose highest version is as high', async () => {
    await facts.append('events', [
      stock(7, 1, 11_000),
      stock(7, 2, 12_000),
      stock(7, 3, 13_000),
      stock(7, 4, 14_000, { expect: 'guarded' }),
      stock(7, 5, 13_500),
    ]);
    const row = (version: number) => ({ sku_id: 7, version, flink_ms: T0 + 14_000 });
    // Version 2 goes in with 3 and is never to be found; 1 comes alone; 4 is dropped for 5.
    await commit('inventory', 's1', 11_500, [row(1)]);
    await commit('inventory', 's2', 15_000, [row(2), row(3)]);
    await commit('inventory', 's3', 17_000, [row(5)]);
    const measured = await run();
    const { samples } = stats(measured, 'staleness', 'inventory', 'spike');
    expect(samples).toEqual({ kind: 'raw', values: [500, 2_000, 3_000, 3_000, 3_500] });
    expect(measured.changes?.[0]).toMatchObject({ shown: 3, superseded: 1, guarded: 1, never: 0 });
  });

  test('is not visible by an older version, by another key or by a rewrite', async () => {
    await facts.append('events', [stock(7, 2, 12_000)]);
    await commit('inventory', 's1', 13_000, [{ sku_id: 7, version: 1 }]);
    await commit('inventory', 's2', 13_000, [{ sku_id: 8, version: 9 }]);
    await commit('inventory', 's3', 14_000, [], { operation: 'replace' });
    expect(value(await run(), 'never_visible', 'inventory', 'spike')).toBe(1);
  });
});

describe('what was never visible', () => {
  test('enters the quantiles as +∞, and a check that lands on it fails', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => i + 1);
    await facts.append(
      'events',
      ids.map((id) => stock(id, 1, 12_000)),
    );
    const rows = ids.slice(0, 97).map((sku_id) => ({ sku_id, version: 1 }));
    await commit('inventory', 's1', 13_000, rows);
    const measured = await run();
    const { n, censored, stats: found } = stats(measured, 'staleness', 'inventory', 'spike');
    expect([n, censored, found.p50, found.p95, found.p99]).toEqual([100, 3, 1_000, 1_000, null]);
    expect(value(measured, 'never_visible', 'inventory', 'spike')).toBe(3);
    expect(measured.checks[0]).toMatchObject({ verdict: 'FAIL', measured: null, n: 100 });
  });

  test('where nothing was due there is nothing to judge', async () => {
    const measured = await run();
    expect(metric(measured, 'never_visible', 'inventory', 'spike')).toMatchObject({ n: 0 });
    expect(measured.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'NO_DATA']);
  });
});

describe('what only the stop of the jobs made visible', () => {
  const stop = (ms: number) => facts.append('milestones', [{ name: 'stop', at_ms: T0 + ms }]);

  test('is censored: +∞ in staleness, pending in age, counted as never visible', async () => {
    await facts.append('events', [receipt('a', 12_000), receipt('b', 13_000), stock(7, 1, 14_000)]);
    await commit('pos', 's1', 15_000, [{ event_id: 'a' }]);
    await commit('pos', 's2', 52_000, [{ event_id: 'b' }]);
    await commit('inventory', 's3', 52_000, [{ sku_id: 7, version: 1 }]);
    // Without a stop these are late, and no more than that.
    expect(stats(await run(), 'staleness', 'pos', 'spike').stats.max).toBe(39_000);
    await stop(51_000);
    const measured = await run();
    const pos = stats(measured, 'staleness', 'pos', 'spike');
    expect([pos.n, pos.censored, pos.stats.p50, pos.stats.max]).toEqual([2, 1, 3_000, null]);
    expect(stats(measured, 'staleness', 'inventory', 'spike').censored).toBe(1);
    expect(value(measured, 'never_visible', 'pos', 'spike')).toBe(1);
    expect(value(measured, 'never_visible', 'inventory', 'spike')).toBe(1);
    expect(measured.changes).toContainEqual(
      expect.objectContaining({ stream: 'pos', phase: 'spike', shown: 1, never: 1 }),
    );
    // From 13 s to the end of the last phase.
    expect(stats(measured, 'age', 'pos', 'after').stats.max).toBeGreaterThan(36_000);
    expect(measured.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'PASS']);
  });

  test('was seen by the moment of the stop, or not', async () => {
    await facts.append('events', [receipt('a', 12_000), receipt('b', 12_000)]);
    await commit('pos', 's1', 51_000, [{ event_id: 'a' }]);
    await commit('pos', 's2', 51_001, [{ event_id: 'b' }]);
    await stop(51_000);
    expect(value(await run(), 'never_visible', 'pos', 'spike')).toBe(1);
  });

  test('is no contradiction of a canary that the reader finds in it', async () => {
    const mark = { store_id: 1, sku_id: 9_000_001, version: 1 };
    const times = { due_ms: T0 + 12_000, last_miss_ms: T0 + 50_000, first_hit_ms: T0 + 52_500 };
    await facts.append('canaries', [
      { event_id: 'canary-1', ...mark, ...times, polls: 3, outcome: 'seen' },
    ]);
    await commit('inventory', 's1', 52_000, [{ sku_id: 9_000_001, version: 1 }]);
    await stop(51_000);
    const { canaries, invalid } = await run();
    expect(canaries).toMatchObject({ compared: 1, disjoint: 0 });
    expect(invalid).toEqual([]);
  });
});

describe('a ledger of the stock', () => {
  test('has not shown a version that it lacks, though a newer one is there', async () => {
    await facts.append('events', [
      stock(7, 1, 11_000),
      stock(7, 2, 12_000),
      stock(7, 3, 13_000),
      stock(7, 4, 13_000, { expect: 'guarded' }),
    ]);
    await commit('inventory', 's1', 14_000, [
      { sku_id: 7, version: 1 },
      { sku_id: 7, version: 3 },
    ]);
    await commit('inventory', 's2', 16_000, [{ sku_id: 7, version: 4 }]);
    expect(value(await run(), 'never_visible', 'inventory', 'spike')).toBe(0);
    const measured = await run({ datasets: [events('pos'), images('ledger')] });
    const { samples } = stats(measured, 'staleness', 'inventory', 'spike');
    expect(samples).toEqual({ kind: 'raw', values: [1_000, 3_000, 3_000, null] });
    expect(value(measured, 'never_visible', 'inventory', 'spike')).toBe(1);
    expect(measured.changes?.[0]).toMatchObject({ shown: 3, superseded: 0, guarded: 0, never: 1 });
    // 12 s to the end of the phase.
    expect(stats(measured, 'age', 'inventory', 'spike').stats.max).toBe(7_900);
  });
});

describe('a dataset of the stock', () => {
  test('has any name: staleness, age, files and checks are of that name', async () => {
    await facts.append('events', [stock(7, 1, 11_000)]);
    await commit('stock', 's1', 14_000, [{ sku_id: 7, version: 1 }], { data_files: 3 });
    const measured = await run({ datasets: [events('pos'), images('upsert', 'stock')] });
    expect(stats(measured, 'staleness', 'stock', 'spike').stats).toMatchObject({ p50: 3_000 });
    expect(stats(measured, 'age', 'stock', 'spike').stats).toMatchObject({ max: 2_900 });
    expect(value(measured, 'files', 'stock', 'spike')).toBe(3);
    // The load has streams, whatever the tables are called.
    const ofStream = measured.metrics.filter(({ of }) => of === 'inventory');
    expect(new Set(ofStream.map(({ name }) => name))).toEqual(new Set(['achieved']));
    // staleness(inventory) means the dataset that carries it: of one change a p99 is not known.
    expect(measured.checks[0]).toMatchObject({
      text: 'staleness(inventory).p99 during spike < 5s',
      verdict: 'NO_DATA',
      reason: expect.stringContaining('has 1: 99 more'),
    });
  });

  test('is measured by itself where another one carries the same stream', async () => {
    await facts.append('events', [stock(7, 1, 11_000), stock(7, 2, 12_000)]);
    await commit('every_image', 's1', 13_000, [{ sku_id: 7, version: 2 }]);
    await commit('every_image', 's2', 16_000, [{ sku_id: 7, version: 1 }]);
    await commit('stock', 's1', 14_000, [{ sku_id: 7, version: 2 }]);
    const both = [images('ledger', 'every_image'), images('upsert', 'stock')];
    const check = { ...checkOn('staleness(inventory).max during spike < 4s') };
    const measured = await run({ datasets: both, scenario: { ...scenario, checks: [check] } });
    const samples = (of: string) => stats(measured, 'staleness', of, 'spike').samples;
    expect(samples('every_image')).toEqual({ kind: 'raw', values: [1_000, 5_000] });
    expect(samples('stock')).toEqual({ kind: 'raw', values: [2_000, 3_000] });
    expect(measured.changes).toMatchObject([
      { stream: 'every_image', shown: 2, superseded: 0 },
      { stream: 'stock', shown: 1, superseded: 1 },
    ]);
    expect(measured.regressions).toMatchObject({ table: 'stock', count: 0 });
    expect(measured.checks.map(({ text, verdict }) => [text, verdict])).toEqual([
      ['staleness(inventory).max during spike < 4s [every_image]', 'FAIL'],
      ['staleness(inventory).max during spike < 4s [stock]', 'PASS'],
    ]);
  });
});

test('age grows until what is oldest is visible, and is 0 when nothing waits', async () => {
  await facts.append('events', [receipt('a', 10_000), receipt('b', 14_000), receipt('c', 15_000)]);
  await commit('pos', 's1', 14_000, [{ event_id: 'a' }]);
  await commit('pos', 's2', 16_000, [{ event_id: 'b' }, { event_id: 'c' }]);
  const measured = await run();
  const { n, stats: age } = stats(measured, 'age', 'pos', 'spike');
  // 4 s rising from 0 to 3.9, then 2 s from 0 to 1.9, then 4 s of nothing.
  expect([n, age.max, age.min, age.p95]).toEqual([100, 3_900, 0, 3_400]);
  expect(age.mean).toBeCloseTo((40 * 1_950 + 20 * 950) / 100);
  const series = measured.staleness.find(({ stream }) => stream === 'pos')!;
  const at = (ms: number) => ms / 1_000 - 1;
  expect(series.age[at(13_000)]).toBe(3_000);
  expect(series.age[at(14_000)]).toBe(0);
  expect(series.newest?.[at(17_000)]).toBe(2_000);
  expect(series.newest?.[at(13_000)]).toBeNull();
  expect(series.n[at(15_000)]).toBe(1);
  expect(series.max[at(15_000)]).toBe(2_000);
});

test('age of a phase in which nothing happened or waited is no finding: n = 0, and never a pass', async () => {
  await facts.append('events', [receipt('a', 12_000)]);
  await commit('pos', 's1', 14_000, [{ event_id: 'a' }]);
  const asked = (name: string, reads: string, phase: string, at: number) => ({
    ...{ name, reads, phase, mode: 'trickle', outcome: 'ok' },
    ...{ intended_ms: T0 + at, start_ms: T0 + at, end_ms: T0 + at + 100 },
  });
  await facts.append('queries', [
    asked('revenue', 'pos', 'spike', 13_000),
    asked('revenue', 'pos', 'compact', 33_000),
    asked('low-stock', 'inventory', 'spike', 13_000),
    asked('store-page', 'inventory,pos', 'spike', 13_000),
  ]);
  const checks = ['age(inventory)', 'store_age(inventory)', 'answer_age(low-stock)'].map((metric) =>
    checkOn(`${metric}.max during spike < 10s`),
  );
  const measured = await run({ scenario: { ...scenario, checks } });
  const n = (name: string, of: string, phase: string | null) => metric(measured, name, of, phase).n;
  for (const name of ['age', 'store_age']) {
    expect([n(name, 'inventory', 'spike'), n(name, 'inventory', null)]).toEqual([0, 0]);
    expect(n(name, 'pos', 'spike')).toBeGreaterThan(0);
    // After its last change was visible the stream has nothing to be late with.
    expect(n(name, 'pos', 'compact')).toBe(0);
  }
  expect(n('age', 'pos', null)).toBe(100);
  expect(n('answer_age', 'low-stock', 'spike')).toBe(0);
  expect(n('answer_age', 'revenue', 'compact')).toBe(0);
  expect(n('answer_age', 'revenue', 'spike')).toBe(1);
  // Of two tables, the one that something happened to counts.
  expect(stats(measured, 'answer_age', 'store-page', 'spike').stats.max).toBe(1_100);
  expect(measured.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'NO_DATA', 'NO_DATA']);
});

describe('age store by store', () => {
  const at = (store: number, id: string, occurredMs: number) =>
    receipt(id, occurredMs, {}, { store_id: store });

  test('names the store whose changes come late, and by how much', async () => {
    // A change a second at five stores, each visible 1 s after it happened; at store 4 one takes 7 s.
    const changes = [1, 2, 3, 4, 5].flatMap((store) =>
      Array.from({ length: 10 }, (_, i) => at(store, `${store}-${i}`, 10_000 + i * 1_000)),
    );
    await facts.append('events', changes);
    for (const [i, { event_id, occurred_ms }] of changes.entries()) {
      const delay = event_id === '4-1' ? 7_000 : 1_000;
      await commit('pos', `s${i}`, occurred_ms - T0 + delay, [{ event_id }]);
    }
    const measured = await run();
    const over = stats(measured, 'store_age', 'pos', 'spike');
    // Five stores rise from 0 to 1 s over and over: 99 % of the time is below 990 ms.
    expect(over).toMatchObject({ n: 5, stats: { min: 990, p50: 990 } });
    const found = measured.storeAge?.find((one) => one.phase === 'spike' && one.stream === 'pos');
    expect(found?.stores).toBe(5);
    expect(found?.p50).toMatchObject({ min: 500, p50: 500 });
    const [worst, next] = found?.worst ?? [];
    // From 11 s to 18 s it rises to 7 s, three times to 1 s: 4 of the 10 s pass below 1 s, the others at
    // 1 ms a ms, so that half of the time is below 2 s, and 99 % below 6.9 s.
    expect(worst).toEqual({ store: 4, p50Ms: 2_000, p99Ms: 6_900, maxMs: 7_000 });
    expect(next).toMatchObject({ store: 1, p50Ms: 500, p99Ms: 990, maxMs: 1_000 });
    expect(over.stats.max).toBe(6_900);
  });

  test('is 0 where nothing waits, and grows to the end where something never comes', async () => {
    await facts.append('events', [at(1, 'calm', 11_000), at(2, 'gone', 16_000)]);
    await commit('pos', 's1', 11_050, [{ event_id: 'calm' }]);
    const measured = await run();
    const worst = (phase: string | null) =>
      measured.storeAge?.find((one) => one.phase === phase && one.stream === 'pos')?.worst;
    // Store 1 waits for 50 ms of 10 s, which is less than 1 %: only its maximum tells.
    expect(worst('spike')).toEqual([
      { store: 2, p50Ms: 0, p99Ms: 3_900, maxMs: 4_000 },
      { store: 1, p50Ms: 0, p99Ms: 0, maxMs: 50 },
    ]);
    // The whole phase long, from 4 s to 14 s.
    expect(worst('before')?.[0]).toEqual({ store: 2, p50Ms: 9_000, p99Ms: 13_900, maxMs: 14_000 });
    // 40 s, of which 6 s nothing, then up to 34 s.
    expect(worst(null)?.[0]).toEqual({ store: 2, p50Ms: 14_000, p99Ms: 33_600, maxMs: 34_000 });
  });

  test('is what looking at every tick would have found', async () => {
    const draw = random(1, 'store-age');
    const changes = Array.from({ length: 300 }, (_, sku_id) => {
      const store_id = 1 + draw.integer(4);
      const row = stock(sku_id, 1, Math.floor(draw.next() * 30_000), { store_id });
      return { row, sighting: { sku_id, store_id, version: 1 } };
    });
    await facts.append(
      'events',
      changes.map(({ row }) => row),
    );
    for (let n = 0; n < 12; n++) {
      const some = changes.filter((_, i) => i % 12 === n);
      const last = Math.max(...some.map(({ row }) => row.occurred_ms - T0));
      // Of one commit some rows are never to be found.
      const rows = some.slice(n === 7 ? 9 : 0).map(({ sighting }) => sighting);
      await commit('inventory', `s${n}`, last + 100 * n, rows);
    }
    const measured = await run();
    for (const phase of ['spike', 'before']) {
      const found = measured.storeAge?.find(
        (one) => one.stream === 'inventory' && one.phase === phase,
      );
      expect(found?.worst).toHaveLength(3);
      for (const { store, p50Ms, p99Ms, maxMs } of found?.worst ?? []) {
        const looked = await lookedAt(store, phase);
        expect(Math.abs(p50Ms - looked.p50)).toBeLessThan(20);
        expect(Math.abs(p99Ms - looked.p99)).toBeLessThan(20);
        expect(Math.abs(maxMs - looked.max)).toBeLessThan(20);
      }
    }
  });

  /** The plain way: at every 10 ms of the phase, which change is the oldest that no commit has shown. */
  async function lookedAt(store: number, phase: string) {
    const [found] = await facts.rows<{ p50: number; p99: number; max: number }>(
      `WITH ages AS (
        SELECT greatest(0, max(CASE WHEN v.seen_ms IS NULL OR v.seen_ms > t
          THEN t - e.occurred_ms END)) AS age
        FROM (SELECT unnest(range(start_ms::BIGINT, end_ms::BIGINT, 10)) AS t FROM phases
            WHERE name = $phase)
          CROSS JOIN (FROM events WHERE store_id = $store) e
          LEFT JOIN (SELECT s.sku_id, min(c.seen_ms) AS seen_ms
            FROM sightings s JOIN commits c USING (snapshot_id) GROUP BY ALL) v USING (sku_id)
        GROUP BY t
      )
      SELECT quantile_cont(coalesce(age, 0), 0.5) AS p50,
        quantile_cont(coalesce(age, 0), 0.99) AS p99, max(age) AS max FROM ages`,
      { phase, store },
    );
    return found as { p50: number; p99: number; max: number };
  }
});

test('the floor is half the commit interval and the commit itself', async () => {
  await commit('pos', 's1', 13_000, [{ event_id: 'x' }], { stampMs: 40 });
  await commit('pos', 's2', 15_000, [{ event_id: 'y' }], { stampMs: 60 });
  const measured = await run();
  expect(value(measured, 'floor', 'pos', null)).toBe(1_050);
  expect(metric(measured, 'floor', 'inventory', null).n).toBe(0);
});

describe('the floor', () => {
  /** 40 receipts over the spike, each visible so long after it happened. */
  async function stale(ms: number) {
    const ids = Array.from({ length: 40 }, (_, i) => `r${i}`);
    await facts.append(
      'events',
      ids.map((id, i) => receipt(id, 10_000 + 250 * i)),
    );
    for (const [i, event_id] of ids.entries()) {
      await commit('pos', `s${i}`, 10_000 + 250 * i + ms, [{ event_id }], { stampMs: 40 });
    }
  }

  test('is withheld on another clock, with a warning and no data for a check', async () => {
    await stale(1_500);
    const withheld = await run({ flinkOnOurClock: false });
    expect(withheld.metrics.filter(({ name }) => name === 'floor')).toEqual([]);
    expect(withheld.warnings).toEqual([expect.stringContaining('the floor is withheld')]);
    expect((await run()).warnings).toEqual([]);
  });

  test('is withheld where a snapshot was served before it was stamped', async () => {
    await stale(1_500);
    await commit('inventory', 'x', 13_000, [{ sku_id: 1, version: 1 }], { stampMs: -3 });
    const withheld = await run();
    expect(withheld.metrics.filter(({ name }) => name === 'floor')).toEqual([]);
    expect(withheld.warnings).toEqual([expect.stringContaining('another clock')]);
  });

  test('is 1,040 ms here: a median more than a fifth below it is a warning', async () => {
    await stale(831);
    const { warnings, invalid } = await run();
    expect(warnings).toEqual([
      expect.stringContaining(
        'staleness of pos is below its floor of 1.04 s: p50 831 ms in spike (n 40)',
      ),
    ]);
    expect(invalid).toEqual([]);
  });

  test('is not undercut by less, nor by a median of a few', async () => {
    await stale(833);
    await facts.append('events', [stock(7, 1, 12_000)]);
    await commit('inventory', 'i', 12_100, [{ sku_id: 7, version: 1 }], { stampMs: 40 });
    expect((await run()).warnings).toEqual([]);
  });

  test('has a note if the phase has few commit intervals', async () => {
    await stale(831);
    const slow = { ...scenario, pipeline: { ...scenario.pipeline, commitEveryMs: 60_000 } };
    expect((await run({ scenario: slow })).warnings).toEqual([
      expect.stringContaining('in spike (n 40, over 0.2 commit intervals)'),
    ]);
  });
});

const compaction = {
  phase: 'compact',
  startMs: T0 + 33_000,
  endMs: T0 + 40_000,
  coreSeconds: 18,
  tables: ['inventory'],
  steps: [],
};

describe('queries', () => {
  const asked = (name: string, phase: string, mode: string, at: number, ms: number | null) => ({
    name,
    phase,
    mode,
    intended_ms: T0 + at,
    start_ms: T0 + at + 5,
    end_ms: T0 + at + (ms ?? 30_000),
    outcome: ms === null ? 'timeout' : 'ok',
  });

  test('count from the intended start; one without an answer is +∞', async () => {
    await facts.append('queries', [
      asked('revenue', 'spike', 'trickle', 12_000, 100),
      asked('revenue', 'spike', 'trickle', 14_000, null),
      asked('revenue', 'warmup', 'trickle', 2_000, 7),
      asked('revenue', 'before', 'trickle', 21_000, 900),
      asked('revenue', 'before', 'hot', 22_000, 200),
      asked('revenue', 'before', 'cold', 23_000, 800),
    ]);
    const measured = await run();
    const spike = stats(measured, 'query', 'revenue', 'spike');
    expect([spike.n, spike.censored, spike.stats.min, spike.stats.max]).toEqual([2, 1, 100, null]);
    expect(spike.stats.p95).toBeUndefined();
    expect(stats(measured, 'query', 'revenue', 'before').samples).toEqual({
      kind: 'raw',
      values: [200],
    });
    expect(stats(measured, 'query', 'revenue', null).n).toBe(3);
    expect(value(measured, 'query_failed', 'revenue', 'spike')).toBe(1);
    expect(value(measured, 'query_failed', 'revenue', 'before')).toBe(0);
    const cold = measured.queries.results.find(({ mode }) => mode === 'cold');
    expect(cold).toMatchObject({ phase: 'before', n: 1, outcomes: { ok: 1, timeout: 0 } });
  });

  test('of a further engine have results of their own, and none of the checked ones', async () => {
    const by = (engine: string, ms: number) => ({
      ...asked(engine === 'duckdb' ? 'revenue' : `revenue@${engine}`, 'before', 'hot', 22_000, ms),
      ...{ engine, cpu_s: ms / 1_000 },
    });
    await facts.append('queries', [by('duckdb', 200), by('spark', 900)]);
    const measured = await run();
    const found = measured.queries.results.map(({ query, engine, stats: its }) => ({
      ...{ query, engine, max: its.max },
    }));
    expect(found.toSorted((a, b) => (a.max ?? 0) - (b.max ?? 0))).toEqual([
      { query: 'revenue', engine: 'duckdb', max: 200 },
      { query: 'revenue@spark', engine: 'spark', max: 900 },
    ]);
    expect(stats(measured, 'query', 'revenue', 'before').n).toBe(1);
    expect(stats(measured, 'query', 'revenue@spark', 'before').stats.max).toBe(900);
  });

  test('count for the phase in which they were intended, however late they were started', async () => {
    await facts.append('queries', [
      { ...asked('revenue', 'before', 'trickle', 19_990, 300), start_ms: T0 + 20_150 },
      asked('revenue', 'before', 'trickle', 20_000, 100),
    ]);
    const measured = await run();
    expect(stats(measured, 'query', 'revenue', 'spike').samples).toMatchObject({ values: [300] });
    const trickle = measured.queries.results.map(({ phase, n }) => [phase, n]);
    expect(trickle).toEqual([
      ['spike', 1],
      ['before', 1],
    ]);
  });

  test('an answer is as old as what it read at its start, plus its duration', async () => {
    await facts.append('events', [receipt('a', 12_000), receipt('b', 14_000), stock(7, 1, 10_500)]);
    await commit('pos', 's1', 15_000, [{ event_id: 'a' }]);
    await commit('pos', 's2', 16_000, [{ event_id: 'b' }]);
    await commit('inventory', 's3', 15_000, [{ sku_id: 7, version: 1 }]);
    const read = (reads: string | null, name: string, at: number, ms: number | null) => ({
      ...asked(name, 'spike', 'trickle', at, ms),
      reads,
    });
    await facts.append('queries', [
      // Starts at 13,005, when the receipt of 12,000 waits; answers at 13,100.
      read('pos', 'revenue', 13_000, 100),
      // One commit on, only that of 14,000 waits; the 3 s before its start are no part of it.
      { ...read('pos', 'revenue', 12_500, 3_300), start_ms: T0 + 15_500 },
      // Nothing waits: as old as it took.
      read('pos', 'revenue', 17_000, 80),
      read('pos', 'revenue', 18_000, null),
      { ...read('pos', 'revenue', 18_500, null), outcome: 'skipped', start_ms: null, end_ms: null },
      // Of two tables the oldest counts; a table that carries no stream does not.
      read('inventory,pos,prices', 'low-stock', 13_000, 100),
      read('prices', 'store-page', 13_000, 100),
      read(null, 'store-lookup', 13_000, 100),
    ]);
    const measured = await run();
    const reads = measured.queries.results.map((result) => [result.query, result.reads]);
    expect(reads).toContainEqual(['low-stock', ['inventory', 'pos', 'prices']]);
    expect(reads).toContainEqual(['store-lookup', undefined]);
    const revenue = stats(measured, 'answer_age', 'revenue', 'spike');
    expect(revenue.samples).toEqual({ kind: 'raw', values: [75, 1_100, 1_800, null, null] });
    expect([revenue.n, revenue.censored]).toEqual([5, 2]);
    expect(stats(measured, 'answer_age', 'revenue', null).n).toBe(5);
    expect(stats(measured, 'answer_age', 'low-stock', 'spike').stats.max).toBe(2_600);
    const told = measured.metrics.filter(({ name }) => name === 'answer_age');
    expect(new Set(told.map(({ of }) => of))).toEqual(new Set(['revenue', 'low-stock']));
  });

  test('a compaction pays back by the core-seconds it saves per round', async () => {
    const hot = (name: string, phase: string, at: number, cpu_s: number) => ({
      ...asked(name, phase, 'hot', at, 900),
      cpu_s,
    });
    const ten = (name: string, phase: string, at: number, cpu: readonly [number, number]) =>
      Array.from({ length: 10 }, (_, i) => hot(name, phase, at + i, cpu[i % 2] as number));
    await facts.append('queries', [
      ...ten('revenue', 'before', 21_000, [0.8, 1.2]),
      ...ten('store-page', 'before', 23_000, [4, 4]),
      ...ten('revenue', 'after', 41_000, [0.4, 0.6]),
      ...ten('store-page', 'after', 42_000, [0.5, 0.5]),
    ]);
    const measured = await run({ compactions: [compaction] });
    const { roundBefore, roundAfter, payback } = measured.compactions[0]!;
    expect([roundBefore?.toFixed(9), roundAfter?.toFixed(9)]).toEqual([
      '5.000000000',
      '1.000000000',
    ]);
    expect(payback).toMatchObject({ kind: 'pays back', rounds: expect.closeTo(4.5), n: 10 });
    const found = metric(measured, 'payback', null, null);
    expect(found).toMatchObject({ n: 10, value: expect.closeTo(4.5) });
    expect(found).toMatchObject({
      interval: { low: expect.closeTo(4.36, 1), high: expect.closeTo(4.65, 1) },
    });
    await facts.append('queries', [asked('low-stock', 'after', 'hot', 43_000, null)]);
    expect((await run({ compactions: [compaction] })).compactions[0]?.payback.kind).toBe('no data');
  });

  test('two compactions pay back each by the rounds around it, and by no round beyond the other', async () => {
    await facts.append('phases', [
      {
        ...{ name: 'again', kind: 'compact', measured: true },
        ...{ start_ms: T0 + 50_000, end_ms: T0 + 55_000 },
      },
      {
        ...{ name: 'last', kind: 'query', measured: true },
        ...{ start_ms: T0 + 55_000, end_ms: T0 + 60_000 },
      },
    ]);
    const round = (phase: string, at: number, cpu_s: number) =>
      Array.from({ length: 10 }, (_, i) => ({
        ...asked('revenue', phase, 'hot', at + i, 900),
        cpu_s,
      }));
    await facts.append('queries', [
      ...round('before', 21_000, 8),
      ...round('after', 41_000, 2),
      ...round('last', 56_000, 1),
    ]);
    const again = {
      ...{ phase: 'again', coreSeconds: 10, tables: ['inventory'], steps: [] },
      ...{ startMs: T0 + 51_000, endMs: T0 + 54_000 },
    };
    const both = await run({ compactions: [compaction, again] });
    expect(both.compactions).toMatchObject([
      {
        phase: 'compact',
        roundBefore: 8,
        roundAfter: 2,
        payback: { kind: 'pays back', rounds: 3 },
      },
      { phase: 'again', roundBefore: 2, roundAfter: 1, payback: { kind: 'pays back', rounds: 10 } },
    ]);
    // A check on payback is on that of the last one.
    expect(value(both, 'payback', null, null)).toBe(10);
    // Without a round between them, neither knows what it alone has saved.
    await facts.run(`DELETE FROM queries WHERE phase = 'after'`);
    await facts.run(`DELETE FROM phases WHERE name = 'after'`);
    const apart = await run({ compactions: [compaction, again] });
    expect(apart.compactions.map(({ payback }) => payback)).toMatchObject([
      { kind: 'no data', reason: expect.stringContaining('no round after') },
      { kind: 'no data', reason: expect.stringContaining('no round before') },
    ]);
    expect(apart.metrics.filter(({ name }) => name === 'payback')).toEqual([]);
  });

  test('the gain lasts until the line through the answers is back where it was', async () => {
    const trickle = (at: number, ms: number) => asked('revenue', 'after', 'trickle', at, ms);
    await facts.append('queries', [
      ...[25_000, 27_000, 29_000].map((at) => asked('revenue', 'before', 'trickle', at, 1_000)),
      ...Array.from({ length: 10 }, (_, i) => trickle(40_000 + 500 * i, 100 + 5 * i)),
    ]);
    const { gainLastsMs, gainLastsInterval } = (await run({ compactions: [compaction] }))
      .compactions[0]!;
    expect(gainLastsMs).toBeCloseTo(90_000, 3);
    expect(gainLastsInterval).toMatchObject({ low: expect.closeTo(90_000, 3), n: 10 });
  });
});

test('a phase without a length owns nothing, and hides no other phase', async () => {
  // It ended as it began, and is named first or last among those that begin with it.
  for (const name of ['a', 'z']) {
    const at = T0 + 10_000;
    await facts.append('phases', [
      { name, kind: 'compact', measured: true, start_ms: at, end_ms: at },
    ]);
  }
  await facts.append('events', [receipt('a', 10_000), receipt('b', 12_000)]);
  await commit('pos', 's1', 14_000, [{ event_id: 'a' }, { event_id: 'b' }]);
  const measured = await run();
  expect(stats(measured, 'staleness', 'pos', 'spike').n).toBe(2);
  expect(value(measured, 'achieved', 'pos', 'spike')).toBe(1);
});

test('files are those of the last snapshot served by the end of the phase', async () => {
  await commit('inventory', 's1', 13_000, [], { data_files: 3, equality_delete_files: 2 });
  await commit('inventory', 's2', 19_000, [], { data_files: 5, position_delete_files: 4 });
  await commit('inventory', 's3', 21_000, [], { data_files: 1 });
  const measured = await run();
  expect(value(measured, 'files', 'inventory', 'spike')).toBe(9);
  expect(value(measured, 'files', 'inventory', 'after')).toBe(1);
});

test('achieved counts what was acknowledged by the end of the phase', async () => {
  await facts.append('events', [
    receipt('a', 12_000),
    receipt('b', 19_900, { slip: 200 }),
    receipt('c', 19_000, { slip: 5_000 }),
    receipt('d', 13_000, {}, { acked_ms: null }),
  ]);
  const measured = await run();
  expect(value(measured, 'achieved', 'pos', 'spike')).toBe(0.5);
  expect(stats(measured, 'slip', null, 'spike').stats.max).toBe(5_000);
});

test('write amplification: bytes written to the bucket per byte of accepted values', async () => {
  const s3 = (at_ms: number, bytes_in: number) => ({
    at_ms,
    api: '*',
    requests: bytes_in / 10,
    bytes_in,
    bytes_out: 0,
  });
  await facts.append('s3', [s3(T0, 500), s3(T0 + 50_000, 1_500)]);
  await facts.append('events', [
    receipt('a', 12_000),
    receipt('a', 13_000, {}, { role: 'copy', expect: 'duplicate' }),
    receipt('b', 14_000),
    receipt('marker-1', 14_000, {}, { role: 'marker' }),
    receipt('canary-1', 14_000, {}, { role: 'canary' }),
    receipt('bad', 14_000, {}, { expect: 'dead_letter' }),
  ]);
  await commit('pos', 's1', 15_000, [], { added_bytes: 400 });
  await commit('pos', 's2', 16_000, [], { added_bytes: 999, operation: 'replace' });
  const measured = await run();
  expect(value(measured, 'write_amplification', null, null)).toBe(5);
  expect(measured.cost.writeAmplification).toMatchObject({ kafkaBytes: 200, overData: 2.5 });
  expect(measured.cost.s3).toEqual({ requests: 100, bytesIn: 1_000, bytesOut: 0 });
});

describe('other programs', () => {
  const all = (atMs: number, each: number) =>
    RUNNING.map((server) => ({ server, at_ms: T0 + atMs, cpu_s: each }));
  const machine = (atMs: number, programs_s: number, more = 0) => ({
    ...{ server: 'machine', at_ms: T0 + atMs, programs_s, cpu_s: programs_s + more },
  });
  const shareOf = async (phase: string) =>
    (await health({})).find((one) => one.phase === phase)?.foreignShare;

  test('have what no account has, without interrupts and the time that was stolen or waited', async () => {
    await facts.append('resources', [
      ...[...all(9_500, 1), { server: 'harness', at_ms: T0 + 9_500, cpu_s: 3 }],
      ...[...all(20_500, 2), { server: 'harness', at_ms: T0 + 20_500, cpu_s: 5 }],
      // 11 s: 6 of the servers, 2 of the harness, 3.3 of others, 5 in interrupts.
      ...[machine(9_500, 100), machine(20_500, 111.3, 5)],
    ]);
    expect(await shareOf('spike')).toBeCloseTo(3.3 / (11 * 2), 9);
  });

  test('are unknown if the process of a server is not visible', async () => {
    const some = (atMs: number, each: number) => all(atMs, each).slice(1);
    await facts.append('resources', [
      ...[...some(10_000, 1), ...some(20_000, 2)],
      ...[machine(10_000, 100), machine(20_000, 119)],
    ]);
    expect(await shareOf('spike')).toBeUndefined();
  });

  test('are unknown if no server was started here', async () => {
    await facts.append('resources', [
      ...[...all(10_000, 1), ...all(20_000, 2)],
      ...[machine(10_000, 100), machine(20_000, 119)],
    ]);
    const spike = (await health({ servers: null })).find(({ phase }) => phase === 'spike');
    expect(spike?.foreignShare).toBeUndefined();
    expect(await shareOf('spike')).toBeGreaterThan(0);
  });

  test('take nothing of a server that is away, or of a compaction that has just begun', async () => {
    const kafka = (atMs: number, cpu_s: number) => ({
      ...{ server: 'kafka', at_ms: T0 + atMs, cpu_s },
    });
    await facts.append('resources', [
      ...[10_000, 15_000, 20_000].flatMap((atMs) => all(atMs, 1).slice(1)),
      ...[kafka(10_000, 8), kafka(15_000, 10), kafka(20_000, 10)],
      // Its first sample comes with one that says it had used nothing by the sample before.
      ...[
        { server: 'compaction', at_ms: T0 + 15_000, cpu_s: 0 },
        { server: 'compaction', at_ms: T0 + 20_000, cpu_s: 4 },
      ],
      ...[machine(10_000, 100), machine(15_000, 102), machine(20_000, 106)],
    ]);
    expect(await shareOf('spike')).toBeCloseTo(0, 9);
  });
});

test('the share of the harness is its own core-seconds alone', async () => {
  const used = (at: number, harness: number) => [
    { server: 'harness', at_ms: T0 + at, cpu_s: harness },
    { server: 'query-engine', at_ms: T0 + at, cpu_s: 2 * harness },
  ];
  await facts.append('resources', [...used(10_000, 50), ...used(20_000, 58)]);
  await facts.append('resources', [...used(30_000, 58), ...used(40_000, 66)]);
  // 8 s of 2 x 10 s, nothing, and 8 s again.
  const phases = await health({});
  expect(phases.map(({ phase, harnessShare }) => [phase, harnessShare])).toEqual([
    ['spike', 8 / 20],
    ['before', 0],
    ['compact', 8 / 20],
    ['after', undefined],
  ]);
});

test('a phase without a sample of the harness is in no mean of it', async () => {
  const used = (at: number, cpu_s: number) => ({ server: 'harness', at_ms: T0 + at, cpu_s });
  const busy = (at: number, share: number) => ({ server: 'machine', at_ms: T0 + at, busy: share });
  await facts.append('resources', [used(10_000, 50), used(20_000, 58), busy(15_000, 0.5)]);
  // Three phases follow of which nothing is known.
  const { self } = await run();
  expect(self.harnessShare).toBe(8 / 20);
  expect(self.machineBusy).toBe(0.5);
});

test('a second without a sample of its own lies in the next one', async () => {
  // Samples come a little more than a second apart, so that now and then a second has none.
  const at = [0, 1_000, 1_990, 3_010, 4_000];
  await facts.append(
    'resources',
    at.flatMap((ms, i) => [
      { server: 'harness', at_ms: T0 + ms, cpu_s: (ms / 1_000) * 2 * 0.25 },
      { server: 'machine', at_ms: T0 + ms, busy: i === 0 ? null : 0.5 },
    ]),
  );
  const { series } = (await run()).self;
  expect(series.machine.slice(0, 4)).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(series.harness.slice(0, 4).map((share) => share?.toFixed(3))).toEqual(
    Array(4).fill('0.250'),
  );
});

describe('canaries', () => {
  const canary = (last_miss_ms: number | null, first_hit_ms: number) => ({
    event_id: 'canary-1',
    store_id: 1,
    sku_id: 9_000_001,
    version: 1,
    due_ms: T0 + 12_000,
    last_miss_ms: last_miss_ms === null ? null : T0 + last_miss_ms,
    first_hit_ms: T0 + first_hit_ms,
    polls: 3,
    outcome: 'seen',
  });
  const row = { sku_id: 9_000_001, version: 1 };

  test('are compared in the dataset they were polled in: the view of the stock', async () => {
    await commit('every_image', 's1', 12_500, [row]);
    await commit('stock', 's1', 14_000, [row]);
    await facts.append('canaries', [canary(13_890, 13_990)]);
    const both = [images('ledger', 'every_image'), images('upsert', 'stock')];
    expect((await run({ datasets: both })).canaries).toMatchObject({ compared: 1, disjoint: 0 });
    expect((await run({ datasets: both.slice(0, 1) })).canaries).toMatchObject({ disjoint: 1 });
  });

  test('that agree with the census, however late, are no contradiction', async () => {
    await facts.append('canaries', [canary(13_890, 13_990)]);
    await commit('inventory', 's1', 14_000, [row]);
    const { canaries, invalid } = await run();
    expect(canaries).toMatchObject({ sent: 1, seen: 1, compared: 1, disjoint: 0 });
    expect(canaries.canaryWidth.max).toBe(100);
    expect(canaries.censusWidth.max).toBe(100);
    expect(invalid).toEqual([]);
  });

  test.each([
    ['hit before the census could have', 13_000, 13_899],
    ['missed after the census had it', 14_001, 14_100],
  ])('%s make the run INVALID', async (_, miss, hit) => {
    await facts.append('canaries', [canary(miss, hit)]);
    await commit('inventory', 's1', 14_000, [row]);
    const { canaries, invalid } = await run();
    expect(canaries.disjoint).toBe(1);
    expect(invalid).toMatchObject([{ rule: 'canary and census disjoint' }]);
  });

  test('that no commit ever held make the run INVALID', async () => {
    await facts.append('canaries', [canary(13_000, 13_900)]);
    expect((await run()).invalid).toMatchObject([{ rule: 'canary and census disjoint' }]);
  });

  const unseen = (more: FactRow) => ({ ...canary(null, 0), first_hit_ms: null, ...more });

  test('that the reader never finds though the census saw them make the run INVALID', async () => {
    const never = { last_miss_ms: T0 + 50_000, polls: 90, failed_polls: 0, outcome: 'never' };
    await facts.append('canaries', [unseen(never)]);
    await commit('inventory', 's1', 14_000, [row]);
    const { canaries, invalid } = await run();
    expect(canaries).toMatchObject({ sent: 1, seen: 0, never: 1, compared: 1, disjoint: 1 });
    expect(invalid).toMatchObject([
      { rule: 'canary and census disjoint', fact: '1 of 1 contradict each other' },
    ]);
  });

  test('whose next poll the end of the run prevented are no contradiction', async () => {
    const last = { last_miss_ms: T0 + 13_990, polls: 1, failed_polls: 0, outcome: 'never' };
    await facts.append('canaries', [unseen(last)]);
    await commit('inventory', 's1', 14_000, [row]);
    expect((await run()).invalid).toEqual([]);
  });

  test('that the pipeline keeps out of its table are a warning: nothing was compared', async () => {
    const never = { last_miss_ms: T0 + 50_000, polls: 90, failed_polls: 0, outcome: 'never' };
    await facts.append('canaries', [unseen(never)]);
    const { canaries, invalid, warnings } = await run();
    expect(canaries).toMatchObject({ compared: 1, disjoint: 0, inCensus: 0 });
    expect(invalid).toEqual([]);
    expect(warnings).toMatchObject([expect.stringContaining('no canary was ever visible')]);
  });

  test('of which no poll was answered make the run INVALID', async () => {
    const failed = { polls: 0, failed_polls: 40, outcome: 'failed' };
    await facts.append('canaries', [unseen(failed), unseen({ ...failed, event_id: 'canary-2' })]);
    await commit('inventory', 's1', 14_000, [row]);
    const { canaries, invalid } = await run();
    expect(canaries).toMatchObject({ failed: 2, compared: 0, polls: 80, failedPolls: 80 });
    expect(invalid).toMatchObject([
      { rule: 'canary polls', fact: '80 of 80 had no answer' },
      { rule: 'canaries compared', fact: 'the reader answered about 0 of 2' },
    ]);
  });

  test('that were only polled without an answer are seen, and prove too little', async () => {
    const late = { ...canary(null, 50_000), polls: 1, failed_polls: 60 };
    await facts.append('canaries', [late]);
    await commit('inventory', 's1', 14_000, [row]);
    expect((await run()).invalid).toMatchObject([{ rule: 'canary polls' }]);
  });

  test('that the broker did not take are in no comparison', async () => {
    const unsent = { polls: 0, failed_polls: 0, outcome: 'failed' };
    await facts.append('canaries', [
      canary(13_890, 13_990),
      ...[1, 2, 3].map((i) => ({ ...unsent, due_ms: T0 + 12_000 + i })),
    ]);
    await commit('inventory', 's1', 14_000, [row]);
    const { canaries, invalid } = await run();
    expect(canaries).toMatchObject({ sent: 4, unsent: 3, failed: 3, compared: 1 });
    expect(invalid).toEqual([]);
  });

  test('that a declared outage kept from being polled are polled later, and count', async () => {
    await facts.append('canaries', [{ ...canary(null, 40_000), polls: 1, failed_polls: 0 }]);
    await commit('inventory', 's1', 14_000, [row]);
    expect((await run()).invalid).toEqual([]);
  });
});

test('the main thread, which stamps what the census sees, is judged apart from those that produce', async () => {
  const delays = (worker: number | null, delay_ms: number) =>
    Array.from({ length: 50 }, (_, i) => ({ at_ms: T0 + 12_000 + 20 * i, worker, delay_ms }));
  await facts.append('loop_delay', [...delays(0, 1), ...delays(1, 2), ...delays(null, 101)]);
  const { self, invalid } = await run();
  expect(self.eventLoop).toEqual([
    { thread: 'producer 0', p99Ms: 1, maxMs: 1 },
    { thread: 'producer 1', p99Ms: 2, maxMs: 2 },
    { thread: 'main', p99Ms: 101, maxMs: 101 },
  ]);
  expect(invalid).toMatchObject([{ rule: 'main event loop', fact: 'p99 101.0 ms in spike' }]);
});

test('the census is behind by the table that is furthest behind', async () => {
  const unread = { read_ms: T0 + 21_000 };
  for (const [i, table] of ['pos', 'pos', 'wms', 'inventory', 'inventory', 'inventory'].entries()) {
    await commit(table, `s${i}`, 19_000 + i, [], unread);
  }
  const { self, invalid } = await run();
  expect(self.censusBehind.slice(0, 3)).toEqual([
    { phase: 'warmup', commits: 0 },
    { phase: 'spike', commits: 3 },
    { phase: 'before', commits: 0 },
  ]);
  expect(invalid).toMatchObject([
    { rule: 'census behind', fact: '3 commits were unread in spike' },
  ]);
});

test('what was not sampled is absent, and not 0', async () => {
  const { self, cost, metrics } = await run();
  for (const share of ['harnessShare', 'machineBusy', 'stealMax']) {
    expect(self).not.toHaveProperty(share);
  }
  expect(self.slip[0]).not.toHaveProperty('lateShare');
  expect(cost).toMatchObject({ servers: [], s3: null });
  expect(cost).not.toHaveProperty('machineCoreSeconds');
  // One look tells of no time, and a server whose memory was out of sight has none to tell.
  await facts.append('resources', [
    { server: 'kafka', at_ms: T0, cpu_s: 7, rss_bytes: 5 },
    { server: 'minio', at_ms: T0, cpu_s: 1 },
    { server: 'minio', at_ms: T0 + 1_000, cpu_s: 3 },
  ]);
  const looked = await run();
  expect(looked.cost.servers).toEqual([
    { server: 'kafka', rssMaxBytes: 5 },
    { server: 'minio', coreSeconds: 2 },
  ]);
  expect(metrics.filter(({ name }) => name === 'cost')).toEqual([]);
  const costs = looked.metrics.filter(({ name }) => name === 'cost').map(({ of }) => of);
  expect(costs).toEqual(['minio']);
});

test('what is measured is a valid part of a record', async () => {
  await facts.append('events', [receipt('a', 12_000), stock(7, 1, 13_000)]);
  await facts.append('load', [
    {
      at_ms: T0,
      worker: 0,
      stream: 'pos',
      scheduled: 1,
      handed_over: 1,
      acknowledged: 1,
      bytes: 9,
    },
  ]);
  await commit('pos', 's1', 14_000, [{ event_id: 'a', flink_ms: T0 + 13_000 }]);
  const { compactions: _none, warnings: _said, ...measured } = await run();
  for (const [section, value] of Object.entries(measured)) {
    const schema = measurements[section as keyof typeof measurements];
    expect(() => schema.parse(value), section).not.toThrow();
  }
  expect(measured.producing.total).toMatchObject({ handedOver: 2, acknowledged: 2, scheduled: 1 });
});

test('a run without a single fact is measured too, and says so', async () => {
  const bare = await openFacts();
  try {
    const measured = await measure(bare, contextWith({}));
    expect(measured.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'NO_DATA']);
    expect(measured.waterfall).toEqual([]);
  } finally {
    await bare.close();
  }
});

test('what a terminal claims of the time, a year ahead or in 1970, changes no number', async () => {
  const rows = ['a', 'b', 'c'].map((id, i) => receipt(id, 11_000 + i * 1_000, { produce: 5 }));
  const claims = rows.map((row) => ({ ...row, claimed_ms: row.occurred_ms }));
  await facts.append('events', [...claims, { ...stock(1, 1, 12_500), claimed_ms: T0 + 12_500 }]);
  const seen = rows.map(({ event_id }) => ({ event_id, flink_ms: T0 + 14_000 }));
  await commit('pos', 's1', 15_000, seen);
  await commit('inventory', 's1', 15_000, [
    { event_id: 'inventory-1-1', sku_id: 1, version: 1, flink_ms: T0 + 14_000 },
  ]);
  const honest = await run();
  expect(stats(honest, 'staleness', 'pos', 'spike').n).toBe(3);
  await facts.run(`UPDATE events SET claimed_ms = CASE event_id
    WHEN 'a' THEN claimed_ms + ${366 * 86_400_000} WHEN 'b' THEN 0 ELSE claimed_ms + 3600000 END`);
  expect(await run()).toEqual(honest);
});
