import { afterEach, beforeEach, expect, test } from 'vitest';
import { events } from '../../../test/support/datasets.ts';
import { measurements } from '../../record/record.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { type Facts, openFacts } from '../facts.ts';
import type { MeasureContext } from './context.ts';
import { type Measured, measure } from './measure.ts';

/** Faults laid into the facts by hand: what was put in has to come out. Times are ms since t0. */
const T0 = 1_795_788_000_000;
const LENGTH_MS = 100_000;
const { scenario } = parseScenario(
  `name: by-hand
retail: { stores: 2 }
traffic: { pos: {}, wms: {} }
phases: [{ name: spike, for: 100s }]
faults:
  - { do: kill, server: flink-taskmanager, during: spike, at: 20s, for: 5s }
staleness_target: 4s
checks:
  - recovery(flink-taskmanager) <= 7s
  - area_above_target(flink-taskmanager) <= 98
`,
  { file: 'by-hand.yaml' },
);

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  const span = { start_ms: T0, end_ms: T0 + LENGTH_MS };
  await facts.append('phases', [{ name: 'spike', kind: 'load', measured: true, ...span }]);
});
afterEach(() => facts.close());

const KILL = { act: 'kill', server: 'flink-taskmanager', phase: 'spike' };

function fault(startMs: number, backMs: number | null, more: Record<string, string> = {}) {
  const at = { intended_ms: T0 + startMs, start_ms: T0 + startMs, away_ms: T0 + startMs + 10 };
  const back = { back_ms: backMs === null ? null : T0 + backMs };
  return facts.append('faults', [{ ...KILL, ...more, ...at, ...back }]);
}

let next = 0;

/** A change of a stream that was visible a while after it occurred; Infinity: never. */
async function change(occurredMs: number, seenMs: number, stream: 'pos' | 'wms' = 'pos') {
  const id = `e${next++}`;
  const at = T0 + occurredMs;
  const stamps = { occurred_ms: at, due_ms: at, sent_ms: at, kafka_ms: at + 1, acked_ms: at + 2 };
  const what = { stream, event_id: id, store_id: 1, role: 'original', expect: 'row' };
  await facts.append('events', [{ ...what, ...stamps, part: 0, kafka_offset: 0, bytes: 10 }]);
  if (seenMs === Number.POSITIVE_INFINITY) return;
  const seen = { snapshot_ms: T0 + seenMs, missed_ms: T0 + seenMs, seen_ms: T0 + seenMs };
  const snapshot = { table_name: stream, snapshot_id: id };
  await facts.append('commits', [
    { ...snapshot, operation: 'append', ...seen, read_ms: T0 + seenMs, added_rows: 1 },
  ]);
  await facts.append('sightings', [{ ...snapshot, event_id: id, store_id: 1 }]);
}

function measured(): Promise<Measured> {
  const context: MeasureContext = {
    ...{
      scenario,
      t0Ms: T0,
      endedMs: T0 + LENGTH_MS,
      engine: 'duckdb',
      cores: 2,
      servers: null,
      clockApartMs: 0,
      flinkOnOurClock: true,
    },
    datasets: [events('pos'), events('wms')],
    ...{ appended: null, incidents: [], compactions: [], truth: null, promises: null },
  };
  return measure(facts, context);
}

function value({ metrics }: Measured, name: string, of = 'flink-taskmanager') {
  const found = metrics.find((one) => one.name === name && one.of === of);
  if (found?.shape !== 'scalar') throw new Error(`${name} was not measured`);
  return { n: found.n, value: found.value };
}

test('a delay that was put in comes out: from the fault, from the return, and as an area', async () => {
  // Pending from 18 s to 32 s: above 4 s from 22 s on, and 10 s above it at the end: 10 × 10 / 2.
  await fault(20_000, 25_000);
  await change(10_000, 11_000);
  await change(18_000, 32_000);
  // Another 12 s on end at up to 4 s below the target count for nothing.
  await change(34_000, 37_900);
  const all = await measured();
  expect(value(all, 'recovery')).toEqual({ n: 1, value: 7_000 });
  expect(value(all, 'area_above_target')).toEqual({ n: 1, value: 50 });
  const [told] = all.faults ?? [];
  expect(told).toMatchObject({
    ...{ act: 'kill', during: 'spike', intendedMs: 20_000, startMs: 20_000, awayMs: 20_010 },
    ...{ backMs: 25_000, targetMs: 4_000, watchedToMs: LENGTH_MS, aboveBefore: false },
    ...{ recoveryMs: 7_000, staleForMs: 12_000, areaAboveTarget: 50 },
  });
  expect(told?.streams).toMatchObject([{ stream: 'pos', ageMaxMs: 14_000, recoveryMs: 7_000 }]);
  expect(all.checks.map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS']);
  expect(measurements.faults.safeParse(all.faults).error).toBeUndefined();
});

test('recovered is who stays below: a moment of calm in between is none', async () => {
  await fault(20_000, 25_000);
  await change(21_000, 30_000);
  await change(30_000, 44_000);
  const all = await measured();
  // 5 × 5 / 2 above the target, and 10 × 10 / 2 later.
  expect(value(all, 'recovery').value).toBe(19_000);
  expect(value(all, 'area_above_target').value).toBe(62.5);
  expect(all.checks.map(({ verdict }) => verdict)).toEqual(['FAIL', 'PASS']);
});

test('the worst stream counts, whichever it is, and the time of two is not counted twice', async () => {
  await fault(20_000, 25_000);
  await change(20_000, 28_000, 'pos');
  await change(20_000, 30_000, 'wms');
  const all = await measured();
  expect(value(all, 'recovery').value).toBe(5_000);
  // Over all streams age is that of the oldest: 6 × 6 / 2, and not 4 × 4 / 2 more.
  expect(value(all, 'area_above_target').value).toBe(18);
  expect(all.faults?.[0]?.streams).toMatchObject([
    { stream: 'pos', recoveryMs: 3_000, areaAboveTarget: 8 },
    { stream: 'wms', recoveryMs: 5_000, areaAboveTarget: 18 },
  ]);
});

test('what is never above the target has recovered before it began', async () => {
  await fault(20_000, 25_000);
  await change(20_000, 23_000);
  const all = await measured();
  expect(value(all, 'recovery')).toEqual({ n: 1, value: 0 });
  expect(value(all, 'area_above_target')).toEqual({ n: 1, value: 0 });
});

test.each([
  ['was never visible', Number.POSITIVE_INFINITY],
  ['was visible after the last phase', LENGTH_MS + 5_000],
])('not recovered is +∞, never the time it was watched: a change %s', async (_, seenMs) => {
  await fault(20_000, 25_000);
  await change(30_000, seenMs);
  const all = await measured();
  expect(value(all, 'recovery')).toEqual({ n: 1, value: null });
  expect(value(all, 'area_above_target')).toEqual({ n: 1, value: null });
  // 66 s above the target by the end of the watch: that much is known.
  expect(all.faults?.[0]).toMatchObject({ recoveryMs: null, areaAboveTarget: 66 ** 2 / 2 });
  expect(all.checks.map(({ verdict, measured }) => [verdict, measured])).toEqual([
    ['FAIL', null],
    ['FAIL', null],
  ]);
});

test('a fault is watched until the next one, and the worst of two on one server is the metric', async () => {
  await fault(20_000, 25_000);
  await change(20_000, 28_000);
  await fault(40_000, 45_000);
  await change(41_000, 55_000);
  const all = await measured();
  expect(all.faults?.map(({ recoveryMs, watchedToMs }) => [recoveryMs, watchedToMs])).toEqual([
    [3_000, 40_000],
    [10_000, LENGTH_MS],
  ]);
  expect(value(all, 'recovery')).toEqual({ n: 2, value: 10_000 });
});

test('an outage of another server meanwhile does not end the watch', async () => {
  await fault(20_000, 25_000);
  await fault(22_000, 40_000, { server: 'minio', act: 'pause' });
  await change(20_000, 45_000);
  const all = await measured();
  expect(value(all, 'recovery').value).toBe(20_000);
  expect(value(all, 'recovery', 'minio').value).toBe(5_000);
});

test('an age that was above the target before is recorded, and so is a server that was never back', async () => {
  await change(10_000, 30_000);
  await fault(20_000, 25_000);
  await fault(60_000, null, { server: 'kafka' });
  const all = await measured();
  expect(all.faults?.map(({ aboveBefore }) => aboveBefore)).toEqual([true, false]);
  // From the fault on: 6 s above the target when it began, 16 s when it was over.
  expect(all.faults?.[0]?.areaAboveTarget).toBe((16 ** 2 - 6 ** 2) / 2);
  expect(value(all, 'recovery', 'kafka').n).toBe(0);
  expect(all.faults?.[1]).not.toHaveProperty('recoveryMs');
});

test('a run that ended during an outage, before any phase, has its fault', async () => {
  await facts.run('DELETE FROM phases');
  await fault(20_000, null, { server: 'kafka', act: 'pause' });
  await change(20_000, Number.POSITIVE_INFINITY);
  const all = await measured();
  expect(all.faults).toMatchObject([{ backMs: null, watchedToMs: LENGTH_MS }]);
  expect(all.faults?.[0]).not.toHaveProperty('recoveryMs');
  expect(measurements.faults.safeParse(all.faults).error).toBeUndefined();
});

test('without faults there is nothing of all this', async () => {
  const all = await measured();
  expect(all.faults).toEqual([]);
  expect(all.metrics.filter(({ name }) => name === 'recovery')).toEqual([]);
  expect(all.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'NO_DATA']);
});

/** One producing thread: each batch as when it was due, handed over and answered, ms since t0. */
type Batch = readonly [due: number, sent: number, acked: number];

async function batches(...sent: readonly Batch[]) {
  await facts.append('loop_delay', [{ at_ms: T0, worker: 0, delay_ms: 0 }]);
  await facts.append(
    'events',
    sent.map(([due, handed, acked], i) => ({
      ...{ stream: 'pos', event_id: `b${i}`, store_id: 1, role: 'original', expect: 'row' },
      ...{ occurred_ms: T0 + due, due_ms: T0 + due, sent_ms: T0 + handed, acked_ms: T0 + acked },
      ...{ kafka_ms: T0 + acked, part: 0, kafka_offset: i, bytes: 10 },
    })),
  );
}

const OUTAGE: readonly [Batch, Batch, ...Batch[]] = [
  [10_000, 10_010, 10_020],
  // On its way as the broker freezes; the next one, and its backlog, wait for the answer.
  [19_990, 20_000, 30_500],
  [20_100, 30_520, 30_700],
  [29_000, 30_720, 30_900],
  [31_000, 31_010, 31_020],
];

const broken = ({ invalid }: Measured) => invalid.map(({ rule }) => rule);

test('waiting for a broker during a declared outage is not slip of the harness', async () => {
  await fault(20_000, 30_400, { server: 'kafka', act: 'pause' });
  await batches(...OUTAGE);
  const all = await measured();
  expect(broken(all)).toEqual([]);
  expect(all.self.slip).toMatchObject([{ n: 5, waited: 2, lateShare: 0, stats: { max: 20 } }]);
  // As a metric, slip is what it was, and staleness counts from when it happened.
  const slip = all.metrics.find(({ name, phase }) => name === 'slip' && phase === 'spike');
  expect(slip).toMatchObject({ stats: { max: 10_420 } });
});

test('without the fault the very same batches are a harness that was late', async () => {
  await batches(...OUTAGE);
  expect(broken(await measured())).toEqual(['late hand-over', 'schedule slip']);
});

test('a fault of another server excuses no slip', async () => {
  await fault(20_000, 30_400, { server: 'minio', act: 'pause' });
  await batches(...OUTAGE);
  expect(broken(await measured())).toEqual(['late hand-over', 'schedule slip']);
});

test('a thread that is slow although it could hand over is late, outage or not', async () => {
  await fault(20_000, 30_400, { server: 'kafka', act: 'pause' });
  // Free from 30.5 s on, it took 3 s more.
  await batches(OUTAGE[0], OUTAGE[1], [20_100, 33_500, 33_600], [33_000, 33_620, 33_700]);
  expect(broken(await measured())).toEqual(['late hand-over', 'schedule slip']);
});

test('a broker that is slow to answer at first is still the broker', async () => {
  await fault(20_000, 30_400, { server: 'kafka', act: 'pause' });
  // On time at once, and then an answer that takes more than a second, as was seen on a busy machine.
  await batches(...OUTAGE, [31_100, 31_110, 32_500], [31_200, 32_510, 32_520]);
  expect(broken(await measured())).toEqual([]);
});

test('and once it is on time again it is no longer excused', async () => {
  await fault(20_000, 30_400, { server: 'kafka', act: 'pause' });
  await batches(...OUTAGE, [40_000, 40_010, 45_000], [41_000, 45_010, 45_020]);
  expect(broken(await measured())).toEqual(['late hand-over', 'schedule slip']);
});

test('a fault during which no change happened or waited has no recovery to tell: no data', async () => {
  await change(10_000, 11_000);
  await fault(20_000, 25_000);
  const all = await measured();
  expect(value(all, 'recovery').n).toBe(0);
  expect(all.faults?.[0]).not.toHaveProperty('recoveryMs');
  expect(all.checks.map(({ verdict }) => verdict)).toEqual(['NO_DATA', 'NO_DATA']);
});
