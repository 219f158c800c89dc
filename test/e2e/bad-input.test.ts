import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
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
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readProcess } from '../../src/harness/clients/proc.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { openFacts } from '../../src/harness/facts.ts';
import { shardFolders } from '../support/shard-folders.ts';

const work = mkdtempSync(join(tmpdir(), 'doorbuster-bad-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const binary = join(packageRoot, 'bin/doorbuster.js');
const env = { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: work };

/** One command to its end; null as its code: it had not ended after a minute, and was killed. */
function doorbuster(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [binary, ...args], {
    ...{ cwd: work, env, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
    maxBuffer: 64 * 2 ** 20,
  });
  return { code: status, stdout, stderr };
}

/** A folder of a run with these facts in it. */
function runFolder(...path: readonly string[]): string {
  const dir = join(work, ...path);
  mkdirSync(dir, { recursive: true });
  cpSync(join(packageRoot, 'test/fixtures/black-friday/record.json'), join(dir, 'record.json'));
  cpSync(join(work, 'events.parquet'), join(dir, 'events.parquet'));
  return dir;
}

beforeAll(async () => {
  await using facts = await openFacts();
  await facts.run(
    `COPY (SELECT range AS event, chr(27) || '[2J' || chr(155) || chr(8238) AS text FROM range(100000))
     TO '${join(work, 'events.parquet')}' (FORMAT parquet)`,
  );
});

const MAKE: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a device': (path) => symlinkSync('/dev/zero', path),
  'a folder': (path) => mkdirSync(path),
  'a file of 10 GiB': (path) => {
    writeFileSync(path, '');
    truncateSync(path, 10 * 2 ** 30);
  },
};

describe.each(Object.keys(MAKE))('%s', (kind) => {
  const name = kind.replaceAll(' ', '-');
  const said = kind === 'a file of 10 GiB' ? 'it has 10.0 GiB; the limit is' : `it is ${kind}`;

  test('as a scenario is refused', () => {
    const path = join(work, `${name}.yaml`);
    MAKE[kind]?.(path);
    for (const command of ['validate', 'preview', 'run']) {
      const { code, stderr } = doorbuster(command, path);
      expect({ command, code }).toEqual({ command, code: 2 });
      expect(stderr).toContain(`cannot read ${path}: ${said}`);
    }
  }, 200_000);

  test('as a record is refused by report and merge, and a row of list', () => {
    const dir = runFolder(`results-${name}`, 'bad');
    runFolder(`results-${name}`, 'good');
    rmSync(join(dir, 'record.json'));
    MAKE[kind]?.(join(dir, 'record.json'));
    for (const command of ['report', 'merge']) {
      const { code, stderr } = doorbuster(command, dir);
      expect({ command, code }).toEqual({ command, code: 2 });
      expect(stderr).toContain(said);
    }
    const { code, stdout } = doorbuster('list', '--results', join(work, `results-${name}`));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^unreadable +\S+bad$/m);
    expect(stdout).toMatch(/^\S+ +\S+good$/m);
  }, 200_000);

  test('as a table is left out by sql', () => {
    const dir = runFolder(`table-${name}`);
    MAKE[kind]?.(join(dir, 'queries.parquet'));
    const { code, stdout, stderr } = doorbuster('sql', dir, 'SELECT count(*) AS n FROM events');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('100000') });
    expect(stderr).toContain('note: queries.parquet is left out: ');
  }, 100_000);
});

test('Ctrl-C interrupts a query, with a message about queries and exit 130', async () => {
  const dir = runFolder('endless');
  const sql = 'SELECT sum(a.event) FROM events a, events b, events c';
  const child = spawn(process.execPath, [binary, 'sql', dir, sql], { cwd: work, env });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  // By then it no longer starts, however slow the machine: the query is what takes the time.
  while (child.exitCode === null && (readProcess(child.pid)?.ownS ?? 0) < 6) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  child.kill('SIGINT');
  const code = await Promise.race([
    ended,
    new Promise((resolve) => setTimeout(resolve, 30_000, 'still running')),
  ]);
  child.kill('SIGKILL');
  expect(code).toBe(130);
  expect(said).toContain('stopping: interrupting the query');
  expect(said).not.toContain('servers');
}, 120_000);

test('control characters of a record and of a table do not reach the terminal', () => {
  const dir = runFolder('obeyed', 'run');
  const record = JSON.parse(readFileSync(join(dir, 'record.json'), 'utf8'));
  const text = 'PASS \u001b[2J\u001b]0;title\u0007 \u009b31m \u202e\r';
  record.headline.text = text;
  record.scenario.name = text;
  record.failures = [{ tMs: 1, server: text, message: text, cause: text }];
  writeFileSync(join(dir, 'record.json'), JSON.stringify(record));
  const outputs = [
    ...['terminal', 'markdown', 'junit', 'html'].map((format) => [
      'report',
      dir,
      '--format',
      format,
    ]),
    ['list', '--results', join(work, 'obeyed')],
    ['list', '--json', '--results', join(work, 'obeyed')],
    ['report', dir, '--json'],
    ['sql', dir, 'FROM events LIMIT 3'],
    ['sql', dir, `SELECT 1 AS "${'\u001b'}[2J"`],
    ['sql', dir, `FROM "${'\u001b'}[2J"`],
    ['validate', `no\u001b[2J`],
  ].map((command) => doorbuster(...command));
  for (const { code, stdout, stderr } of outputs) {
    expect(code).not.toBe(70);
    expect(stdout + stderr).not.toMatch(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/,
    );
  }
  // JSON says the same as ever.
  expect(JSON.parse(outputs[6]?.stdout ?? '').headline.text).toBe(text);
}, 300_000);

test('a report that is a folder, and a hand-over that is null, are input that is refused', async () => {
  const dir = runFolder('occupied');
  mkdirSync(join(dir, 'report.html'));
  const { code, stderr } = doorbuster('report', dir);
  expect(code).not.toBe(70);
  expect(stderr).toContain('report.html');
  const dirs = await shardFolders(join(work, 'shards'));
  writeFileSync(join(dirs[0], 'hand-over.json'), 'null');
  const merged = doorbuster('merge', ...dirs);
  expect(merged.code).toBe(2);
  expect(merged.stderr).toContain(
    'hand-over.json is not a hand-over file of a shard: the whole file',
  );
}, 120_000);
