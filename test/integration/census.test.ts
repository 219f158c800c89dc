import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { flinkRest } from '../../src/harness/clients/flink-rest.ts';
import { openCatalog } from '../../src/harness/clients/iceberg.ts';
import { openReader } from '../../src/harness/engines/duckdb-reader.ts';
import { PROBES } from '../../src/harness/probes/probes.ts';
import { events } from '../support/datasets.ts';
import {
  createTables,
  describeFiles,
  type Lakehouse,
  openLakehouse,
  probeContext,
} from './support/lakehouse.ts';

const CHECKPOINT_MS = 250;
const COMMITS = 40;
/** Well below that many commits, so that manifests are merged several times while the census looks on. */
const MERGE_MANIFESTS_AT = 10;

let lakehouse: Lakehouse;

// For each attempt of a test: one on the tables and the session of another would fail by that alone.
beforeEach(async () => {
  lakehouse = await openLakehouse('census', CHECKPOINT_MS);
  await createTables(lakehouse, MERGE_MANIFESTS_AT);
});

afterEach(() => lakehouse?.leave());

/** A job that writes the same sequence into all three tables, and compacts two of them as it goes. */
async function submit(): Promise<string> {
  const { sql, table } = lakehouse;
  const stamp = 'CAST(UNIX_TIMESTAMP(CAST(CURRENT_TIMESTAMP AS STRING)) AS BIGINT) * 1000';
  const compacting = `/*+ OPTIONS('flink-maintenance.rewrite.enabled' = 'true',
    'flink-maintenance.rewrite.schedule.commit-count' = '15',
    'flink-maintenance.rewrite.delete-file-threshold' = '1',
    'flink-maintenance.rate-limit-seconds' = '1',
    'flink-maintenance.lock-check-delay-seconds' = '1') */`;
  await sql.run("SET 'execution.runtime-mode' = 'streaming'");
  await sql.run("SET 'parallelism.default' = '1'");
  await sql.run("SET 'table.exec.iceberg.use-v2-sink' = 'true'");
  await sql.run("SET 'table.local-time-zone' = 'UTC'");
  // Flink keeps what is left of a sequence in memory and in every checkpoint: so much lasts 20 minutes.
  await sql.run(`CREATE TEMPORARY TABLE numbers (n BIGINT) WITH ('connector' = 'datagen',
    'rows-per-second' = '100', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
    'fields.n.end' = '120000')`);
  await sql.run(`CREATE TEMPORARY VIEW stamped AS
    SELECT n, 'e-' || CAST(n AS STRING) AS event_id, ${stamp} AS ms FROM numbers`);
  const rows = await sql.run(`EXECUTE STATEMENT SET BEGIN
    INSERT INTO ${table('pos')} ${compacting}
      SELECT event_id, CAST(MOD(n, 7) + 1 AS INT), ms, ms, ms, ms, ms FROM stamped;
    INSERT INTO ${table('inventory')} ${compacting}
      SELECT event_id, CAST(MOD(n, 7) + 1 AS INT), CAST(MOD(n, 11) + 1 AS INT), 1, n, FALSE,
        ms, ms, ms, ms, ms FROM stamped;
    INSERT INTO ${table('dead_letter')}
      SELECT 'pos', 0, n, 'cut short',
        ENCODE('{"event_id":"marker-run-0-pos-' || CAST(n AS STRING) || '-bad","x', 'UTF-8'), ms, ms
      FROM stamped WHERE MOD(n, 100) = 0;
    END`);
  return String(rows[0]?.['job id']);
}

test('40 commits, rewrites and merged manifests among them: every row is in the census once', async () => {
  const context = await probeContext(lakehouse);
  const census = await PROBES.census.start(context);
  const job = await submit();
  // On a busy machine the first rewrite takes longer than that many commits.
  const rewritten = async () => {
    const [row] = await context.facts.rows<{ n: number }>(
      `SELECT count(*) AS n FROM commits WHERE table_name = 'pos' AND operation = 'replace'`,
    );
    return (row?.n ?? 0) > 0;
  };
  while ((census.progress().pos?.commits ?? 0) < COMMITS || !(await rewritten())) {
    await clock.sleep(200, lakehouse.stack.broken);
  }
  await lakehouse.sql.run(`STOP JOB '${job}' WITH SAVEPOINT WITH DRAIN`);
  await census.caughtUp();
  expect(census.behind()).toBe(0);
  expect(context.incidents).toEqual([]);

  const { facts } = context;
  const [sequence] = await facts.rows<{ n: number }>(
    `SELECT max(version) AS n FROM sightings WHERE table_name = 'inventory'`,
  );
  const n = sequence?.n ?? 0;
  expect(n).toBeGreaterThan(COMMITS);
  const seen = await facts.rows(
    `SELECT table_name, count(*) AS rows, count(DISTINCT event_id) AS ids,
       count(DISTINCT split_part(event_id, '-', -1)) FILTER (event_id LIKE 'e-%') AS numbers
     FROM sightings GROUP BY ALL ORDER BY table_name`,
  );
  const dead = Math.floor(n / 100);
  expect(seen).toEqual([
    { table_name: 'dead_letter', rows: dead, ids: dead, numbers: 0 },
    { table_name: 'inventory', rows: n, ids: n, numbers: n },
    { table_name: 'pos', rows: n, ids: n, numbers: n },
  ]);

  // Read independently: the engine sees the same rows, and of the upserts the last of each key.
  await using reader = await openReader(
    lakehouse.stack.endpoints,
    lakehouse.artifacts.duckdbExtensions,
    {
      clock,
    },
  );
  // One question at a time: DuckDB's estimate of a table with deletes can be below 0, and a cross join of
  // such estimates is an INTERNAL error.
  const ask = async (sql: string): Promise<unknown> => {
    const read = await reader.query(sql, {}, { timeoutMs: 120_000 });
    expect(read.error, sql).toBeNull();
    return read.rows[0]?.answer;
  };
  const [latest] = await facts.rows<{ versions: number }>(
    `SELECT sum(v) AS versions FROM (SELECT max(version) AS v FROM sightings
       WHERE table_name = 'inventory' GROUP BY store_id, sku_id)`,
  );
  expect(await ask(`SELECT count(*) AS answer FROM ${lakehouse.table('pos')}`)).toBe(n);
  expect(
    await ask(`SELECT count(DISTINCT event_id) AS answer FROM ${lakehouse.table('pos')}`),
  ).toBe(n);
  expect(await ask(`SELECT count(*) AS answer FROM ${lakehouse.table('dead_letter')}`)).toBe(dead);
  const rows = await ask(`SELECT count(*) AS answer FROM ${lakehouse.table('inventory')}`);
  // It was 154 once, on a busy machine.
  expect(rows, rows === 77 ? '' : await describeFiles(lakehouse, 'inventory')).toBe(77);
  expect(await ask(`SELECT sum(version) AS answer FROM ${lakehouse.table('inventory')}`)).toBe(
    latest?.versions,
  );

  const [commits] = await facts.rows<Record<string, number>>(
    `SELECT count(*) FILTER (operation = 'replace') AS replaces,
       count(*) FILTER (added_rows > 0 AND operation <> 'replace') AS adding,
       count(*) FILTER (merged) AS merges, count(*) FILTER (seen_ms < missed_ms) AS backwards,
       count(*) FILTER (seen_ms < snapshot_ms) AS early, count(*) - count(missed_ms) AS unbounded,
       count(DISTINCT snapshot_id) = count(*) AS once
     FROM (SELECT *, operation = 'append' AND
         manifests < lag(manifests) OVER (ORDER BY sequence_number) AS merged
       FROM commits WHERE table_name = 'pos')`,
  );
  expect(commits?.replaces).toBeGreaterThan(0);
  expect(commits?.adding).toBeGreaterThanOrEqual(COMMITS - (commits?.replaces ?? 0));
  expect(commits?.merges).toBeGreaterThan(0);
  expect(commits).toMatchObject({ backwards: 0, early: 0, unbounded: 0, once: true });

  const markers = Array.from({ length: dead }, (_, i) => ({
    table: 'dead_letter',
    id: `marker-run-0-pos-${100 * (i + 1)}-bad`,
  }));
  const unsent = { table: 'dead_letter', id: 'marker-run-1-pos-100-bad' };
  expect(census.missingMarkers([...markers, unsent])).toEqual([unsent]);
  await census.stop();

  await layoutAgrees(context, job);
  await lateCensusAgrees(n);
  await facts.close();
}, 900_000);

test('a rewrite between two periodic commits makes none of them late to be seen', async () => {
  const { sql, stack, place, table } = lakehouse;
  const everyMs = 4_000;
  await sql.run(`CREATE TABLE ${table('paced')} (event_id STRING, n BIGINT)
    WITH ('format-version' = '2')`);
  await sql.run("SET 'execution.runtime-mode' = 'streaming'");
  await sql.run("SET 'table.exec.iceberg.use-v2-sink' = 'true'");
  await sql.run(`SET 'execution.checkpointing.interval' = '${everyMs} ms'`);
  await sql.run(`CREATE TEMPORARY TABLE ticks (n BIGINT) WITH ('connector' = 'datagen',
    'rows-per-second' = '20', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
    'fields.n.end' = '20000')`);
  const base = await probeContext(lakehouse);
  const pipeline = { ...base.scenario.pipeline, commitEveryMs: everyMs };
  const context = {
    ...base,
    scenario: { ...base.scenario, pipeline },
    datasets: [events('pos', 'paced')],
  };
  const census = await PROBES.census.start(context);
  const rows = await sql.run(`INSERT INTO ${table('paced')}
    /*+ OPTIONS('flink-maintenance.rewrite.enabled' = 'true',
      'flink-maintenance.rewrite.schedule.commit-count' = '1',
      'flink-maintenance.rate-limit-seconds' = '1',
      'flink-maintenance.lock-check-delay-seconds' = '1') */
    SELECT 'e-' || CAST(n AS STRING), n FROM ticks`);
  const count = async (operation: string) => {
    const [found] = await context.facts.rows<{ n: number }>(
      'SELECT count(*) AS n FROM commits WHERE operation = $operation',
      { operation },
    );
    return found?.n ?? 0;
  };
  while ((await count('append')) < 6 || (await count('replace')) < 2) {
    await clock.sleep(500, stack.broken);
  }
  await sql.run(`STOP JOB '${rows[0]?.['job id']}' WITH SAVEPOINT`);
  await census.stop();
  expect(context.incidents).toEqual([]);
  // With a quiet time of half an interval after any commit, one that follows a rewrite has up to 2 s.
  const [widest] = await context.facts.rows<{ ms: number }>(
    "SELECT max(seen_ms - missed_ms) AS ms FROM commits WHERE operation = 'append'",
  );
  expect(widest?.ms).toBeLessThan(1_000);
  // What the quiet time goes by: the sink says who it is.
  const catalog = openCatalog(stack.endpoints.catalog, place.namespace);
  const snapshots = (await catalog.load('paced'))?.table().snapshots ?? [];
  const appended = snapshots.filter(({ operation }) => operation === 'append');
  expect(appended.length).toBeGreaterThanOrEqual(6);
  expect(new Set(appended.map(({ summary }) => summary['flink.job-id']))).toEqual(
    new Set([rows[0]?.['job id']]),
  );
  await context.facts.close();
}, 300_000);

/** The layout that the census tells for the last commit is what the layout probe and the bucket say. */
async function layoutAgrees(
  context: Awaited<ReturnType<typeof probeContext>>,
  job: string,
): Promise<void> {
  const { facts } = context;
  const layout = await PROBES.layout.start(context);
  await layout.mark('end');
  const told = await facts.rows(
    `SELECT table_name, data_files, equality_delete_files, position_delete_files, live_bytes
     FROM commits QUALIFY row_number() OVER (PARTITION BY table_name ORDER BY sequence_number DESC) = 1
     ORDER BY table_name`,
  );
  const marked = await facts.rows(
    `SELECT table_name, count(*) FILTER (content = 'data') AS data_files,
       count(*) FILTER (content = 'equality_delete') AS equality_delete_files,
       count(*) FILTER (content IN ('position_delete', 'dv')) AS position_delete_files,
       sum(bytes) AS live_bytes
     FROM files WHERE mark = 'end' GROUP BY table_name ORDER BY table_name`,
  );
  expect(marked).toEqual(told);
  const bucket = await layout.bucket();
  const [live] = await facts.rows<{ n: number }>('SELECT count(*) AS n FROM files');
  expect(bucket.objects).toBeGreaterThan(live?.n ?? Number.POSITIVE_INFINITY);
  // The stop may cut a rewrite short, whose files no snapshot ever names: those are orphans. What was committed is none,
  // and the table without rewrites has none.
  const committed = await facts.rows<{ path: string }>('SELECT DISTINCT path FROM files');
  const orphans = bucket.orphanKeys.map(
    (key) => `s3://${lakehouse.stack.endpoints.s3.bucket}/${key}`,
  );
  expect(committed.map(({ path }) => path).filter((path) => orphans.includes(path))).toEqual([]);
  // A job that was restarted between a file and its commit would leave one.
  const failure = await flinkRest(lakehouse.stack.endpoints.flink.rest, clock).failure(job);
  expect(
    orphans.filter((path) => path.includes('/dead_letter/data/')),
    failure ?? 'the job has never failed',
  ).toEqual([]);
  await layout.stop();
}

/** A census that starts when all is done meets every commit between two polls, and finds the same. */
async function lateCensusAgrees(n: number): Promise<void> {
  const context = await probeContext(lakehouse);
  const census = await PROBES.census.start(context);
  await census.caughtUp();
  await census.stop();
  const [late] = await context.facts.rows<{ commits: number; rows: number; ids: number }>(
    `SELECT (SELECT count(*) FROM commits WHERE table_name = 'pos') AS commits, count(*) AS rows,
       count(DISTINCT event_id) AS ids FROM sightings WHERE table_name = 'pos'`,
  );
  expect(context.incidents).toEqual([]);
  expect(late?.commits).toBeGreaterThanOrEqual(COMMITS);
  expect(late).toMatchObject({ rows: n, ids: n });
  await context.facts.close();
}
