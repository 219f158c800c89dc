import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { SparkSession } from '../../src/harness/engines/spark-session.ts';
import { openFacts } from '../../src/harness/facts.ts';
import { identify } from '../../src/harness/process-identity.ts';
import { launchAuxiliary } from '../../src/harness/stack/processes.ts';
import { killGroup, sweepLeftovers } from '../../src/harness/stack/registry.ts';
import { SHARED_STACK } from '../support/shared-stack-name.ts';
import { type Lakehouse, openLakehouse } from './support/lakehouse.ts';
import { until } from './support/stacks.ts';

/** A Spark session on real servers, in the runtime of the tests. */

let lakehouse: Lakehouse;
let session: SparkSession;
let dir: string;
const { signal } = new AbortController();
const log = () => join(dir, 'spark.log');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-session-'));
  lakehouse = await openLakehouse('session', 500);
  const { sql, stack, table } = lakehouse;
  await sql.run("SET 'table.dml-sync' = 'true'");
  await sql.run(`CREATE TABLE ${table('numbers')} (n INT, big BIGINT, said STRING)`);
  await sql.run(`INSERT INTO ${table('numbers')} VALUES (1, 9007199254740991, 'it''s "$least"')`);
  session = await SparkSession.start({ stack, clock, threads: 2, log: log(), signal, jit: 'c1' });
}, 600_000);
afterAll(async () => {
  await session?.close();
  await lakehouse?.leave();
  await rm(dir, { recursive: true, force: true });
});

let statements = 0;
const statement = (sql: string, params = {}) => ({ id: `s${statements++}`, sql, params });

test('a statement sees the newest snapshot, and its parameters are values', async () => {
  const { sql, table } = lakehouse;
  const above = (least: number) =>
    session.rows(
      statement(
        `SELECT n, big, said, '$least' AS text FROM ${table('numbers')} -- $least
         WHERE n > $least ORDER BY n;`,
        { least },
      ),
    );
  const one = { n: 1, big: 9_007_199_254_740_991, said: `it's "$least"`, text: '$least' };
  const first = await above(0);
  expect(first).toMatchObject({ error: null, rows: [one] });
  expect(first.endMs).toBeGreaterThan(first.startMs);
  expect(first.cpuS).toBeGreaterThan(0);
  await sql.run(`INSERT INTO ${table('numbers')} VALUES (2, CAST(NULL AS BIGINT), 'two')`);
  const two = { n: 2, big: null, said: 'two', text: '$least' };
  expect((await above(0)).rows).toEqual([one, two]);
  expect((await above(1)).rows).toEqual([two]);
});

test('a result becomes one Parquet file, and a failure is named', async () => {
  const file = join(dir, 'numbers.parquet');
  const { table } = lakehouse;
  await session.toParquet(
    statement(`SELECT n, said FROM ${table('numbers')} WHERE n = 1`),
    file,
    signal,
  );
  await using facts = await openFacts();
  expect(await facts.rows(`FROM read_parquet('${file}')`)).toEqual([
    { n: 1, said: `it's "$least"` },
  ]);
  const missing = session.toParquet(statement('SELECT * FROM nowhere'), file, signal);
  await expect(missing).rejects.toThrow(/^Spark: .*nowhere/);
});

test('a cancelled statement ends, and the next one works', async () => {
  const endless = statement(
    `SELECT max(a.n + r.id) AS s FROM ${lakehouse.table('numbers')} a, range(900000000000) r`,
  );
  const answer = session.rows(endless);
  await clock.sleep(1_000);
  await session.cancel(endless.id);
  expect((await answer).error).toContain('cancelled');
  expect(await session.rows(statement('SELECT 1 AS one'))).toMatchObject({ rows: [{ one: 1 }] });
});

test('a request without the token is refused', async () => {
  const { port } = session;
  const body = JSON.stringify({ id: 'x', sql: 'SELECT 1 AS one', params: {} });
  for (const headers of [{}, { authorization: 'guessed' }]) {
    const response = await fetch(`http://127.0.0.1:${port}/rows`, {
      ...{ method: 'POST', body, headers },
    });
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain('one');
  }
});

test('without Spark on this machine, the error says what to type', async () => {
  const artifacts = { ...lakehouse.artifacts, sparkClasspath: '/nowhere/spark/jars/*' };
  const { endpoints } = lakehouse.stack;
  const stack = {
    endpoints,
    launch: (program: Parameters<typeof launchAuxiliary>[1]) => launchAuxiliary(artifacts, program),
  };
  const started = SparkSession.start({
    stack,
    clock,
    threads: 1,
    log: join(dir, 'none.log'),
    signal,
  });
  await expect(started).rejects.toMatchObject({
    message: 'Spark is not on this machine: there is no /nowhere/spark/jars',
    hint: 'doorbuster setup',
  });
});

test('a session ends with the process that owns it, also when that is killed', async () => {
  const fixture = fileURLToPath(new URL('../fixtures/session-owner.mjs', import.meta.url));
  const owner = spawn(process.execPath, [fixture, SHARED_STACK, join(dir, 'owned.log')], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: owner.stdout }), 'line');
  const { pid } = JSON.parse(line) as { pid: number };
  expect(identify(pid)).not.toBeNull();
  const exited = once(owner, 'exit');
  killGroup(owner.pid as number, 'SIGKILL');
  await exited;
  await until(() => identify(pid) === null, 30_000);
  await sweepLeftovers(clock);
}, 120_000);
