import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { TrinoSession } from '../../src/harness/engines/trino-session.ts';
import { launchAuxiliary } from '../../src/harness/stack/processes.ts';
import { isLoopback, listeners } from '../support/listening-sockets.ts';
import { type Lakehouse, openLakehouse } from './support/lakehouse.ts';
import { WITHOUT_TRINO } from './support/trino.ts';

const why = WITHOUT_TRINO === null ? '' : ` (skipped: ${WITHOUT_TRINO})`;

describe.skipIf(WITHOUT_TRINO !== null)(`a Trino server on real servers${why}`, () => {
  let lakehouse: Lakehouse;
  let session: TrinoSession;
  let dir: string;
  const { signal } = new AbortController();
  const log = () => join(dir, 'trino.log');

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'doorbuster-trino-test-'));
    lakehouse = await openLakehouse('trino', 500);
    const { sql, stack, table } = lakehouse;
    await sql.run("SET 'table.dml-sync' = 'true'");
    await sql.run(`CREATE TABLE ${table('numbers')} (n INT, big BIGINT, said STRING)`);
    await sql.run(`INSERT INTO ${table('numbers')} VALUES (1, 9007199254740991, 'it''s "$least"')`);
    session = await TrinoSession.start({ stack, clock, threads: 1, log: log(), signal, jit: 'c1' });
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
    const decimal = await session.rows(
      statement('SELECT CAST(2.50 AS DECIMAL(10,2)) AS d, x FROM (VALUES NULL) v(x)'),
    );
    expect(decimal.rows).toEqual([{ d: 2.5, x: null }]);
  });

  test.each([2, 3])('it leaves out the deleted rows of format %i', async (format) => {
    const { sql, table } = lakehouse;
    const name = table(`format_${format}`);
    await sql.run(`CREATE TABLE ${name} (k INT NOT NULL, v INT, PRIMARY KEY (k) NOT ENFORCED)
      WITH ('format-version' = '${format}', 'write.upsert.enabled' = 'true')`);
    await sql.run("SET 'execution.runtime-mode' = 'streaming'");
    await sql.run("SET 'table.exec.iceberg.use-v2-sink' = 'true'");
    // A key that repeats in one commit, and one that an earlier commit has: deletes by position and by value.
    for (const rows of ['(1, 1), (1, 2), (2, 1), (3, 1)', '(2, 5), (4, 1)']) {
      await sql.run(`INSERT INTO ${name} VALUES ${rows}`);
    }
    const { rows, error } = await session.rows(statement(`SELECT k, v FROM ${name} ORDER BY k`));
    expect(error).toBeNull();
    expect(rows.map(({ k, v }) => [k, v])).toEqual([
      [1, 2],
      [2, 5],
      [3, 1],
      [4, 1],
    ]);
  });

  test('a cancelled statement ends, and the next one works', async () => {
    const endless = statement(
      `SELECT max(a.n + r.id) AS s FROM ${lakehouse.table('numbers')} a, TABLE(sequence(start => 0, stop => 900000000000)) r(id)`,
    );
    const answer = session.rows(endless);
    await clock.sleep(1_000);
    await session.cancel(endless.id);
    expect((await answer).error).toMatch(/cancell?ed/);
    expect(await session.rows(statement('SELECT 1 AS one'))).toMatchObject({ rows: [{ one: 1 }] });
  });

  test('a request that is not signed is refused', async () => {
    const unsigned = { 'x-trino-user': 'doorbuster' };
    const forwarded = { ...unsigned, 'x-forwarded-proto': 'https' };
    const guessed = { ...forwarded, authorization: 'Bearer e30.e30.guessed' };
    for (const headers of [unsigned, forwarded, guessed]) {
      const response = await fetch(`http://127.0.0.1:${session.port}/v1/statement`, {
        ...{ method: 'POST', body: 'SELECT 1 AS one', headers },
      });
      expect([401, 403]).toContain(response.status);
      expect(await response.text()).not.toContain('nextUri');
    }
  });

  test('it listens on loopback only, and no secret is on its command line', async () => {
    const { pid } = session;
    const addresses = listeners(pid as number);
    expect(addresses.length).toBeGreaterThan(0);
    expect(addresses.filter((address) => !isLoopback(address))).toEqual([]);
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    expect(line).not.toContain(lakehouse.stack.endpoints.s3.secretAccessKey);
  });

  test('without Trino on this machine, the error says what to type', async () => {
    const artifacts = { ...lakehouse.artifacts, trinoIceberg: '/nowhere/trino-iceberg/lib' };
    const { endpoints } = lakehouse.stack;
    const stack = {
      endpoints,
      launch: (program: Parameters<typeof launchAuxiliary>[1]) =>
        launchAuxiliary(artifacts, program),
    };
    const none = join(dir, 'none.log');
    const started = TrinoSession.start({ stack, clock, threads: 1, log: none, signal });
    await expect(started).rejects.toMatchObject({
      message: 'Trino is not on this machine: there is no /nowhere/trino-iceberg/lib',
      hint: 'doorbuster setup --with trino',
    });
  });
});
