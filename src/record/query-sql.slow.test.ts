import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../core/exit-codes.ts';
import { environment } from './environment.ts';
import { listRuns } from './list.ts';
import { querySql } from './query-sql.ts';
import { recordText, startedRecord } from './write.ts';

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-ask-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT range AS event FROM range(50000)) TO '${dir}/events.parquet' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
});
afterEach(() => rmSync(dir, { recursive: true }));

const tables = async () => (await querySql(dir, 'SHOW TABLES')).rows.flat();

describe('a folder from another person', () => {
  test('no file name is executed as SQL', async () => {
    const written = join(dir, 'pwned');
    // A file name holds no slash, so that the attack names what it writes relative to the working folder.
    const target = `pwned-${process.pid}`;
    const names = [
      `x" AS SELECT 1 AS a; COPY (SELECT 1) TO '${target}'; CREATE VIEW "z.parquet`,
      `x'); COPY (SELECT 1) TO '${target}'; --.parquet`,
      'UPPER.parquet',
      ' .parquet',
      '.parquet',
      '1st.parquet',
    ];
    for (const name of names) copyFileSync(join(dir, 'events.parquet'), join(dir, name));
    const answer = await querySql(dir, 'SELECT count(*) AS n FROM events');
    expect(answer.rows).toEqual([['50000']]);
    expect(answer.leftOut.map(({ file }) => file).sort()).toEqual([...names].sort());
    expect(await tables()).toEqual(['events']);
    expect(existsSync(target) || existsSync(written)).toBe(false);
  });

  test('a table that cannot be read is left out, and the others can be queried', async () => {
    writeFileSync(join(dir, 'commits.parquet'), 'PAR1');
    copyFileSync(join(dir, 'events.parquet'), join(dir, 'queries.parquet'));
    truncateSync(join(dir, 'queries.parquet'), 1_000);
    execFileSync('mkfifo', [join(dir, 'files.parquet')]);
    symlinkSync('/dev/zero', join(dir, 'resources.parquet'));
    mkdirSync(join(dir, 'phases.parquet'));
    const answer = await querySql(dir, 'SELECT max(event) FROM events');
    expect(answer.rows).toEqual([['49999']]);
    expect(Object.fromEntries(answer.leftOut.map(({ file, fact }) => [file, fact]))).toEqual({
      'commits.parquet': expect.stringContaining('too small to be a Parquet file'),
      'queries.parquet': expect.stringContaining('No magic bytes'),
      'files.parquet': 'it is not a regular file',
      'resources.parquet': 'it is not a regular file',
      'phases.parquet': 'it is not a regular file',
    });
  });

  test('a folder with no readable table is refused, with the reason of each', async () => {
    truncateSync(join(dir, 'events.parquet'), 100);
    await expect(querySql(dir, 'SELECT 1')).rejects.toMatchObject({
      exitCode: EXIT.badInput,
      message: expect.stringMatching(/no Parquet file of .* can be read: events\.parquet: .*magic/),
    });
  });

  test('data that is damaged before an intact footer is an error when it is read', async () => {
    const bytes = readFileSync(join(dir, 'events.parquet'));
    bytes.fill(0xff, 10, 2_000);
    writeFileSync(join(dir, 'events.parquet'), bytes);
    await expect(querySql(dir, 'SELECT sum(event) FROM events')).rejects.toMatchObject({
      exitCode: EXIT.badInput,
    });
  });

  test('brackets and stars in the path of the folder match nothing else', async () => {
    const odd = join(dir, 'a[1]*?');
    mkdirSync(odd);
    mkdirSync(join(dir, 'a1xx'));
    copyFileSync(join(dir, 'events.parquet'), join(odd, 'events.parquet'));
    writeFileSync(join(dir, 'a1xx', 'events.parquet'), 'not Parquet');
    expect((await querySql(odd, 'SELECT count(*) FROM events')).rows).toEqual([['50000']]);
  });
});

describe("a user's own SQL", () => {
  test.each([
    ["FROM read_csv('/etc/hostname')"],
    ["FROM glob('/etc/*')"],
    ["FROM read_blob('/proc/self/environ')"],
    ['FROM duckdb_secrets()'],
    ["SELECT * FROM query('FROM read_text(''/etc/hostname'')')"],
  ])('reads nothing outside the record: %s', async (sql) => {
    await expect(querySql(dir, sql)).rejects.toMatchObject({
      exitCode: EXIT.badInput,
      message: expect.stringContaining('disabled by configuration'),
    });
  });

  test('an answer that would fill the memory is refused at a limit', async () => {
    const rows = 'SELECT a.event, b.event FROM events a, events b';
    await expect(querySql(dir, rows)).rejects.toThrow(
      /too large to print: more than \d+ rows of 2/,
    );
    const long = "SELECT repeat('x', 3000) FROM events";
    await expect(querySql(dir, long)).rejects.toThrow(/too large to print/);
  }, 60_000);

  test('a query that runs is interrupted with the signal', async () => {
    const stop = new AbortController();
    const endless = querySql(
      dir,
      'SELECT sum(a.event) FROM events a, events b, events c',
      stop.signal,
    );
    setTimeout(() => stop.abort(new Error('stopped')), 100);
    await expect(endless).rejects.toThrow();
    await expect(querySql(dir, 'SELECT 1', stop.signal)).rejects.toThrow('stopped');
  }, 20_000);
});

describe('a query as it may be typed', () => {
  const n = async (sql: string) => (await querySql(dir, sql)).rows;

  test('PIVOT without IN is one question, alone and within another', async () => {
    const pivot = 'PIVOT (SELECT event % 2 AS odd FROM events) ON odd USING count(*)';
    const answer = await querySql(dir, pivot);
    expect([answer.columns, answer.rows]).toEqual([['0', '1'], [['25000', '25000']]]);
    expect(await n(`WITH p AS (${pivot}) SELECT "0" FROM p`)).toEqual([['25000']]);
  });

  test.each([
    `COPY (SELECT 1 AS event) TO 'FILE'; PIVOT events ON event USING count(*)`,
    'CREATE TABLE x AS SELECT 1; PIVOT (SELECT 1 AS a) ON a USING count(*)',
    'CREATE TABLE "pivot" AS SELECT 1; FROM "pivot"',
    'SELECT 1; SELECT 2',
  ])('several statements are refused, and change no file: %s', async (sql) => {
    await expect(querySql(dir, sql.replace('FILE', join(dir, 'events.parquet')))).rejects.toThrow(
      /one statement at a time: this query has [23]/,
    );
    expect(await n('SELECT count(*) FROM events')).toEqual([['50000']]);
  });

  test.each(['-- a\nSELECT 1', '/* a */ SELECT 1', '\n-- a\n\nSELECT 1; -- b'])(
    'a comment is no query of its own: %s',
    async (sql) => {
      expect(await n(sql)).toEqual([[1]]);
    },
  );

  test.each(['', '  \n', ';', '-- nothing', '/* nothing */ ; -- at all'])(
    'an empty query has an error of its own: "%s"',
    async (sql) => {
      const error = await querySql(dir, sql).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ exitCode: EXIT.badInput, message: 'the query is empty' });
    },
  );
});

test('a Parquet file with damaged bytes is left out, refused or answered, and nothing else', async () => {
  const whole = readFileSync(join(dir, 'events.parquet'));
  const damage = fc.record({
    at: fc.nat({ max: whole.length - 1 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    cutTo: fc.option(fc.nat({ max: whole.length }), { nil: whole.length }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, bytes, cutTo }) => {
      const damaged = Buffer.from(whole);
      damaged.set(bytes.subarray(0, damaged.length - at), at);
      writeFileSync(join(dir, 'events.parquet'), damaged.subarray(0, cutTo));
      try {
        await querySql(dir, 'SELECT count(*), max(event) FROM events');
      } catch (error) {
        expect(error).toMatchObject({ exitCode: EXIT.badInput });
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('a record of any text is listed, or is a row with its error', () => {
  const good = recordText(
    startedRecord({
      ...{ id: 'x', seed: 1, startedAt: '2026-11-27T09:00:00.000Z', reproduce: 'doorbuster run x' },
      scenario: {
        ...{ name: 'x', about: '', file: 'x.yaml', hash: 'x', text: '' },
        ...{ overrides: [], recording: null },
      },
      environment: environment({ runtime: 'processes', versions: {} }),
      pipeline: {
        ...{ name: 'cdc-upsert', tier: 3, headline: '', format: 2, parallelism: 1 },
        ...{ commitEveryMs: 2_000, compaction: 'none', tableKeys: null },
      },
    }),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.nat({ max: good.length }).map((n) => good.slice(0, n)),
    fc
      .tuple(fc.constantFrom(...(good.match(/"\w+":|null|\d+|""/g) ?? [])), fc.json())
      .map(([part, other]) => good.replace(part, other)),
  );
  mkdirSync(join(dir, 'run'));
  fc.assert(
    fc.property(text, (written) => {
      writeFileSync(join(dir, 'run', 'record.json'), written);
      const [listed] = listRuns(dir);
      if (listed?.kind === 'unreadable') expect(listed.problem).toContain('record.json');
      else expect(listed).toMatchObject({ kind: 'run', scenario: expect.any(String) });
    }),
    { numRuns: 300 },
  );
}, 60_000);
