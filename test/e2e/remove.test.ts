import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { flinkRest, hasEnded } from '../../src/harness/clients/flink-rest.ts';
import { listNamespaces } from '../../src/harness/clients/iceberg.ts';
import { openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { readJournal } from '../../src/record/journal.ts';
import { readRecord } from '../../src/record/read.ts';
import { variablesOf } from '../support/addresses.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';
import { joinSharedStack } from '../support/shared-stack.ts';

/** What a killed run leaves on external servers, which are the shared stack, is listed and removed. */

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-remove-'));
mkdirSync(join(dir, 'tmp'));
const signal = new AbortController().signal;
const PREFIX = 'remover';
/** Names that are no run's: of another program, and of a run that none can have made. */
const FOREIGN = [`${PREFIX}_orders`, `${PREFIX}_20200101t000000z_wxyz_pos`, 'removers'];
/** An old run, of which nothing but an empty topic and a namespace is left. */
const OLD = `${PREFIX}_20200101t000000z_ab12`;

let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
  const { internal, catalog } = on.stack.endpoints;
  writeFileSync(
    join(dir, 'away.yaml'),
    `name: away
seed: 5
retail: { stores: 3, skus: 60, assortment: 20, hours: flat }
traffic:
  pos: { receipts: 3600/store/h }
  inventory: { preload: assortment }
pipeline: { commit_every: 1s }
stack:
  runtime: external
  external:
    prefix: ${PREFIX}
    inside: { kafka: "${internal.brokers.join(',')}", s3: ${internal.s3}, catalog: ${internal.catalog} }
queries: { cold: 0 }
phases:
  - { name: load, for: 300s }
`,
  );
  await using admin = await openKafkaAdmin(on.stack.endpoints.kafka);
  const topics = [...FOREIGN, `${OLD}_pos`].map((name) => ({ name, partitions: 1 }));
  await admin.createTopics(topics, { clock, signal });
  for (const name of [`${PREFIX}_notes`, `${OLD}_retail`]) {
    const made = await fetch(`${catalog.uri}/v1/namespaces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ namespace: [name], properties: {} }),
    });
    expect(made.status).toBe(200);
  }
});
afterAll(async () => {
  if (on !== undefined) {
    await using admin = await openKafkaAdmin(on.stack.endpoints.kafka);
    for (const name of FOREIGN) await admin.removeAll(name);
    const { uri } = on.stack.endpoints.catalog;
    await fetch(`${uri}/v1/namespaces/${PREFIX}_notes`, { method: 'DELETE' });
    await on.stack[Symbol.asyncDispose]();
  }
  rmSync(dir, { recursive: true, force: true });
});

/** One command; `machine`: a folder of state, in which the runs of one machine are known. */
async function doorbuster(machine: string, ...args: readonly string[]) {
  const env = {
    ...{ ...process.env, ...variablesOf(on.stack.endpoints) },
    ...{ NO_COLOR: '1', XDG_STATE_HOME: join(dir, machine), TMPDIR: join(dir, 'tmp') },
  };
  const command = [join(packageRoot, 'bin/doorbuster.js'), ...args];
  try {
    const said = await promisify(execFile)(process.execPath, command, { cwd: dir, env });
    return { code: 0, ...said };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

interface Row {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly jobs: readonly string[];
  readonly topics: readonly string[];
  readonly tables: readonly string[];
  readonly removed: {
    readonly jobs: number;
    readonly topics: number;
    readonly tables: number;
  } | null;
}

async function listed(machine: string, ...args: readonly string[]): Promise<readonly Row[]> {
  const { code, stdout, stderr } = await doorbuster(
    machine,
    'remove',
    'away.yaml',
    '--json',
    ...args,
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}

const rowOf = (rows: readonly Row[], name: string) => rows.find((row) => row.name === name);

test('only what is certainly left by a run, and by none that lives, is removed', async () => {
  Object.assign(process.env, variablesOf(on.stack.endpoints));
  // Its state is in `dir`, which is this machine.
  const running = startDoorbuster(dir, 'run', 'away.yaml', '--results', 'results');
  const loading = () => {
    const run = runIn(join(dir, 'results'));
    const entries = run === undefined ? [] : readJournal(run).entries;
    return entries.some(({ kind }) => kind === 'phase-begin');
  };
  while (!loading()) {
    expect(running.child.exitCode, running.said()).toBeNull();
    await clock.sleep(200);
  }
  const { stack } = readRecord(runIn(join(dir, 'results')) as string);
  const name = (stack?.topicPrefix ?? '').replace(/_$/, '');

  // While it lives: known on this machine, and supposed on another one.
  const here = await listed('', '--yes');
  expect(rowOf(here, name)).toMatchObject({
    ...{ state: 'running', pid: running.child.pid, removed: null },
  });
  expect(rowOf(here, name)?.jobs).toHaveLength(2);
  const refused = await doorbuster('', 'remove', 'away.yaml', '--run', name);
  expect(refused.code).toBe(EXIT.badInput);
  expect(refused.stderr).toContain(`${name} is running, by process ${running.child.pid}`);
  // The old run went with that --yes, and nothing else.
  expect(rowOf(here, OLD)).toMatchObject({ state: 'left', removed: { topics: 1, tables: 0 } });
  expect(rowOf(await listed('another', '--yes'), name)).toMatchObject({
    ...{ state: 'recent', pid: null, removed: null },
  });
  expect(running.child.exitCode).toBeNull();

  running.child.kill('SIGKILL');
  await running.ended;
  const plain = await doorbuster('', 'remove', 'away.yaml');
  expect(plain.stdout).toContain(`${name}  2 jobs, 2 topics, `);
  expect(plain.stdout).toContain(
    'nothing was removed; next: the same command with --yes for 1 of 1',
  );
  // Another machine cannot know that it was killed: only by its name.
  expect(rowOf(await listed('another', '--yes'), name)).toMatchObject({ removed: null });
  const unknown = await doorbuster('', 'remove', 'away.yaml', '--run', 'remover_typo');
  expect(unknown.code).toBe(EXIT.badInput);
  expect(unknown.stderr).toContain(
    `no run called remover_typo has left anything there: ${name} has`,
  );
  const removed = rowOf(await listed('another', '--run', name), name);
  expect(removed?.removed).toMatchObject({ jobs: 2, topics: 2 });
  expect(removed?.removed?.tables).toBeGreaterThan(1);

  expect(await listed('')).toEqual([]);
  const { endpoints } = on.stack;
  await using admin = await openKafkaAdmin(endpoints.kafka);
  expect((await admin.names(PREFIX)).topics.toSorted()).toEqual(FOREIGN.toSorted());
  const namespaces = await listNamespaces(endpoints.catalog);
  expect(namespaces.filter((one) => one.startsWith(PREFIX))).toEqual([`${PREFIX}_notes`]);
  const jobs = await flinkRest(endpoints.flink.rest, clock).jobs();
  expect(jobs.filter((job) => job.name.startsWith(name) && !hasEnded(job))).toEqual([]);
  using bucket = openBucket(endpoints.s3);
  for await (const { key } of bucket.list(`${stack?.namespace}/`)) {
    expect(key, 'left in the bucket').toBeUndefined();
  }
}, 600_000);

test.each([
  [[], 'either a scenario with runtime: external or --on NAME'],
  [['away.yaml', '--on', 'tests'], 'either a scenario with runtime: external or --on NAME'],
  [['scenarios/quick.yaml'], 'scenarios/quick.yaml has servers of its own'],
  [['--on', 'nowhere'], 'no stack called nowhere is up'],
])('remove %j is bad input: exit 2, one clear error', async (args, words) => {
  const { code, stdout, stderr } = await doorbuster('', 'remove', ...args);
  expect({ code, stdout }).toEqual({ code: EXIT.badInput, stdout: '' });
  expect(stderr).toContain(words);
  expect(stderr).not.toContain('    at ');
});
