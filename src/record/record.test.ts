import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { systemClock } from '../core/clock.ts';
import { commitAt, environment, laneOf, withClassArchives } from './environment.ts';
import { createRunFolder } from './folder.ts';
import { openJournal, readJournal } from './journal.ts';
import { listRuns } from './list.ts';
import { querySql } from './query-sql.ts';
import { parseRecord, readRecord } from './read.ts';
import type { RunRecord, UnmeasuredRecord } from './record.ts';
import { recordText, startedRecord, writeRecord } from './write.ts';

let results: string;
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'doorbuster-record-'));
});
afterEach(() => rmSync(results, { recursive: true }));

const stack = { runtime: 'processes', versions: { kafka: '4.3.1' } };

const fixture = fileURLToPath(new URL('../../test/fixtures/black-friday', import.meta.url));

function started(id: string): UnmeasuredRecord {
  return startedRecord({
    id,
    scenario: {
      name: 'quick',
      about: '',
      file: 'scenarios/quick.yaml',
      hash: 'abc',
      text: 'name: quick\n',
      overrides: [],
      recording: null,
    },
    seed: 7,
    startedAt: '2026-11-27T09:00:00.000Z',
    environment: environment(stack),
    pipeline: {
      name: 'cdc-upsert',
      tier: 3,
      headline: 'direct feed, no Postgres',
      format: 2,
      commitEveryMs: 2000,
      parallelism: 1,
      compaction: 'none',
      tableKeys: null,
    },
    reproduce: 'doorbuster run scenarios/quick.yaml --seed 7',
  });
}

describe('record.json', () => {
  test('is valid from the first moment, and says interrupted', () => {
    const { id, dir } = createRunFolder(results, 'quick', 0);
    writeRecord(dir, started(id));
    expect(readRecord(dir)).toEqual(started(id));
    expect(readRecord(join(dir, 'record.json')).outcome).toBe('interrupted');
    expect(readdirSync(dir)).toEqual(['record.json']);
  });

  test('keeps series of numbers on one line, and strings that look like them as they are', () => {
    const record: RunRecord = {
      ...completedRecord(fixture),
      headline: { text: '[ 1, 2 ]\n[\n 3]', warnings: [] },
      staleness: [
        {
          stream: 'pos',
          startMs: 0,
          everyMs: 1000,
          n: [1, 0],
          never: [0, 0],
          p50: [2, null],
          p99: [2, null],
          max: [2, null],
          age: [0, 1],
        },
      ],
    };
    const text = recordText(record);
    expect(text).toContain('"p50": [2,null]');
    expect(parseRecord(text, 'x')).toEqual(record);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %s, which JSON would turn to null',
    (value) => {
      expect(() => recordText({ ...started('x'), tookMs: value })).toThrow(/tookMs/);
    },
  );

  test('missing, torn, newer and damaged records have different errors, with the field at fault', () => {
    const text = recordText(started('x'));
    expect(() => readRecord(join(results, 'nowhere'))).toThrow(/no run at/);
    expect(() => readRecord(results)).toThrow(/holds no record\.json/);
    expect(() => parseRecord(text.slice(0, 100), 'r.json')).toThrow(/r\.json is not JSON/);
    expect(() => parseRecord(text.replace('"version": 2', '"version": 3'), 'r.json')).toThrow(
      /record of version 3; this doorbuster reads up to version 2/,
    );
    expect(() => parseRecord(text.replace('"cores": ', '"cores": -'), 'r.json')).toThrow(
      /environment\.cores/,
    );
    const whole = recordText(completedRecord(fixture)).replace(/"text": "lost == 0",/, '');
    expect(() => parseRecord(whole, 'r.json')).toThrow(/checks\[0\]\.text/);
  });

  test('wherever the text of a record ends, it is one clear error', () => {
    const text = recordText(started('x'));
    for (let end = 0; end < text.trimEnd().length; end += 37) {
      expect(() => parseRecord(text.slice(0, end), 'r.json'), text.slice(0, end)).toThrow(
        /^r\.json is not JSON: /,
      );
    }
  });

  test('without any one of its fields, or with one of another type, a record names that field', () => {
    const record = JSON.parse(recordText(completedRecord(fixture))) as Record<string, unknown>;
    const optional = ['stack', 'shards', 'views'];
    for (const field of Object.keys(record).filter((name) => !optional.includes(name))) {
      const { [field]: _left, ...partial } = record;
      const named = field === 'version' ? /version/ : new RegExp(`\\b${field}\\b`);
      expect(() => parseRecord(JSON.stringify(partial), 'r.json'), field).toThrow(named);
      const edited = { ...record, [field]: { odd: 1 } };
      expect(() => parseRecord(JSON.stringify(edited), 'r.json'), field).toThrow(named);
    }
    for (const other of ['null', '[]', '7', '"x"', '{}']) {
      expect(() => parseRecord(other, 'r.json'), other).toThrow(/^r\.json /);
    }
  });

  test('the commit of a file is that of its checkout, with a mark if the file was changed', () => {
    const git = (...args: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
        cwd: results,
        encoding: 'utf8',
      }).trim();
    git('init', '--quiet');
    for (const name of ['mine.yaml', 'other.yaml']) writeFileSync(join(results, name), 'name: x');
    git('add', 'mine.yaml');
    git('commit', '--quiet', '--message=one');
    const head = git('rev-parse', 'HEAD');
    expect(commitAt(join(results, 'mine.yaml'))).toBe(head);
    expect(commitAt(join(results, 'other.yaml'))).toBeNull();
    expect(commitAt(join(results, 'nowhere', 'x.yaml'))).toBeNull();
    appendFileSync(join(results, 'mine.yaml'), '# changed');
    expect(commitAt(join(results, 'mine.yaml'))).toBe(`${head}+`);
  });

  test('runs are listed oldest first, an unreadable one with its problem', () => {
    const late = createRunFolder(results, 'quick', 86_400_000);
    const early = createRunFolder(results, 'quick', 0);
    const broken = createRunFolder(results, 'quick', 43_200_000);
    mkdirSync(join(results, 'baselines'));
    for (const { id, dir } of [late, early]) writeRecord(dir, started(id));
    writeFileSync(join(broken.dir, 'record.json'), '{');
    const listed = listRuns(results);
    expect(listed.map(({ id }) => id)).toEqual([early.id, broken.id, late.id]);
    expect(listed.map(({ kind }) => kind)).toEqual(['run', 'unreadable', 'run']);
    expect(listRuns(join(results, 'nowhere'))).toEqual([]);
  });

  test('a record that is not a regular file, or too large, is a row with that reason', () => {
    const bad: Readonly<Record<string, (path: string) => void>> = {
      folder: (path) => mkdirSync(path),
      fifo: (path) => execFileSync('mkfifo', [path]),
      device: (path) => symlinkSync('/dev/zero', path),
      large: (path) => {
        writeFileSync(path, '');
        truncateSync(path, 512 * 2 ** 20);
      },
      nested: (path) => writeFileSync(path, '['.repeat(2 ** 20)),
    };
    for (const [name, make] of Object.entries(bad)) {
      mkdirSync(join(results, name));
      make(join(results, name, 'record.json'));
    }
    const good = createRunFolder(results, 'quick', 0);
    writeRecord(good.dir, started(good.id));
    const listed = listRuns(results);
    const problems = Object.fromEntries(
      listed.map((run) => [
        run.id,
        run.kind === 'run' ? run.outcome : run.kind === 'unreadable' && run.problem,
      ]),
    );
    expect(problems).toEqual({
      [good.id]: 'interrupted',
      folder: expect.stringMatching(/record\.json: it is a folder, not a regular file$/),
      fifo: expect.stringMatching(/it is a FIFO, not a regular file$/),
      device: expect.stringMatching(/it is a device, not a regular file$/),
      large: expect.stringMatching(/it has 512 MiB; the limit is 64\.0 MiB$/),
      nested: expect.stringContaining('record.json is not JSON'),
    });
  });
});

describe('the run folder', () => {
  test('sorts by time, and two runs of one second get two folders', () => {
    const folders = [1, 2, 3].map(() => createRunFolder(results, 'a b/c', 1_795_770_000_000));
    expect(new Set(folders.map(({ dir }) => dir)).size).toBe(3);
    for (const { id, dir } of folders) {
      expect(id).toMatch(/^20261127T\d{6}Z-a-b-c-[0-9a-f]{4}$/);
      expect(existsSync(dir)).toBe(true);
    }
  });

  test('says where it could not be made', () => {
    writeFileSync(join(results, 'file'), '');
    expect(() => createRunFolder(join(results, 'file'), 'x', 0)).toThrow(
      /cannot make a run folder/,
    );
  });
});

describe('the journal', () => {
  test('survives a torn last line, and goes on after it', () => {
    {
      using journal = openJournal(results, systemClock);
      journal.note('phase-begin', { phase: 'spike' });
      journal.note('step', { text: 'two\nlines' });
    }
    appendFileSync(join(results, 'events.ndjson'), '{"atMs":1,"kind":"pha');
    expect(readJournal(results).torn).toEqual(['{"atMs":1,"kind":"pha']);
    {
      using journal = openJournal(results, systemClock);
      journal.note('stop', { atMs: 5 });
    }
    const { entries, torn } = readJournal(results);
    expect(entries.map(({ kind }) => kind)).toEqual(['phase-begin', 'step', 'stop']);
    expect(entries[1]).toMatchObject({ text: 'two\nlines' });
    expect(torn).toHaveLength(1);
    expect(readFileSync(join(results, 'events.ndjson'), 'utf8').endsWith('\n')).toBe(true);
  });

  test('a line of another version is given apart, and none is taken for what it is not', () => {
    const lines = ['{"atMs":1,"kind":"later"}', '{"atMs":1,"kind":"cut","cutMs":"x"}', '[]', '1'];
    writeFileSync(join(results, 'events.ndjson'), `${lines.join('\n')}\n`);
    expect(readJournal(results)).toEqual({ entries: [], unknown: lines, torn: [] });
  });

  test('an entry after its end is a bug, not a silence', () => {
    const journal = openJournal(results, systemClock);
    journal[Symbol.dispose]();
    expect(() => journal.note('step', { text: 'late' })).toThrow(/after the journal was closed/);
  });
});

describe('the environment', () => {
  test('a lane changes with what makes records incomparable, and not with the commit', () => {
    const here = environment(stack);
    expect(here.cores).toBeGreaterThan(0);
    expect(environment(stack).lane).toBe(here.lane);
    expect(laneOf({ ...here, cores: here.cores + 1 })).not.toBe(here.lane);
    expect(laneOf({ ...here, versions: { kafka: '4.3.2' } })).not.toBe(here.lane);
    expect(laneOf({ ...here, memoryBytes: here.memoryBytes + 1024 })).toBe(here.lane);
  });

  test('JVMs that had to load every class anew are of another lane', () => {
    const here = environment(stack);
    expect(withClassArchives(here, {})).toEqual(here);
    const warm = withClassArchives(here, { kafka: true, spark: true });
    expect(warm).toMatchObject({ classArchives: 'kept', lane: here.lane });
    const first = withClassArchives(here, { kafka: false, spark: false });
    const mixed = withClassArchives(here, { kafka: true, spark: false });
    expect([first.classArchives, mixed.classArchives]).toEqual(['none', 'partly']);
    expect(new Set([here.lane, first.lane, mixed.lane]).size).toBe(3);
  });
});

describe('asking a record', () => {
  beforeEach(async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(
      `COPY (SELECT range AS event, 9007199254740993 AS big FROM range(5)) TO '${results}/events.parquet'`,
    );
    connection.closeSync();
    instance.closeSync();
  });

  test('every Parquet file is a view', async () => {
    const answer = await querySql(results, 'SELECT count(*) AS n, max(big) AS big FROM events');
    expect(answer).toEqual({
      columns: ['n', 'big'],
      rows: [['5', '9007199254740993']],
      leftOut: [],
    });
    expect((await querySql(results, 'SHOW TABLES')).rows).toEqual([['events']]);
  });

  test('dimensions are views next to the facts, and can be joined with them', async () => {
    const dir = join(results, 'dimensions');
    mkdirSync(dir);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(`COPY (SELECT 3 AS event, 'Utica' AS city) TO '${dir}/stores.parquet'`);
    connection.closeSync();
    instance.closeSync();
    expect((await querySql(results, 'SHOW TABLES')).rows).toEqual([['events'], ['stores']]);
    const sql = 'SELECT city, event FROM events JOIN stores USING (event)';
    expect((await querySql(results, sql)).rows).toEqual([['Utica', '3']]);
  });

  test.each([
    ['DROP VIEW events', /read-only: DROP/],
    ['SELECT 1; SELECT 2', /one statement at a time/],
    ["SELECT * FROM read_text('/etc/hostname')", /Permission|disabled/],
    ['SELECT * FROM nothing', /nothing does not exist/],
  ])('%s is refused', async (sql, message) => {
    await expect(querySql(results, sql)).rejects.toThrow(message);
  });

  test('nothing can be written, not even over the record itself', async () => {
    const file = join(results, 'events.parquet');
    const before = readFileSync(file);
    for (const explain of ['', 'EXPLAIN ANALYZE ']) {
      const sql = `${explain}COPY (SELECT 1) TO '${file}' (USE_TMP_FILE false)`;
      await expect(querySql(results, sql)).rejects.toThrow(/read-only/);
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});
