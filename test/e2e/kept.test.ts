import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { flinkRest } from '../../src/harness/clients/flink-rest.ts';
import { openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { endpointsOf } from '../../src/harness/stack/endpoints.ts';
import type { Plan } from '../../src/harness/stack/plan.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import { readJournal } from '../../src/record/journal.ts';
import { readRecord } from '../../src/record/read.ts';
import { variablesOf } from '../support/addresses.ts';
import { endOf } from '../support/completed.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';
import { processesNaming } from '../support/processes.ts';

/** A stack that outlives its runs, and a run that is killed on it, through the built binary. */
const runtime = process.env.DOORBUSTER_TEST_RUNTIME ?? 'processes';

const TINY = `name: tiny
seed: 5
retail: { stores: 3, skus: 60, assortment: 20, hours: flat }
traffic:
  pos: { receipts: 3600/store/h }
pipeline: { commit_every: 1s }
stack: { partitions: 2 }
phases:
  - { name: load, for: 4s }
`;

/** A user's folder with its own stacks, all of which are removed when it is disposed. */
class Folder implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'doorbuster-kept-'));

  constructor() {
    mkdirSync(join(this.dir, 'tmp'));
    writeFileSync(join(this.dir, 'tiny.yaml'), TINY);
  }

  async doorbuster(...args: readonly string[]) {
    const { ended, said } = startDoorbuster(this.dir, ...args);
    return { code: await ended, said: said() };
  }

  run(results: string): string {
    return runIn(join(this.dir, results)) as string;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of ['evening', 'default']) await this.doorbuster('down', name);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// Side by side, each with stacks of its own.
test.concurrent('up, a run that is killed, one that clears up after it, down: nothing is left', async () => {
  await using home = new Folder();
  const up = await home.doorbuster('up', 'evening', '--runtime', runtime, '--jit', 'c1', '--json');
  expect(up.code, up.said).toBe(EXIT.pass);
  const at = JSON.parse(up.said.slice(up.said.indexOf('{\n'))) as Record<string, string>;
  expect(at).toMatchObject({ name: 'evening', runtime });
  for (const address of [at.kafka, at.redis]) expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(up.said).not.toContain('secretAccessKey');
  const again = await home.doorbuster('up', 'evening', '--runtime', runtime);
  expect(again).toMatchObject({ code: EXIT.badInput });
  expect(again.said).toContain('a stack called evening is up already');

  const onIt = ['tiny.yaml', '--on', 'evening', '--results'];
  const killed = startDoorbuster(
    home.dir,
    'run',
    ...onIt,
    'killed',
    '--set',
    'phases.load.for=300s',
  );
  while (!hasBegun(join(home.dir, 'killed'))) {
    await clock.sleep(200);
    expect(killed.child.exitCode, killed.said()).toBeNull();
  }
  killed.child.kill('SIGKILL');
  await killed.ended;
  const rest = flinkRest(at.flink as string, clock);
  const running = async () => (await rest.jobs()).filter(({ state }) => state === 'RUNNING');
  expect(await running()).toHaveLength(1);

  const second = await home.doorbuster('run', ...onIt, 'second');
  expect([EXIT.pass, EXIT.invalid], second.said).toContain(second.code);
  expect(second.said).toMatch(/a killed run left the topics doorbuster_\w+\* .*: removing them/);
  const record = readRecord(home.run('second'));
  expect(endOf(record)).toBe('completed');
  expect(record.stack).toMatchObject({ name: 'evening', kept: false });
  expect(record.environment.runtime).toBe(`${runtime}, shared`);
  expect(record.truth).toMatchObject({ lost: 0, duplicated: 0 });

  expect(await running()).toEqual([]);
  {
    await using admin = await openKafkaAdmin({ brokers: [at.kafka as string] });
    expect(await admin.removeAll('doorbuster_')).toEqual([]);
  }
  const down = await home.doorbuster('down', 'evening', '--json');
  expect(down.code, down.said).toBe(EXIT.pass);
  expect(JSON.parse(down.said)).toMatchObject({ name: 'evening', missing: [] });
  expect(existsSync(at.home as string)).toBe(false);
  expect(existsSync(at.credentials as string)).toBe(false);
  expect(processesNaming(home.dir)).toEqual([]);
}, 600_000);

test.concurrent('run --keep leaves the servers up, with what the run has made', async () => {
  await using home = new Folder();
  const kept = [
    'tiny.yaml',
    '--keep',
    '--set',
    `stack.runtime=${runtime}`,
    '--set',
    'stack.jit=c1',
  ];
  const run = await home.doorbuster('run', ...kept, '--results', 'kept');
  expect([EXIT.pass, EXIT.invalid], run.said).toContain(run.code);
  expect(run.said).toContain('default keeps running: doorbuster down default ends it');
  const { stack } = readRecord(home.run('kept'));
  expect(stack).toMatchObject({ name: 'default', kept: true });

  const { plan } = JSON.parse(
    readFileSync(join(home.dir, 'doorbuster/kept/default.json'), 'utf8'),
  ) as {
    plan: Plan;
  };
  const endpoints = endpointsOf(plan);
  {
    await using admin = await openKafkaAdmin(endpoints.kafka);
    expect(await admin.logs(`${stack?.topicPrefix}pos`)).toHaveLength(2);
  }
  const tables = `${endpoints.catalog.uri}/v1/namespaces/${stack?.namespace}/tables`;
  const { identifiers } = (await (await fetch(tables)).json()) as { identifiers: object[] };
  expect(identifiers.length).toBeGreaterThan(0);

  // For other users it is an external stack: addresses, and keys in the environment.
  const { internal, s3 } = endpoints;
  const named = { kafka: internal.brokers.join(','), s3: internal.s3, catalog: internal.catalog };
  const external = JSON.stringify({ prefix: 'elsewhere', inside: named });
  writeFileSync(
    join(home.dir, 'elsewhere.yaml'),
    TINY.replace('stack: {', `stack: { runtime: external, external: ${external},`),
  );
  Object.assign(process.env, variablesOf(endpoints));
  const guest = await home.doorbuster('run', 'elsewhere.yaml', '--results', 'elsewhere');
  expect([EXIT.pass, EXIT.invalid], guest.said).toContain(guest.code);
  expect(guest.said).not.toContain(s3.secretAccessKey);
  const record = readRecord(home.run('elsewhere'));
  expect(record.environment.runtime).toBe('external, shared');
  expect(record.truth).toMatchObject({ lost: 0, duplicated: 0 });
  expect(JSON.stringify(record)).not.toContain(s3.secretAccessKey);

  const down = await home.doorbuster('down', 'default', '--json');
  expect(down.code, down.said).toBe(EXIT.pass);
  expect(processesNaming(home.dir)).toEqual([]);
}, 600_000);

test.concurrent('run --keep that is refused leaves no servers either', async () => {
  await using home = new Folder();
  const own = ['--set', `stack.runtime=${runtime}`, '--set', 'pipeline.use=batch'];
  const refused = await home.doorbuster(
    ...['run', 'tiny.yaml', '--keep', '--results', '/dev/null/results', ...own],
  );
  expect(refused.code, refused.said).toBe(EXIT.badInput);
  // It had come so far as to start them.
  expect(refused.said).toContain('kafka ready after');
  expect(existsSync(join(home.dir, 'doorbuster/kept/default.json'))).toBe(false);
  expect(processesNaming(home.dir)).toEqual([]);
}, 300_000);

test.concurrent('what is not up cannot be run on, or ended', async () => {
  await using home = new Folder();
  const run = await home.doorbuster('run', 'tiny.yaml', '--on', 'morning');
  expect(run).toMatchObject({ code: EXIT.badInput });
  expect(run.said).toContain('no stack called morning is up');
  expect(run.said).toContain('doorbuster up morning');
  const down = await home.doorbuster('down', 'Morning!');
  expect(down).toMatchObject({ code: EXIT.badInput });
  expect(down.said).toContain('"Morning!" cannot be the name of a stack');
});

/** Whether the one run in these results has come to its first phase. */
function hasBegun(results: string): boolean {
  const run = runIn(results);
  if (run === undefined || !existsSync(join(run, RUN_FILES.journal))) return false;
  return readJournal(run).entries.some(({ kind }) => kind === 'phase-begin');
}
