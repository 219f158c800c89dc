import { afterEach, beforeEach, expect, test } from 'vitest';
import { images } from '../../../test/support/datasets.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { type FactRow, type Facts, openFacts } from '../facts.ts';
import { measure } from './measure.ts';

const T0 = 1_795_788_000_000;
const { scenario } = parseScenario(
  `name: subsets
retail: { stores: 2 }
traffic: { pos: {}, inventory: {} }
phases: [{ name: load, for: 20s }]
faults: [{ do: kill, server: catalog, during: load, at: 5s, for: 1s }]
staleness_target: 2s
`,
  { file: 'subsets.yaml' },
);
const hot = { ...images('upsert', 'hot'), visibility: 'redis', subset: 'hot' } as const;

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.append('phases', [
    { name: 'load', kind: 'load', measured: true, start_ms: T0, end_ms: T0 + 20_000 },
  ]);
});
afterEach(() => facts.close());

/** An image that is sent 10 ms after it happened. */
const image = (sku: number, version: number, atMs: number, more: FactRow = {}): FactRow => ({
  ...{ stream: 'inventory', event_id: `${sku}-${version}`, store_id: 1, sku_id: sku, version },
  ...{ role: 'original', expect: 'row', on_hand: 1, part: 0, bytes: 100 },
  ...{ occurred_ms: T0 + atMs, due_ms: T0 + atMs, sent_ms: T0 + atMs, kafka_ms: T0 + atMs + 10 },
  ...{ acked_ms: T0 + atMs + 10, ...more },
});

let batch = 0;
/** A batch of the view, found by a poll 50 ms after the one before. */
async function shown(
  atMs: number,
  rows: readonly (readonly [number, number])[],
  more: FactRow = {},
) {
  const id = `e/${++batch}`;
  await facts.append('commits', [
    {
      ...{ table_name: 'hot', snapshot_id: id, sequence_number: batch, operation: 'overwrite' },
      ...{ snapshot_ms: T0 + atMs - 20, missed_ms: T0 + atMs - 50, seen_ms: T0 + atMs },
      ...{ read_ms: T0 + atMs, added_rows: rows.length, live_rows: 2, ...more },
    },
  ]);
  await facts.append(
    'sightings',
    rows.map(([sku_id, version], i) => ({
      ...{ table_name: 'hot', snapshot_id: id, store_id: 1, sku_id, version, row_no: i + 1 },
      flink_ms: T0 + atMs - 30,
    })),
  );
}

const measured = () =>
  measure(facts, {
    ...{ scenario, t0Ms: T0, endedMs: T0 + 20_000, datasets: [hot], engine: 'duckdb', cores: 2 },
    ...{ servers: null, clockApartMs: 0, flinkOnOurClock: true, appended: null, incidents: [] },
    ...{ compactions: [], truth: null, promises: null },
  });

async function metricOf(name: string) {
  const { metrics } = await measured();
  return metrics.find((one) => one.name === name && one.of === 'hot' && one.phase === null);
}

test('of a row in a subset the changes after it came in count, and those that never came are never visible', async () => {
  await facts.append('events', [
    ...[1, 2, 3, 4].map((version) => image(5, version, version * 1_000)),
    image(5, 2, 2_500, { role: 'copy', expect: 'guarded' }),
    // Not hot: no change of it is waited for.
    image(6, 1, 1_000),
  ]);
  await shown(2_100, [[5, 2]]);
  await shown(3_200, [[5, 3]]);
  expect(await metricOf('staleness')).toMatchObject({ n: 2, censored: 1, stats: { min: 200 } });
  expect(await metricOf('never_visible')).toMatchObject({ n: 2, value: 1 });
  expect((await measured()).changes).toMatchObject([
    { stream: 'hot', shown: 1, never: 1, copies: 0, damaged: 0 },
  ]);
  expect(await metricOf('files')).toBeUndefined();
  expect(await metricOf('floor')).toBeUndefined();
});

test('rows that a view in memory lost are hidden until they are shown again', async () => {
  await facts.append('events', [image(5, 1, 1_000), image(5, 2, 2_000), image(6, 1, 1_000)]);
  await shown(1_100, [[5, 1]]);
  await shown(2_250, [[5, 2]]);
  expect(await metricOf('age')).toMatchObject({ stats: { max: 200 } });
  await shown(6_000, [], { operation: 'vanished', missed_ms: T0 + 5_000 });
  await shown(8_000, [[5, 2]]);
  const { metrics } = await measured();
  const age = metrics.find((one) => one.name === 'age' && one.phase === null);
  // Since the change that it had shown, until it is shown again.
  expect(age).toMatchObject({ stats: { max: 5_900 } });
});

test('a loss that the same poll finds repaired hides the rows up to that poll, and no longer', async () => {
  await facts.append('events', [image(5, 1, 1_000), image(5, 2, 2_000), image(5, 3, 7_000)]);
  await shown(1_100, [[5, 1]]);
  await shown(2_250, [[5, 2]]);
  const poll = { missed_ms: T0 + 5_000 };
  await shown(6_000, [], { operation: 'vanished', ...poll });
  await shown(6_000, [[5, 2]], poll);
  await shown(7_100, [[5, 3]]);
  const { metrics } = await measured();
  const age = metrics.find((one) => one.name === 'age' && one.phase === null);
  expect(age).toMatchObject({ stats: { max: 3_900 } });
});

test('an interval in which the server of the view was down by a declared fault is not judged', async () => {
  await facts.append('events', [image(5, 1, 1_000), image(5, 2, 2_000)]);
  await shown(1_100, [[5, 1]]);
  await shown(6_000, [[5, 2]], { missed_ms: T0 + 2_000 });
  const away = async (server: string) => {
    await facts.run('DELETE FROM faults');
    await facts.append('faults', [
      {
        ...{ act: 'kill', server, phase: 'load', intended_ms: T0 + 2_500 },
        ...{ start_ms: T0 + 2_500, away_ms: T0 + 2_500, back_ms: T0 + 5_000 },
      },
    ]);
    const check = { ...scenario, checks: parsedCheck('age(hot).max < 10s') };
    const { invalid } = await measure(facts, {
      ...{ scenario: check, t0Ms: T0, endedMs: T0 + 20_000, datasets: [hot], cores: 2 },
      ...{ engine: 'duckdb' as const, servers: null, clockApartMs: 0, flinkOnOurClock: true },
      ...{ appended: null, incidents: [], compactions: [], truth: null, promises: null },
    });
    return invalid.map(({ rule }) => rule).includes('resolution');
  };
  expect(await away('catalog')).toBe(true);
  expect(await away('redis')).toBe(false);
});

function parsedCheck(text: string) {
  const yaml = `name: x
retail: { stores: 2 }
traffic: { pos: {}, inventory: {} }
phases: [{ name: load, for: 20s }]
checks: ['${text}']
`;
  return parseScenario(yaml, { file: 'x.yaml' }).scenario.checks;
}
