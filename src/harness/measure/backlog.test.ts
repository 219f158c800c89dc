import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { events } from '../../../test/support/datasets.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { type Facts, openFacts } from '../facts.ts';
import { backlogMetrics } from './backlog.ts';
import { measuringOf } from './measure.ts';

const T0 = 1_795_788_000_000;
const PHASE_MS = 60_000;
const { scenario } = parseScenario(
  'name: b\nretail: { stores: 2 }\ntraffic: { pos: {} }\nphases: [{ name: load, for: 60s }]\n',
  { file: 'b.yaml' },
);

let facts: Facts;
beforeEach(async () => {
  facts = await openFacts();
  await facts.append('phases', [
    { name: 'load', kind: 'load', measured: true, start_ms: T0, end_ms: T0 + PHASE_MS },
  ]);
});
afterEach(() => facts.close());

interface Receipt {
  readonly dueMs: number;
  /** null: never. */
  readonly seenMs: number | null;
}

/** Facts of receipts, visible at their times. */
async function happened(receipts: readonly Receipt[]): Promise<void> {
  await facts.append(
    'events',
    receipts.map(({ dueMs }, i) => ({
      ...{ stream: 'pos', event_id: `r${i}`, store_id: 1, role: 'original', expect: 'row' },
      ...{ occurred_ms: T0 + dueMs, due_ms: T0 + dueMs, sent_ms: T0 + dueMs, bytes: 1 },
      ...{ kafka_ms: T0 + dueMs, acked_ms: T0 + dueMs },
    })),
  );
  const seen = receipts.flatMap(({ seenMs }, i) => (seenMs === null ? [] : [{ i, seenMs }]));
  const at = (ms: number) => ({ table_name: 'pos', snapshot_id: `s${ms}` });
  await facts.append(
    'commits',
    [...new Set(seen.map(({ seenMs }) => seenMs))].map((ms) => ({
      ...at(ms),
      ...{ snapshot_ms: T0 + ms, missed_ms: T0 + ms - 10, seen_ms: T0 + ms, sequence_number: ms },
      operation: 'append',
    })),
  );
  await facts.append(
    'sightings',
    seen.map(({ i, seenMs }) => ({ ...at(seenMs), row_no: i + 1, event_id: `r${i}`, store_id: 1 })),
  );
}

async function measured() {
  const sql = await facts.connect();
  try {
    const measuring = await measuringOf(sql, {
      ...{ scenario, t0Ms: T0, endedMs: T0 + 90_000, datasets: [events('pos')] },
      ...{ engine: 'duckdb', cores: 2, servers: null, clockApartMs: 0, flinkOnOurClock: true },
      ...{ appended: null, incidents: [], compactions: [], truth: null, promises: null },
    });
    const metrics = await backlogMetrics(measuring);
    const [backlog, growth] = ['backlog', 'backlog_growth'].map((name) => {
      const found = metrics.filter((one) => one.name === name);
      expect(found).toMatchObject([{ of: 'pos', phase: 'load', shape: 'scalar' }]);
      return found[0] as Extract<(typeof metrics)[number], { shape: 'scalar' }>;
    });
    return { backlog: backlog as NonNullable<typeof backlog>, growth: growth as typeof backlog };
  } finally {
    sql.close();
  }
}

/** A receipt every 10 ms, of which a commit every 4 s shows those that are due `lagMs` before it, at most `perS` per second. */
function steady({ lagMs, perS = Number.POSITIVE_INFINITY }: { lagMs: number; perS?: number }) {
  return Array.from({ length: PHASE_MS / 10 }, (_, i): Receipt => {
    const dueMs = i * 10;
    const readyMs = Math.max(dueMs + lagMs, ((i + 1) / perS) * 1_000 + lagMs);
    return { dueMs, seenMs: Math.ceil(readyMs / 4_000) * 4_000 };
  });
}

test('a pipeline that keeps up has the backlog of its delay, and no trend', async () => {
  await happened(steady({ lagMs: 1_000 }));
  const { backlog, growth } = await measured();
  // The commit at the very end shows what was due by 59.00 s: left are those of 59.01 to 59.99 s.
  expect(backlog).toMatchObject({ n: 6_000, value: 99 });
  expect(growth).toMatchObject({ unit: 'events/s', value: 0, interval: { low: 0, high: 0 } });
  expect(growth?.n).toBe(9);
});

test('one of three quarters of the capacity falls behind by a quarter of the rate', async () => {
  await happened(steady({ lagMs: 1_000, perS: 75 }));
  const { backlog, growth } = await measured();
  expect(growth?.value).toBeCloseTo(25, 6);
  expect(growth?.interval?.low).toBeGreaterThan(20);
  expect(backlog.value).toBe(6_000 - 75 * 59);
});

test('where nothing becomes visible, it grows by every change', async () => {
  await happened(steady({ lagMs: 0 }).map(({ dueMs }) => ({ dueMs, seenMs: null })));
  const { backlog, growth } = await measured();
  expect(backlog).toMatchObject({ n: 6_000, value: 6_000 });
  expect(growth?.value).toBeCloseTo(100, 1);
  // After 20.00 s, when the first third has passed.
  expect(growth?.n).toBe(3_999);
});

test.each([
  [2, 15_000],
  [5, 8_000],
])('of %i commits there is no trend, and no data', async (_, everyMs) => {
  await happened(committed(everyMs));
  expect((await measured()).growth).toMatchObject({ n: 0 });
});

test('the interval of six commits has both ends', async () => {
  await happened(committed(7_000));
  const { growth } = await measured();
  expect(growth?.n).toBe(6);
  expect(Number.isFinite(growth?.interval?.low) && Number.isFinite(growth?.interval?.high)).toBe(
    true,
  );
});

/** A receipt every 10 ms, visible with the next commit. */
function committed(everyMs: number): readonly Receipt[] {
  return steady({ lagMs: 0 }).map(({ dueMs }) => ({
    ...{ dueMs, seenMs: Math.ceil((dueMs + 1) / everyMs) * everyMs },
  }));
}

test('without any change there is nothing to measure', async () => {
  await happened([]);
  const { backlog, growth } = await measured();
  expect([backlog.n, growth?.n]).toEqual([0, 0]);
});

test('the backlog is a plain recount, whatever became visible when', async () => {
  const receipt = fc
    .tuple(fc.nat(PHASE_MS + 5_000), fc.option(fc.nat(20_000)))
    .map(([dueMs, late]): Receipt => ({ dueMs, seenMs: late === null ? null : dueMs + late }));
  await fc.assert(
    fc.asyncProperty(fc.array(receipt, { maxLength: 40 }), async (receipts) => {
      for (const table of ['events', 'commits', 'sightings'])
        await facts.rows(`DELETE FROM ${table}`);
      await happened(receipts);
      const due = receipts.filter(({ dueMs }) => dueMs <= PHASE_MS);
      const pending = due.filter(({ seenMs }) => seenMs === null || seenMs > PHASE_MS);
      const { backlog } = await measured();
      expect([backlog.n, backlog.value]).toEqual([due.length, pending.length]);
    }),
    { numRuns: 20 },
  );
});
