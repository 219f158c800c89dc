import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { openReader } from '../../src/harness/engines/duckdb-reader.ts';
import type { Reader } from '../../src/harness/engines/engine.ts';
import type { SentMark } from '../../src/harness/load/marked-sender.ts';
import { PROBES, type ProbeKind } from '../../src/harness/probes/probes.ts';
import { createTables, type Lakehouse, openLakehouse, probeContext } from './support/lakehouse.ts';

let lakehouse: Lakehouse;

beforeAll(async () => {
  lakehouse = await openLakehouse('probes', 500);
  await createTables(lakehouse, 100);
  await insert(1, 1, 1);
});

afterAll(() => lakehouse?.leave());

/** One committed row image. */
async function insert(store: number, sku: number, version: number): Promise<void> {
  const { sql, table } = lakehouse;
  await sql.run("SET 'table.dml-sync' = 'true'");
  await sql.run("SET 'execution.runtime-mode' = 'streaming'");
  await sql.run(`INSERT INTO ${table('inventory')}
    VALUES ('e-${version}', ${store}, ${sku}, 5, CAST(${version} AS BIGINT), FALSE,
      CAST(1 AS BIGINT), CAST(1 AS BIGINT), CAST(1 AS BIGINT), CAST(1 AS BIGINT), CAST(1 AS BIGINT))`);
}

/** A hundred thousand million rows: far more than any limit of these tests allows for. */
const ENDLESS = 'SELECT sum(a.range * b.range) AS s FROM range(1000000) a, range(100000) b';
const LIMITS = { timeoutMs: 60_000 };

function open(): Promise<Reader> {
  return openReader(lakehouse.stack.endpoints, lakehouse.artifacts.duckdbExtensions, { clock });
}

describe('the reader', () => {
  test('answers with rows, and stamps that enclose nothing but the statement', async () => {
    await using reader = await open();
    const before = clock.nowMs();
    const answer = await reader.query(
      `SELECT store_id, version FROM ${lakehouse.table('inventory')} WHERE store_id = $store`,
      { store: 1 },
      LIMITS,
    );
    expect(answer).toMatchObject({ outcome: 'ok', error: null });
    expect(answer.rows).toEqual([{ store_id: 1, version: 1 }]);
    expect(answer.startMs).toBeGreaterThanOrEqual(before);
    expect(answer.endMs).toBeGreaterThan(answer.startMs);
    expect(answer.cpuS).toBeGreaterThan(0);
  });

  test('a query that cannot be answered has failed, with the reason', async () => {
    await using reader = await open();
    const answer = await reader.query(`SELECT * FROM ${lakehouse.table('nowhere')}`, {}, LIMITS);
    expect(answer.outcome).toBe('failed');
    expect(answer.error).toContain('nowhere');
    expect(reader.crashes).toBe(0);
  });

  test('a query beyond its limit is a time-out, no crash, and the next one works', async () => {
    await using reader = await open();
    const { pid } = reader;
    const answer = await reader.query(ENDLESS, {}, { timeoutMs: 300 });
    expect(answer).toMatchObject({ outcome: 'timeout', error: 'not done within 300 ms' });
    expect(answer.endMs - answer.startMs).toBeGreaterThanOrEqual(290);
    const next = await reader.query('SELECT 1 AS one', {}, LIMITS);
    expect(next).toMatchObject({ outcome: 'ok', rows: [{ one: 1 }] });
    expect(reader).toMatchObject({ crashes: 0, pid });
  });

  test('a process killed in the middle of a query is a crash, and the next query works', async () => {
    await using reader = await open();
    const asked = reader.query(ENDLESS, {}, LIMITS);
    await clock.sleep(300);
    const { pid } = reader;
    process.kill(pid as number, 'SIGKILL');
    const answer = await asked;
    expect(answer).toMatchObject({ outcome: 'crashed', error: 'the engine was ended by SIGKILL' });
    expect(reader.crashes).toBe(1);
    const next = await reader.query(
      `SELECT count(*) AS n FROM ${lakehouse.table('inventory')}`,
      {},
      LIMITS,
    );
    expect(next).toMatchObject({ outcome: 'ok', rows: [{ n: 1 }] });
    expect(reader.pid).not.toBe(pid);
  });

  test('a process that died between two queries is a crash too', async () => {
    await using reader = await open();
    const pid = reader.pid as number;
    process.kill(pid, 'SIGKILL');
    // Gone from the process table is not yet known to be gone.
    while (reader.pid === pid) await clock.sleep(20);
    const next = await reader.query('SELECT 1 AS one', {}, LIMITS);
    expect(next.outcome).toBe('ok');
    expect(reader.crashes).toBe(1);
  });

  test('a cold query has an instance of its own, and its opening apart', async () => {
    await using reader = await open();
    const answer = await reader.cold(
      `SELECT count(*) AS n FROM ${lakehouse.table('inventory')}`,
      {},
      LIMITS,
    );
    expect(answer).toMatchObject({ outcome: 'ok', rows: [{ n: 1 }] });
    expect(answer.attachMs).toBeGreaterThan(0);
  });

  test('a catalog that is not there is refused at once, with the reason', async () => {
    const { s3, catalog } = lakehouse.stack.endpoints;
    const nowhere = { s3, catalog: { ...catalog, uri: 'http://127.0.0.1:1' } };
    await expect(
      openReader(nowhere, lakehouse.artifacts.duckdbExtensions, { clock }),
    ).rejects.toThrow('DuckDB did not open the tables');
  });
});

const lookup = () => ({
  name: 'store-lookup',
  engine: 'duckdb' as const,
  sql: `SELECT version FROM ${lakehouse.table('inventory')} WHERE store_id = $store AND sku_id = $sku`,
  parameters: ['store', 'sku'] as const,
});
const SLOW = { name: 'endless', engine: 'duckdb' as const, sql: ENDLESS, parameters: [] };

describe('every probe', () => {
  test.each(Object.keys(PROBES) as ProbeKind[])(
    '%s starts, observes and stops, twice if asked',
    async (kind) => {
      const context = await probeContext(lakehouse, {
        queries: [lookup()],
        sendCanary: canaryOf(1),
      });
      expect(PROBES[kind].kind).toBe(kind);
      const probe = await PROBES[kind].start(context);
      await clock.sleep(500);
      await probe.stop();
      await probe.stop();
      expect(context.incidents).toEqual([]);
      await context.facts.close();
    },
  );

  test.each(Object.keys(PROBES) as ProbeKind[])(
    '%s ends by itself when the run is interrupted, and still stops',
    async (kind) => {
      const over = new AbortController();
      const context = await probeContext(lakehouse, {
        queries: [lookup()],
        sendCanary: canaryOf(1_000_000),
        signal: over.signal,
      });
      const probe = await PROBES[kind].start(context);
      await clock.sleep(300);
      over.abort(new Error('interrupted'));
      await probe.stop();
      expect(context.incidents).toEqual([]);
      await context.facts.close();
    },
  );
});

function canaryOf(version: number): (dueMs: number) => Promise<SentMark> {
  return async (dueMs) => ({
    stream: 'inventory',
    eventId: `canary-1-1-${version}`,
    storeId: 1,
    skuId: 1,
    version,
    part: 0,
    offset: 0,
    dueMs,
    sentMs: dueMs,
    kafkaMs: dueMs,
    ackedMs: dueMs,
  });
}

test('a canary is missed before its row is committed, and hit after', async () => {
  const store = 3;
  let first = true;
  const context = await probeContext(lakehouse, {
    sendCanary: async (dueMs) => {
      if (!first)
        return { ...(await canaryOf(1_000_000)(dueMs)), storeId: store, skuId: 9_000_001 };
      first = false;
      return { ...(await canaryOf(2)(dueMs)), storeId: store, skuId: 9_000_001 };
    },
  });
  const census = await PROBES.census.start(context);
  const canaries = await PROBES.canary.start(context);
  canaries.startSending();
  await clock.sleep(1_000);
  await canaries.stopSending();
  await insert(store, 9_000_001, 2);
  await census.caughtUp();
  await canaries.stop();
  await census.stop();

  const [told] = await context.facts.rows<Record<string, number>>(
    `SELECT c.last_miss_ms, c.first_hit_ms, m.missed_ms, m.seen_ms, c.polls
     FROM canaries c, sightings s JOIN commits m USING (snapshot_id)
     WHERE c.outcome = 'seen' AND s.store_id = c.store_id AND s.sku_id = c.sku_id`,
  );
  expect(told?.polls).toBeGreaterThan(1);
  // The two instruments must have been able to see it at one moment at least.
  expect(told?.last_miss_ms).toBeLessThanOrEqual(told?.seen_ms ?? 0);
  expect(told?.missed_ms).toBeLessThanOrEqual(told?.first_hit_ms ?? 0);
  const never = await context.facts.rows(
    `SELECT DISTINCT first_hit_ms FROM canaries WHERE outcome = 'never'`,
  );
  expect(never).toEqual([{ first_hit_ms: null }]);
  await context.facts.close();
});

test('a canary whose polls are all refused has that many failed polls, declared outages aside', async () => {
  const outcomes = async (excused: boolean) => {
    const context = await probeContext(lakehouse, {
      place: { ...lakehouse.place, namespace: 'nowhere' },
      sendCanary: canaryOf(1),
      underDeclaredFault: () => excused,
    });
    const canaries = await PROBES.canary.start(context);
    canaries.startSending();
    await clock.sleep(1_500);
    await canaries.stop();
    const rows = await context.facts.rows<{ polls: number; failed: number; outcome: string }>(
      'SELECT DISTINCT polls, failed_polls > 0 AS failed, outcome FROM canaries ORDER BY ALL',
    );
    await context.facts.close();
    return rows;
  };
  expect(await outcomes(false)).toEqual([{ polls: 0, failed: true, outcome: 'failed' }]);
  expect(await outcomes(true)).toEqual([{ polls: 0, failed: false, outcome: 'failed' }]);
});

test('the trickle keeps its beat, and a query that hangs is a time-out and then skips', async () => {
  const base = await probeContext(lakehouse, { queries: [lookup(), SLOW] });
  const context = {
    ...base,
    scenario: {
      ...base.scenario,
      queries: {
        everyMs: 100,
        timeoutMs: 700,
        roundSamples: 5,
        roundBudgetMs: 200,
        coldSamples: 3,
      },
    },
  };
  const queries = await PROBES.queries.start(context);
  await clock.sleep(4_000);
  await queries.stop();
  const rows = await context.facts.rows<{ name: string; outcome: string; n: number }>(
    `SELECT name, outcome, count(*) AS n FROM queries GROUP BY ALL ORDER BY ALL`,
  );
  const outcomes = rows.map(({ name, outcome }) => `${name} ${outcome}`);
  expect(outcomes).toContain('endless timeout');
  expect(outcomes).toContain('store-lookup ok');
  expect(outcomes).toContain('store-lookup skipped');
  const [beat] = await context.facts.rows<Record<string, number>>(
    `SELECT count(*) AS ticks, max(gap) AS longest, min(gap) AS shortest,
       count(*) FILTER (early) AS early FROM (
         SELECT intended_ms - lag(intended_ms) OVER (ORDER BY intended_ms) AS gap,
           start_ms < intended_ms - 1 AS early FROM queries)`,
  );
  expect(beat).toMatchObject({ longest: 100, shortest: 100, early: 0 });
  expect(beat?.ticks).toBeGreaterThan(20);
  expect(queries.crashes()).toBe(0);
  await base.facts.close();
});

test('a round keeps every sample, hot and cold, and asks no more what does not answer', async () => {
  const base = await probeContext(lakehouse, { queries: [lookup(), SLOW] });
  const context = {
    ...base,
    scenario: {
      ...base.scenario,
      queries: {
        everyMs: 3_600_000,
        timeoutMs: 1_500,
        roundSamples: 5,
        roundBudgetMs: 300,
        coldSamples: 3,
      },
    },
  };
  const queries = await PROBES.queries.start(context);
  await queries.round('before', 'hot');
  await queries.round('before', 'cold');
  await queries.stop();
  const rows = await context.facts.rows(
    `SELECT name, mode, outcome, count(*) > 1 AS several, count(attach_ms) = count(*) AS attached,
       bool_and(end_ms > start_ms) AS timed
     FROM queries WHERE phase = 'before' GROUP BY ALL ORDER BY name, mode`,
  );
  const ends = { several: false, timed: true, outcome: 'timeout' };
  expect(rows).toEqual([
    { name: 'endless', mode: 'cold', ...ends, attached: true },
    { name: 'endless', mode: 'hot', ...ends, attached: false },
    {
      name: 'store-lookup',
      mode: 'cold',
      outcome: 'ok',
      several: true,
      attached: true,
      timed: true,
    },
    {
      name: 'store-lookup',
      mode: 'hot',
      outcome: 'ok',
      several: true,
      attached: false,
      timed: true,
    },
  ]);
  await base.facts.close();
});

test('resources name every server, the harness and the machine, and the store counts its requests', async () => {
  const context = await probeContext(lakehouse, {
    queries: [
      {
        name: 'count',
        engine: 'duckdb',
        sql: `SELECT count(*) FROM ${lakehouse.table('pos')}`,
        parameters: [],
      },
    ],
    queryEngine: () => queries.engine(),
  });
  const queries = await PROBES.queries.start(context);
  const resources = await PROBES.resources.start(context);
  // Every cold query is a process that has ended when the next sample is taken.
  await queries.round('test', 'cold');
  const layout = await PROBES.layout.start(context);
  const { objects } = await layout.bucket();
  expect(objects).toBeGreaterThan(0);
  await layout.stop();
  await clock.sleep(1_200);
  await queries.stop();
  await resources.stop();
  expect(queries.engine()).toMatchObject({ pids: [], rssBytes: 0 });
  expect(queries.engine().endedCpuS).toBeGreaterThan(0);
  const servers = await context.facts.rows<Record<string, unknown>>(
    `SELECT server, count(*) > 1 AS sampled, min(rss_bytes) > 0 AS resident,
       max(cpu_s) >= min(cpu_s) AS grows FROM resources
     WHERE server <> 'container-engine' GROUP BY server ORDER BY server`,
  );
  const names = [...lakehouse.stack.processes().map(({ server }) => server), 'harness', 'machine'];
  expect(servers).toEqual(
    [...names, 'query-engine'].sort().map((server) => ({
      server,
      sampled: true,
      // It has ended by the time of the last sample.
      resident: server !== 'query-engine',
      grows: true,
    })),
  );
  const [sums] = await context.facts.rows<{ parts: number; machine: number; busy: number }>(
    `WITH used AS (SELECT server, max(cpu_s) - min(cpu_s) AS s FROM resources GROUP BY server)
     SELECT sum(s) FILTER (server <> 'machine') AS parts, sum(s) FILTER (server = 'machine') AS machine,
       (SELECT max(busy) FROM resources) AS busy FROM used`,
  );
  // The kernel counts in hundredths of a second, for each process apart.
  expect(sums?.parts).toBeLessThanOrEqual((sums?.machine ?? 0) + 0.2);
  expect(sums?.busy).toBeGreaterThan(0);
  expect(sums?.busy).toBeLessThanOrEqual(1);
  const [store] = await context.facts.rows<{ more: number; bytes: number }>(
    `SELECT max(requests) - min(requests) AS more, max(bytes_out) - min(bytes_out) AS bytes
     FROM s3 WHERE api = '*'`,
  );
  expect(store?.more).toBeGreaterThan(0);
  expect(store?.bytes).toBeGreaterThan(0);
  await context.facts.close();
});
