import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { events, images } from '../../../test/support/datasets.ts';
import { random } from '../../core/random.ts';
import { measurements } from '../../record/record.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { type FactRow, type Facts, openFacts } from '../facts.ts';
import type { MeasureContext } from './context.ts';
import { type Measured, measure } from './measure.ts';

const T0 = 1_795_788_000_000;
const ENDED = T0 + 40_000;

const { scenario } = parseScenario(
  `name: back
retail: { stores: 2 }
traffic: { pos: {}, inventory: {} }
phases: [{ name: load, for: 30s }]
checks: [regressions == 0, regression_time < 10 row·s]
`,
  { file: 'back.yaml' },
);

const UPSERT = images('upsert', 'stock');

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.append('phases', [
    { name: 'load', kind: 'load', measured: true, start_ms: T0, end_ms: T0 + 30_000 },
  ]);
});
afterEach(() => facts.close());

/** Versions of one row that was sent, each at its time, ms since t0. */
async function sent(changes: readonly (readonly [version: number, ms: number])[], sku = 7) {
  await facts.append(
    'events',
    changes.map(([version, ms]) => ({
      ...{ stream: 'inventory', event_id: `${sku}-${version}`, store_id: 1, sku_id: sku, version },
      ...{ on_hand: 1, role: 'original', expect: 'row', occurred_ms: T0 + ms, due_ms: T0 + ms },
      ...{ sent_ms: T0 + ms, acked_ms: T0 + ms + 1, kafka_ms: T0 + ms, bytes: 100 },
    })),
  );
}

let sequence = 0;
/** A commit, seen `ms` after t0, with rows in the order in which they were written. */
async function commit(ms: number, rows: readonly FactRow[], more: FactRow = {}) {
  sequence += 1;
  const at = { table_name: 'stock', snapshot_id: `s${sequence}` };
  const seen = { snapshot_ms: T0 + ms, missed_ms: T0 + ms - 100, seen_ms: T0 + ms };
  await facts.append('commits', [
    { ...at, ...seen, sequence_number: sequence, operation: 'overwrite', ...more },
  ]);
  await facts.append(
    'sightings',
    rows.map((row, i) => ({ ...at, store_id: 1, sku_id: 7, row_no: i + 1, ...row })),
  );
}

function run(more: Partial<MeasureContext> = {}): Promise<Measured> {
  return measure(facts, {
    ...{ scenario, t0Ms: T0, endedMs: ENDED, datasets: [UPSERT] },
    ...{
      engine: 'duckdb',
      cores: 2,
      servers: null,
      clockApartMs: 0,
      flinkOnOurClock: true,
      appended: null,
      incidents: [],
      compactions: [],
    },
    ...{ truth: null, promises: null },
    ...more,
  });
}

const value = (measured: Measured, name: string) => {
  const found = measured.metrics.find((metric) => metric.name === name);
  return found?.shape === 'scalar' ? found.value : undefined;
};

describe('a row that goes back to an older version', () => {
  test('is counted once, for exactly as long as an older version was shown', async () => {
    await sent([
      [1, 1_000],
      [2, 2_000],
      [3, 3_000],
      [4, 12_000],
    ]);
    await commit(4_000, [{ version: 3 }]);
    await commit(6_000, [{ version: 1 }]);
    await commit(9_000, [{ version: 2 }]);
    await commit(13_000, [{ version: 4 }]);
    const measured = await run();
    expect(measured.regressions).toEqual({
      ...{ table: 'stock', updates: 3, count: 1, rows: 1, rowSeconds: 7, longestMs: 7_000 },
      notRecovered: 0,
      examples: [{ key: '1/7', version: 1, after: 3, tMs: 6_000, forMs: 7_000, recovered: true }],
    });
    expect([value(measured, 'regressions'), value(measured, 'regression_time')]).toEqual([1, 7]);
    expect(measured.checks.map(({ verdict }) => verdict)).toEqual(['FAIL', 'PASS']);
    expect(() => measurements.regressions.parse(measured.regressions)).not.toThrow();
  });

  test('makes its newer versions pending again: age follows what is visible now', async () => {
    await sent([
      [1, 1_000],
      [2, 2_000],
      [3, 3_000],
    ]);
    await commit(4_000, [{ version: 3 }]);
    await commit(6_000, [{ version: 1 }]);
    await commit(9_000, [{ version: 2 }]);
    await commit(13_000, [{ version: 3 }]);
    const { staleness, metrics, storeAge } = await run();
    const age = (ms: number) => staleness[0]?.age[ms / 1_000 - 1];
    // Version 1 waits from 1 s on. From 6 s to 9 s version 2 of 2 s is missing again, to 13 s version 3.
    expect([3_000, 4_000, 5_000, 6_000, 8_000, 9_000, 12_000, 13_000].map(age)).toEqual([
      2_000, 0, 0, 4_000, 6_000, 6_000, 9_000, 0,
    ]);
    const max = (name: string) => {
      const found = metrics.find((metric) => metric.name === name);
      return found?.shape === 'distribution' ? found.stats.max : undefined;
    };
    expect(max('age')).toBe(9_900);
    expect(storeAge?.[0]?.worst).toMatchObject([{ store: 1, maxMs: 10_000 }]);
    // Staleness is of the first time: 3, 2 and 1 s.
    expect(max('staleness')).toBe(3_000);
  });

  test('and stays there is counted to the last look, and said not to have recovered', async () => {
    await sent([
      [1, 1_000],
      [2, 2_000],
    ]);
    await commit(3_000, [{ version: 2 }]);
    await commit(5_000, [{ version: 1 }]);
    const { regressions, staleness } = await run();
    expect(regressions).toMatchObject({ count: 1, rowSeconds: 35, notRecovered: 1 });
    expect(regressions?.examples[0]).toMatchObject({ forMs: 35_000, recovered: false });
    expect(staleness[0]?.age.at(-1)).toBe(30_000 - 2_000);
  });

  test('twice, or two rows at once: regressions and rows are counted separately', async () => {
    for (const sku of [7, 8]) {
      await commit(1_000, [{ sku_id: sku, version: 5 }]);
      await commit(2_000, [{ sku_id: sku, version: 4 }]);
      await commit(3_000, [{ sku_id: sku, version: 5 }]);
    }
    await commit(4_000, [{ version: 1 }]);
    await commit(4_500, [{ version: 6 }]);
    expect((await run()).regressions).toMatchObject({ count: 3, rows: 2, rowSeconds: 2.5 });
  });

  test('between two polls of the catalog is counted, although its duration is unknown', async () => {
    await commit(1_000, [{ version: 5 }]);
    await commit(2_000, [{ version: 4 }]);
    await commit(2_000, [{ version: 6 }]);
    expect((await run()).regressions).toMatchObject({ count: 1, rowSeconds: 0, notRecovered: 0 });
  });

  test('after its deletion has come back: the deletion had a version too', async () => {
    await sent([
      [1, 1_000],
      [2, 2_000],
    ]);
    await facts.run('UPDATE events SET deleted = true WHERE version = 2');
    await commit(3_000, [{ version: 2 }]);
    await commit(5_000, [{ version: 1 }]);
    await commit(6_000, [{ version: 2 }]);
    expect((await run()).regressions).toMatchObject({ count: 1, rowSeconds: 1 });
  });
});

describe('what is no regression', () => {
  test('older rows of one commit, which its last row of the key replaced', async () => {
    await sent([
      [1, 500],
      [3, 900],
    ]);
    await commit(1_000, [{ version: 2 }, { version: 1 }, { version: 3 }]);
    await commit(2_000, [{ version: 4 }, { version: 4 }, { version: 5 }]);
    expect((await run()).regressions).toMatchObject({ updates: 1, count: 0, rowSeconds: 0 });
  });

  test('a newer version that one commit wrote and replaced: it never was visible', async () => {
    await sent([
      [1, 500],
      [2, 900],
      [3, 4_000],
    ]);
    await commit(1_000, [{ version: 2 }, { version: 1 }]);
    await commit(5_000, [{ version: 3 }]);
    const { regressions, metrics } = await run();
    expect(regressions).toMatchObject({ count: 0 });
    // Nor is it visible: version 2 of 0.9 s is with version 3 at 5 s.
    const staleness = metrics.find(({ name }) => name === 'staleness');
    expect(staleness).toMatchObject({ stats: { max: 4_100 } });
  });

  test('a compaction, which moves rows and shows nothing new', async () => {
    await commit(1_000, [{ version: 1 }]);
    await commit(2_000, [{ version: 2 }]);
    await commit(3_000, [], { operation: 'replace' });
    await commit(4_000, [{ version: 3 }]);
    expect((await run()).regressions).toMatchObject({ updates: 2, count: 0 });
  });

  test('commits that were found in one poll: their sequence decides, and not the order of the facts', async () => {
    const at = { seen_ms: T0 + 2_000, table_name: 'stock', operation: 'overwrite' };
    await facts.append('commits', [
      { ...at, snapshot_id: 'later', sequence_number: 1_000_002 },
      { ...at, snapshot_id: 'first', sequence_number: 1_000_001 },
    ]);
    const row = { table_name: 'stock', store_id: 1, sku_id: 7, row_no: 1 };
    await facts.append('sightings', [
      { ...row, snapshot_id: 'later', version: 9 },
      { ...row, snapshot_id: 'first', version: 8 },
    ]);
    expect((await run()).regressions).toMatchObject({ updates: 1, count: 0 });
  });

  test('markers and canaries of ours, other tables, and the versions that a ledger keeps', async () => {
    const own = { stream: 'inventory', store_id: 1, sku_id: 9_000_001, expect: 'row' };
    await facts.append('events', [
      { ...own, role: 'canary', version: 2 },
      { ...own, role: 'marker', store_id: 0, sku_id: 7, version: 2 },
    ]);
    await commit(1_000, [
      { sku_id: 9_000_001, version: 2 },
      { store_id: 0, version: 2 },
    ]);
    await commit(2_000, [
      { sku_id: 9_000_001, version: 1 },
      { store_id: 0, version: 1 },
    ]);
    await commit(3_000, [{ version: 2 }], { table_name: 'other' });
    await commit(4_000, [{ version: 1 }]);
    const upsert = await run();
    expect(upsert.regressions).toMatchObject({ updates: 0, count: 0 });
    // Nothing was ever replaced, so that nothing could go back.
    expect(upsert.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'NO_DATA']);
    await commit(5_000, [{ version: 3 }]);
    await commit(6_000, [{ version: 1 }]);
    const ledger = await run({ datasets: [images('ledger', 'stock')] });
    expect(ledger.regressions).toBeNull();
    expect(value(ledger, 'regressions')).toBeUndefined();
    expect((await run({ datasets: [events('pos')] })).regressions).toBeNull();
  });
});

test('age is what looking at every tick would have found, whatever goes back', async () => {
  const draw = random(7, 'regressions');
  const skus = [1, 2];
  const highest = new Map(skus.map((sku) => [sku, 0]));
  for (let n = 0; n < 40; n++) {
    const sku = 1 + draw.integer(skus.length);
    const version = (highest.get(sku) as number) + 1;
    highest.set(sku, version);
    await sent([[version, n * 700 + draw.integer(700)]], sku);
    const of = 1 + draw.integer(skus.length);
    const known = highest.get(of) as number;
    if (known > 0) await commit(n * 700 + 800, [{ sku_id: of, version: 1 + draw.integer(known) }]);
  }
  const { staleness, regressions } = await run();
  expect(regressions?.count).toBeGreaterThan(3);
  const looked = await facts.rows<{ age: number }>(`
    WITH ticks AS (SELECT unnest(range(${T0 + 1_000}, ${T0 + 30_001}, 1000)) AS t
    ), seen AS (
      SELECT t, e.occurred_ms, e.version, arg_max(s.version, c.sequence_number) AS shown
      FROM ticks CROSS JOIN events e
        LEFT JOIN (sightings s JOIN commits c USING (snapshot_id))
          ON s.sku_id = e.sku_id AND c.seen_ms <= t
      WHERE e.occurred_ms <= t GROUP BY ALL
    )
    SELECT coalesce(t - min(occurred_ms) FILTER (coalesce(shown, 0) < version), 0) AS age
    FROM ticks LEFT JOIN seen USING (t) GROUP BY t ORDER BY t`);
  expect(staleness[0]?.age).toEqual(looked.map(({ age }) => age));
});
