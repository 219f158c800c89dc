import { execFileSync } from 'node:child_process';
import {
  cpSync,
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
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SHARDED, shardFolders } from '../../../test/support/shard-folders.ts';
import { systemClock } from '../../core/clock.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { recordSchema } from '../../record/record.ts';
import { packageRoot } from '../entry.ts';
import { merge, readParts } from './merge.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const root = mkdtempSync(join(tmpdir(), 'doorbuster-merge-'));
afterAll(() => rmSync(root, { recursive: true }));

const whole = join(root, 'whole');
beforeAll(() => shardFolders(whole));

/** The two folders, to be damaged. */
let dirs: readonly [string, string];
beforeEach(() => {
  const copy = mkdtempSync(join(root, 'copy-'));
  cpSync(whole, copy, { recursive: true });
  dirs = [join(copy, 'one'), join(copy, 'two')];
});

function merged() {
  return merge(readParts(dirs), {
    scenario: SHARDED.scenario,
    resultsDir: join(dirs[0], '..', 'results'),
    baseDir: packageRoot,
    clock: systemClock,
    reproduce: 'doorbuster merge',
  });
}

/** Exit 2, naming what is wrong, and no folder of a run that there is not. */
async function refused(message: RegExp | string): Promise<void> {
  await expect(merged()).rejects.toMatchObject({
    exitCode: EXIT.badInput,
    message: expect.stringMatching(message),
  });
  expect(existsSync(join(dirs[0], '..', 'results'))).toBe(false);
}

type HandOver = Record<string, unknown> & { tables: Record<string, unknown> };

function handOver(change: (written: HandOver) => unknown): void {
  const path = join(dirs[0], 'hand-over.json');
  const written = JSON.parse(readFileSync(path, 'utf8')) as HandOver;
  writeFileSync(path, JSON.stringify(change(written)));
}

describe("another shard's machine", () => {
  const joined = async (name: string, second: NonNullable<Parameters<typeof shardFolders>[1]>) => {
    dirs = await shardFolders(join(root, name), second);
    return (await merged()).record;
  };
  const rest = { cores: 4, harnessS: 2, busy: 0.5, steal: 0, apartMs: 1 };

  test('at rest breaks no rule, and is not taken for the machine of the run', async () => {
    const { invalid, cost } = await joined('rest', rest);
    const rules = invalid.map(({ rule }) => rule);
    for (const rule of ['harness too heavy', 'steal', 'clocks apart']) {
      expect(rules).not.toContain(rule);
    }
    expect(cost?.servers).toEqual([]);
    expect(cost?.machineCoreSeconds ?? 0).toBe(0);
  });

  test('is judged by the rules of a machine', async () => {
    // 5 of 20 core-seconds, and so on: each just beyond its limit.
    const { invalid, verdict } = await joined('busy', {
      ...{ cores: 4, harnessS: 5, busy: 0.95, steal: 0.06, apartMs: 21 },
    });
    expect(verdict).toBe('INVALID');
    const facts = Object.fromEntries(invalid.map(({ rule, fact }) => [rule, fact]));
    expect(facts).toMatchObject({
      'harness too heavy': '25.0 % of a machine 95.0 % busy in load on the machine of shard 2',
      steal: '6.0 % went to other machines in load on the machine of shard 2',
      'clocks apart': 'shard 2: its wall clock and its monotonic one were 21.0 ms apart',
    });
  });
});

test('two shards are joined, wherever their folders were taken', async () => {
  const { record, dir } = await merged();
  expect(recordSchema.parse(record)).toEqual(record);
  expect(record).toMatchObject({ outcome: 'completed', truth: { lost: 0, duplicated: 0 } });
  expect(record.producing?.total.acknowledged).toBe(40);
  expect(readdirSync(dir)).toContain('events.parquet');
  const text = readFileSync(join(dirs[0], 'hand-over.json'), 'utf8');
  expect(text).toContain('"pos":"pos_receipts.parquet"');
  expect(text).not.toContain('read_parquet');
});

describe('a hand-over', () => {
  test.each([
    `(SELECT 1); COPY (SELECT 1) TO 'pwned'; --`,
    `read_parquet('x'); COPY (SELECT 1) TO 'pwned'`,
    '../../../etc/passwd.parquet',
    '/etc/passwd',
    'pos_receipts.parquet/../../x.parquet',
    '',
    ['pos_receipts.parquet'],
  ])('cannot name %j as a table', async (source) => {
    for (const of of ['pos', 'dead_letter']) {
      handOver(({ tables, ...rest }) => ({
        ...rest,
        tables: {
          absent: [],
          copies: { pos: 'pos_receipts.parquet', dead_letter: 'dead_letter.parquet', [of]: source },
        },
      }));
      await refused(/one\/hand-over\.json is not a hand-over file of a shard: tables\./);
      expect(existsSync('pwned')).toBe(false);
    }
  });

  test.each([
    ['null', 'the whole file'],
    ['{}', 'completed: '],
    ['[]', 'the whole file'],
    ['{', 'is not JSON'],
    ['', 'is not JSON'],
    ['"text"', 'the whole file'],
  ])('that is %s is refused by its field', async (text, fact) => {
    writeFileSync(join(dirs[0], 'hand-over.json'), text);
    await refused(new RegExp(`one/hand-over\\.json .*${fact}`));
  });

  test.each([
    [{ endedMs: 1e15 }, 'its record says 20000 ms'],
    [{ cutMs: 1e12 }, 'had ended by then'],
    [{ cutMs: null }, 'lacks the end of the load'],
    [{ tables: null }, 'lacks the tables'],
    [{ t0Ms: 5 }, 'begins at 5, and its record at 1795788000000'],
    [{ phases: [] }, null],
    [{ cores: 0 }, 'cores: '],
    [{ drains: { constructor: null } }, 'drains\\.opening'],
    [{ __proto__: null, constructor: 1 }, 'Unrecognized key: "constructor"'],
  ])('with %j is refused, or merged', async (change, fact) => {
    handOver((written) => ({ ...written, ...change }));
    if (fact === null) expect((await merged()).record.outcome).toBe('completed');
    else await refused(new RegExp(fact));
  });

  test('that is a FIFO, a device or gone is refused', async () => {
    const path = join(dirs[0], 'hand-over.json');
    rmSync(path);
    await refused(/hand-over\.json: there is no such file/);
    execFileSync('mkfifo', [path]);
    await refused(/hand-over\.json: it is a FIFO/);
    rmSync(path);
    symlinkSync('/dev/zero', path);
    await refused(/hand-over\.json: it is a device/);
  });
});

describe('facts', () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    truncated: (path) => truncateSync(path, 300),
    empty: (path) => writeFileSync(path, ''),
    'a folder': (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    'a FIFO': (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    'a link': (path) => {
      rmSync(path);
      symlinkSync('/etc/hostname', path);
    },
    'of other columns': (path) => cpSync(path.replace('events', 'load'), path),
  };
  test.each(Object.keys(damages))('that are %s are refused by their file', async (name) => {
    damages[name]?.(join(dirs[1], 'events.parquet'));
    await refused(/events\.parquet/);
  });

  test.each(Object.keys(damages).slice(0, 5))('of a copied table: %s', async (name) => {
    damages[name]?.(join(dirs[0], 'tables', 'pos_receipts.parquet'));
    await expect(merged()).rejects.toMatchObject({
      exitCode: EXIT.badInput,
      message: expect.stringContaining('pos_receipts.parquet'),
    });
  });
});

test('a hand-over with any one value replaced is merged or refused, and nothing else', async () => {
  const path = join(dirs[0], 'hand-over.json');
  const text = readFileSync(path, 'utf8');
  const paths = fc.constantFrom(...leaves(JSON.parse(text), []));
  const values = fc.constantFrom<unknown>(null, -1, 0, 1e308, 'constructor', '__proto__', [], {});
  await fc.assert(
    fc.asyncProperty(paths, values, async (at, value) => {
      writeFileSync(path, replaced(text, at, value));
      try {
        await merged();
      } catch (error) {
        expect(error, `${at.join('.')} = ${value}`).toMatchObject({ exitCode: EXIT.badInput });
      }
    }),
    { numRuns: 80 },
  );
}, 300_000);

test('the record of a part with any one value replaced is merged or refused', async () => {
  const path = join(dirs[0], 'record.json');
  const text = readFileSync(path, 'utf8');
  const paths = [...leaves(JSON.parse(text), [])].filter(([top]) =>
    ['t0Ms', 'tookMs', 'shard', 'scenario', 'outcome', 'seed', 'pipeline'].includes(top ?? ''),
  );
  const values = fc.constantFrom<unknown>(null, -1, 0, 1e15, 'constructor', '', [], {}, 'x: [');
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), values, async (at, value) => {
      writeFileSync(path, replaced(text, at, value));
      try {
        await merged();
      } catch (error) {
        expect(error, `${at.join('.')} = ${value}`).toMatchObject({ exitCode: EXIT.badInput });
      }
    }),
    { numRuns: 60 },
  );
}, 300_000);

function* leaves(value: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) yield* leaves(child, [...path, key]);
}

function replaced(text: string, path: readonly string[], value: unknown): string {
  const copy = JSON.parse(text) as Record<string, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) as string] = value;
  return JSON.stringify(copy);
}
