import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/harness/entry.ts';
import { readJournal } from '../../src/record/journal.ts';
import { readRecord } from '../../src/record/read.ts';
import { processesNaming } from '../support/processes.ts';

const binary = join(packageRoot, 'bin/doorbuster.js');
/** Any folder: every command works from anywhere. */
const elsewhere = mkdtempSync(join(tmpdir(), 'doorbuster-e2e-'));
writeFileSync(join(elsewhere, 'a-file'), '');
afterAll(() => rmSync(elsewhere, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function doorbuster(...args: readonly string[]): Promise<Said> {
  const env = { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: elsewhere };
  try {
    const said = await promisify(execFile)(process.execPath, [binary, ...args], {
      cwd: elsewhere,
      env,
      maxBuffer: 64 * 2 ** 20,
    });
    return { code: 0, ...said };
  } catch (error) {
    const { code, stdout, stderr } = error as Said;
    return { code, stdout, stderr };
  }
}

describe('what needs no server', () => {
  test('every command has a help page with an example', async () => {
    const { code, stdout } = await doorbuster('--help');
    expect(code).toBe(0);
    const names = [
      'run',
      'preview',
      'validate',
      'report',
      'list',
      'sql',
      'explain',
      'setup',
      'doctor',
      'schema',
    ];
    for (const name of names) {
      expect(stdout).toContain(`doorbuster ${name}`);
      const help = await doorbuster(name, '--help');
      expect(help.code, name).toBe(0);
      expect(help.stdout, name).toContain('Examples:');
    }
  });

  test('a scenario of the package is found from any folder', async () => {
    const { code, stdout, stderr } = await doorbuster('validate', 'scenarios/quick.yaml');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/is a scenario: quick, 12 stores/);
  });

  test('a recording is found next to its scenario, and framed when it does not match its map', async () => {
    const file = join(elsewhere, 'taped.yaml');
    const map = 'receipt: receipt, store: shop, at: when, sku: item, quantity: units, amount: paid';
    writeFileSync(
      file,
      `name: taped\nretail: { stores: 2 }\ntraffic:\n  pos: { tape: sold.csv, map: { ${map} } }\nphases: [{ name: only, for: 5s }]\n`,
    );
    const missing = await doorbuster('validate', file);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain(`there is no file ${join(elsewhere, 'sold.csv')}`);
    writeFileSync(join(elsewhere, 'sold.csv'), 'receipt,shop,wen,item,units,paid\n1,a,x,y,1,1\n');
    const unmapped = await doorbuster('run', file);
    expect(unmapped.code).toBe(2);
    expect(unmapped.stderr).toContain('has no column "when": did you mean "wen"?');
    expect(unmapped.stderr).toContain('taped.yaml:4:');
  });

  test('a query may begin with a comment, and an empty one is named', async () => {
    const run = mkdtempSync(join(elsewhere, 'asked-'));
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(`COPY (SELECT 7 AS n) TO '${run}/events.parquet'`);
    connection.closeSync();
    instance.closeSync();
    for (const comment of ['-- all of them\n', '--all of them\n', '/* all of them */ ']) {
      const { code, stdout } = await doorbuster('sql', run, `${comment}FROM events`, '--json');
      expect([code, JSON.parse(stdout)]).toEqual([0, [{ n: 7 }]]);
    }
    for (const empty of ['', '-- nothing', ';']) {
      const { code, stderr } = await doorbuster('sql', run, empty);
      expect(code).toBe(2);
      expect(stderr).toContain('the query is empty');
    }
  });

  test('a bad scenario is framed by line and column, has the next command, and exits with 2', async () => {
    const file = join(elsewhere, 'bad.yaml');
    writeFileSync(file, 'name: bad\nseed: 1\nstarts_at: 2026-11-27T09:00\nretial: { stores: 3 }\n');
    const { code, stdout, stderr } = await doorbuster('run', file);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${file}:4:1`);
    expect(stderr).toContain('unknown key "retial"');
    expect(stderr).toContain('retail');
    expect(stderr).toContain('next  doorbuster validate');
    expect(stderr).not.toContain('    at ');
  });

  test.each([
    ['nothing', ''],
    ['two documents', 'name: a\n---\nname: b\n'],
    ['ten thousand brackets', '['.repeat(10_000)],
    ['an alias inside what it names', 'name: &a [*a]\n'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x1b, 0x5b, 0x32, 0x4a, 0x0a])],
    ['a run of a thousand days', 'name: x\nphases:\n  - { name: a, for: 1000d }\n'],
  ])('a scenario that is %s exits with 2 before anything starts', async (_, text) => {
    const file = join(elsewhere, 'hostile.yaml');
    writeFileSync(file, text);
    const results = join(elsewhere, 'never');
    const { code, stdout, stderr } = await doorbuster('run', file, '--results', results);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/hostile\.yaml:\d+:\d+\n/);
    expect(stderr).not.toMatch(/\n {4}at |node:internal/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal would obey it
    expect(stderr).not.toMatch(/\u001b/);
    expect(existsSync(results)).toBe(false);
  });

  test.each([
    [['walk'], 'there is no command "walk"'],
    [['list', '--resluts', 'x'], 'resluts'],
    [['run', 'scenarios/quick.yaml', '--set'], '--set needs a value'],
    [['run'], 'run needs <scenario>'],
    [['run', 'nowhere.yaml'], 'there is no scenario nowhere.yaml'],
    [['report', 'nowhere'], 'no run at nowhere'],
    [['explain', 'cdc-upsrt'], 'did you mean "cdc-upsert"?'],
    [['explain', 'cdc-upsert', '--sql', '--mermaid'], 'mutually exclusive'],
    [['run', 'scenarios/quick.yaml', '--seed', 'x'], '--seed x is not a whole number'],
    [
      ['validate', 'scenarios/quick.yaml', '--set', 'retail.stores=0'],
      'from --set retail.stores=0',
    ],
    [['validate', 'scenarios/quick.yaml', '--set', 'name=*a'], 'the value is not YAML'],
    [['validate', 'scenarios/quick.yaml', '--set', 'checks.99999999999=x'], 'checks has 5 items'],
    [['run', 'scenarios'], 'cannot read scenarios: it is a folder'],
    [['list', '--results', 'a-file'], 'a-file is a file'],
    [['run', 'scenarios/quick.yaml', '--results', 'a-file'], 'a-file is a file'],
    [['run', 'scenarios/quick.yaml', '--set', 'pipeline.use=no/such'], 'no/such'],
    [['run', 'scenarios/quick.yaml', '--set', 'pipeline.use="\\0"'], 'pipeline.use: '],
  ])('%j is bad input: exit 2, one clear error', async (args, words) => {
    const { code, stderr } = await doorbuster(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
  });

  test('a pipeline is explained on a screen, as a diagram and as SQL', async () => {
    for (const [options, first] of [
      [[], /^cdc-upsert \(tier 3\)/],
      [['--mermaid'], /^flowchart LR\n/],
      [['--sql'], /^-- cdc-upsert\/tables\.sql:\d+\nCREATE DATABASE/],
      [['--json'], /^\{\n "name": "cdc-upsert"/],
    ] as const) {
      const { code, stdout, stderr } = await doorbuster('explain', 'cdc-upsert', ...options);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(first);
    }
  });

  test('a preview draws the rate and counts receipts, lines and events', async () => {
    const { code, stdout } = await doorbuster('preview', 'scenarios/black-friday.yaml');
    expect(code).toBe(0);
    expect(stdout).toContain('█');
    expect(stdout).toMatch(/phase +for +receipts +lines +pos +wms +cart +loyalty +inventory/);
    const asJson = JSON.parse(
      (await doorbuster('preview', 'scenarios/quick.yaml', '--json')).stdout,
    );
    expect(asJson.counts.length).toBeGreaterThan(5);
    // The title follows what is overridden, and not what the scenario says of itself.
    const fewer = await doorbuster('preview', 'scenarios/quick.yaml', '--set', 'retail.stores=5');
    expect(fewer.stdout).toMatch(/^quick: 5 stores, 600 receipts per store and hour, up to 3x\n/);
    expect(stdout).toMatch(/the receipts +generated +a real grocer +apart/);
    for (const line of stdout.split('\n').filter((one) => /KS|TV/.test(one))) {
      expect(line.length).toBeLessThanOrEqual(100);
    }
    expect(Object.keys(asJson.looks).toSorted()).toEqual([
      'against',
      'distances',
      'expected',
      'generated',
      'recorded',
      'source',
    ]);
    expect(asJson.looks.distances.baskets).toBeGreaterThan(0);
  });
});

async function until(what: () => boolean, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!what()) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('a run', { timeout: 600_000 }, () => {
  /** The shipped quick scenario, shorter still. */
  const shorter = ['--set', 'phases.spike.for=6s', '--set', 'phases.warmup.for=1s'];
  /** The design with the fewest servers, where it is not what is tested. */
  const light = ['--set', 'pipeline.use=batch'];

  function start(results: string, ...more: readonly string[]): ChildProcess & { said: string } {
    const env = { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: elsewhere, TMPDIR: elsewhere };
    const args = [binary, 'run', 'scenarios/quick.yaml', '--results', results, ...shorter, ...more];
    const child = spawn(process.execPath, args, { cwd: elsewhere, env, stdio: 'pipe' });
    const running = Object.assign(child, { said: '' });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        running.said += chunk;
      });
    }
    return running;
  }

  const only = (results: string) => join(results, readdirSync(results)[0] as string);

  test('ends with a record, its reports, and nothing left behind', async () => {
    const results = join(elsewhere, 'whole');
    const running = start(results);
    const [code] = await once(running, 'exit');
    const dir = only(results);
    const record = readRecord(dir);
    expect(record.outcome, running.said).toBe('completed');
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
    // How fast this machine is decides whether the timing is to be trusted; the exit code says the same.
    expect(code).toBe({ PASS: 0, FAIL: 4, INVALID: 5, NO_DATA: 6 }[record.verdict as 'PASS']);
    for (const file of [
      'report.html',
      'report.md',
      'junit.xml',
      'events.parquet',
      'sightings.parquet',
      'dimensions/stores.parquet',
    ]) {
      expect(existsSync(join(dir, file)), file).toBe(true);
    }
    expect(running.said).toContain('phase  spike:');

    const listed = JSON.parse((await doorbuster('list', '--results', results, '--json')).stdout);
    expect(listed).toMatchObject([{ kind: 'run', scenario: 'quick', verdict: record.verdict }]);
    const asked = await doorbuster('sql', dir, 'SELECT count(*) AS n FROM commits', '--json');
    expect(Number(JSON.parse(asked.stdout)[0].n)).toBeGreaterThan(5);
    const answered = record.metrics.filter(({ name, n }) => name === 'answer_age' && n > 0);
    expect(answered.length).toBeGreaterThan(0);
    expect(record.storeAge?.every(({ worst }) => worst.length > 0)).toBe(true);
    const unread = 'SELECT count(*) AS n FROM queries WHERE reads IS NULL';
    const untold = await doorbuster('sql', dir, unread, '--json');
    expect(JSON.parse(untold.stdout)).toEqual([{ n: '0' }]);
    const shown = await doorbuster('report', dir);
    expect(shown.stdout).toContain(record.headline.text.slice(0, 20));
    expect(processesNaming(elsewhere)).toEqual([]);
  });

  test('Ctrl-C under load leaves an interrupted record, no process and no incomplete file', async () => {
    const results = join(elsewhere, 'interrupted');
    const running = start(results, ...light);
    await until(() => existsSync(results) && readdirSync(results).length > 0, 60_000);
    const dir = only(results);
    const spiking = () =>
      readJournal(dir).entries.some(
        (entry) => entry.kind === 'phase-begin' && entry.phase === 'spike',
      );
    await until(spiking, 300_000);
    running.kill('SIGINT');
    const [code] = await once(running, 'exit');
    expect(code, running.said).toBe(130);
    expect(readRecord(dir)).toMatchObject({ outcome: 'interrupted', verdict: null, exitCode: 130 });
    expect(readJournal(dir).torn).toEqual([]);
    expect(readdirSync(dir).filter((file) => /\.(tmp|partial)$/.test(file))).toEqual([]);
    expect(processesNaming(elsewhere)).toEqual([]);
  });

  test('Ctrl-C while the servers start does the same', async () => {
    const results = join(elsewhere, 'early');
    const running = start(results, ...light);
    await until(() => running.said.includes('ready  minio'), 120_000);
    running.kill('SIGINT');
    const [code] = await once(running, 'exit');
    expect(code, running.said).toBe(130);
    expect(readRecord(only(results)).outcome).toBe('interrupted');
    expect(processesNaming(elsewhere)).toEqual([]);
  });
});
