import { getEventListeners } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { openDatabase } from '../../src/harness/clients/database.ts';
import type { PostgresAddress } from '../../src/harness/clients/endpoints.ts';
import { ENGINES } from '../../src/harness/engines/engines.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { postgres } from '../../src/harness/load/targets/postgres.ts';
import { storeBatch, writeBatch } from '../../src/harness/load/targets/store-batch.ts';
import { addressOf } from '../../src/harness/load/targets/targets.ts';
import { deploy } from '../../src/harness/pipelines/deployment.ts';
import { findLeftovers, removeLeftover } from '../../src/harness/pipelines/leftovers.ts';
import { inNamespace, loadPipeline } from '../../src/harness/pipelines/load.ts';
import type { DeployOptions } from '../../src/harness/pipelines/runners/runner.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { EVERYTHING, needsOf } from '../../src/harness/setup/needs.ts';
import { withNeeds } from '../../src/harness/stack/components/components.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { STOCK, STREAMS } from '../../src/scenario/scenario.ts';
import { targetContract } from '../contracts/target.ts';
import { passingRun } from './support/passing-run.ts';
import { ownFolders, startStack, until } from './support/stacks.ts';
import { bytes, event } from './support/wire.ts';

/** The stores' database on real servers, which are killed: so it has a stack of its own. */

const dir = ownFolders('postgres');
const lock = readLock();
const artifacts = locateArtifacts(
  defaultCacheDir(),
  lock,
  needsOf(lock, { ...EVERYTHING, starts: ['connect'] }).artifacts,
);
let stack: Stack;
let address: PostgresAddress;
beforeAll(async () => {
  const servers = withNeeds([
    'catalog',
    'flink-taskmanager',
    'flink-gateway',
    'connect',
    'postgres',
  ]);
  const connect = { offsetFlushMs: 1_000 };
  stack = await startStack({ runDir: dir(), artifacts, servers, connect });
  address = stack.endpoints.postgres as PostgresAddress;
}, 300_000);
afterAll(() => stack?.stop());

const image = (sku: number, version: number, more: object = {}) => ({
  ...{ topic: 'rows_inventory', partition: 1, key: '7' },
  value: new TextEncoder().encode(
    JSON.stringify({
      op: 'u',
      after: {
        ...{ event_id: `inv-7-${sku}-${version}`, store_id: 7, sku_id: sku, version },
        ...{ on_hand: 10 * version, event_ts: 1, occurred_ms: 1, due_ms: 1, deleted: false },
        ...more,
      },
    }),
  ),
});
const options = { client: 'platformatic', clientId: 'test' } as const;
const topics = (name: string) => [{ name, partitions: 2 }];
const waiting = { clock, signal: new AbortController().signal };
const target = () => ({ kind: 'postgres', database: address }) as const;

describe('the load target postgres', () => {
  targetContract('postgres', () => ({
    address: addressOf({ target: 'postgres' }, stack),
    prefix: 'contract_',
  }));

  test('keeps the highest version of a row, and no row that was deleted', async () => {
    await postgres.createTopics(target(), topics('rows_inventory'), waiting);
    await using producer = await postgres.openProducer(target(), options);
    await producer.send([image(1, 2), image(1, 3), image(2, 1), image(3, 1)], 0);
    await producer.send([image(1, 1), image(2, 2, { deleted: true })], 0);
    // Older than the deletion, and a product that comes back.
    await producer.send([image(2, 1), image(3, 2, { deleted: true }), image(3, 3)], 0);
    await using database = await openDatabase(address);
    expect(
      await database.rows('SELECT sku_id, version::int, on_hand, part FROM rows_.stock ORDER BY 1'),
    ).toEqual([
      { sku_id: 1, version: 3, on_hand: 30, part: 1 },
      { sku_id: 3, version: 3, on_hand: 30, part: 1 },
    ]);
  });

  test('keeps the first of each event, and what it refuses with its place and its bytes', async () => {
    await postgres.createTopics(target(), topics('events_loyalty'), waiting);
    await using producer = await postgres.openProducer(target(), options);
    const sound = bytes(event('loyalty', 'l-1', 0));
    const message = (value: Uint8Array) => ({
      ...{ topic: 'events_loyalty', partition: 0, key: '7', value },
    });
    const cut = sound.subarray(0, sound.length - 3);
    const sent = await producer.send([sound, cut, sound].map(message), 0);
    await producer.send([message(sound)], 0);
    await using database = await openDatabase(address);
    const rows = await database.rows<{ topic: string; payload: string; part: number; ms: string }>(
      `SELECT topic, payload, part, extract(epoch FROM at) * 1000 AS ms FROM events_.outbox ORDER BY topic`,
    );
    expect(rows.map(({ topic }) => topic)).toEqual(['events_loyalty', 'events_loyalty-refused']);
    expect(rows[0]?.payload).toBe(new TextDecoder().decode(sound));
    expect(Number(rows[0]?.ms)).toBe(sent[0]?.kafkaMs);
    expect(JSON.parse(rows[1]?.payload ?? '')).toEqual({
      ...{ part: 0, kafka_offset: 1, kafka_ms: sent[1]?.kafkaMs, reason: 'not_json' },
      payload: Buffer.from(cut).toString('base64'),
    });
  });

  test('applies a batch once, also when its answer was lost and it is sent again', async () => {
    await postgres.createTopics(target(), topics('again_inventory'), waiting);
    const messages = [image(1, 1), image(1, 2)].map((one) => ({
      ...one,
      topic: 'again_inventory',
    }));
    const batch = storeBatch(messages, { producer: 'p', number: 1 });
    await using database = await openDatabase(address);
    const first = await writeBatch(database, batch, false);
    expect(await writeBatch(database, batch, true)).toEqual(first);
    const logs = await postgres.logs(target(), ['again_inventory']);
    expect(logs.get('again_inventory')?.map(({ high }) => Number(high))).toEqual([0, 2]);
  });

  test('is written to again after it was killed, and nothing is lost or doubled', async () => {
    await postgres.createTopics(target(), topics('killed_inventory'), waiting);
    await using producer = await postgres.openProducer(target(), options);
    const send = (version: number) =>
      producer.send([{ ...image(1, version), topic: 'killed_inventory' }], 0);
    expect(await send(1)).toMatchObject([{ offset: 0 }]);
    await stack.injectOutage('postgres', 'kill');
    const [answer] = await Promise.all([send(2), stack.restore('postgres')]);
    expect(answer).toMatchObject([{ offset: 1 }]);
    expect(await send(3)).toMatchObject([{ offset: 2 }]);
  });
});

test('a row that is deleted in the database is gone for readers, and no slot stays when the stage is drained', {
  timeout: 300_000,
}, async () => {
  const place = { apart: true, topicPrefix: 'gone_', namespace: 'gone_retail' };
  const pipeline = inNamespace(loadPipeline('cdc-postgres', packageRoot), place);
  const workDir = dir();
  const scenario = {
    pipeline: { commitEveryMs: 1_000, format: 2, parallelism: 1, compaction: { by: 'none' } },
    stack: { partitions: 2 },
    traffic: Object.fromEntries(STREAMS.map((one) => [one, one === STOCK ? {} : null])),
  } as unknown as DeployOptions['scenario'];
  const { signal } = new AbortController();
  const extensions = artifacts.duckdbExtensions;
  await using deployment = await deploy(pipeline, {
    ...{ stack, scenario, clock, signal, extensions, workDir, logDir: workDir },
    hotProducts: () => [],
  });
  const given = { stack, extensions, namespace: place.namespace, logDir: workDir };
  await using reader = await ENGINES.duckdb.open(given, { clock });
  const lookup = pipeline.queries.find(({ name }) => name === 'store-lookup');
  const versions = async (sku: number) => {
    const { rows } = await reader.query(
      lookup?.sql ?? '',
      { store: 7, sku },
      { timeoutMs: 20_000 },
    );
    return rows.map(({ version }) => Number(version));
  };
  await using producer = await postgres.openProducer(target(), options);
  await producer.send(
    [image(1, 1), image(2, 1), image(2, 2)].map((one) => ({ ...one, topic: 'gone_inventory' })),
    0,
  );
  await until(async () => (await versions(1)).length === 1, 60_000);
  await using database = await openDatabase(address);
  await database.rows('DELETE FROM gone_.stock WHERE sku_id = 1');
  await until(async () => (await versions(1)).length === 0, 60_000);
  expect(await versions(2)).toEqual([2]);
  await deployment.drain();
  expect(await database.rows('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
});

const SCENARIO = `
name: postgres-truth
seed: 7
starts_at: 2026-11-27T10:00
retail: { stores: 6, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 1200/store/h }
  wms: { delist: 20% }
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 4%, delay: 200ms }
    malformed: { rate: 2% }
pipeline: { use: cdc-postgres, commit_every: 2s }
stack: { partitions: 2, jit: c1 }
queries: { every: 2s, timeout: 20s }
drain_within: 3m
staleness_target: 10s
phases: [{ name: load, for: 10s }]
faults:
  - { do: kill, server: connect, during: load, at: 4s, for: 1s }
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
  - never_visible(inventory) during load == 0
`;

test('a run agrees with the oracles, although Connect is killed, and leaves nothing in the database', {
  timeout: 600_000,
}, async () => {
  const on = { stack, name: 'postgres-test', prefix: 'truth' };
  const listening = () => getEventListeners(stack.broken, 'abort').length;
  const before = listening();
  const record = await passingRun({ chosen: { kind: 'shared', on }, artifacts, clock }, SCENARIO, {
    file: 'postgres-truth.yaml',
    resultsDir: join(dir(), 'results'),
  });
  expect(listening(), 'the stack goes on without the run').toBe(before);
  const tables = record.truth?.tables ?? [];
  expect(tables.map(({ table }) => table)).toEqual(['pos', 'wms', 'inventory', 'dead_letter']);
  expect(tables.every(({ expected }) => expected > 0)).toBe(true);
  await using database = await openDatabase(address);
  expect(await database.rows('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
  expect(
    await database.rows(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'truth%'`),
  ).toEqual([]);
});

test('what a killed run has left in the database alone is found by its name, and removed', async () => {
  const mark = 'left_20261127t090000z_1a2b_';
  await using database = await openDatabase(address);
  await database.rows(`CREATE SCHEMA ${mark} CREATE TABLE stock (id integer)`);
  await database.rows('SELECT pg_create_logical_replication_slot($1, $2)', [
    `${mark}stock`,
    'pgoutput',
  ]);
  await database.rows('CREATE SCHEMA left_by_others');
  const reach = { endpoints: stack.endpoints, servers: stack.servers, ...waiting };
  const found = () => findLeftovers({ ...reach, prefix: 'left', loads: [] });
  const [one, ...others] = await found();
  expect(others).toEqual([]);
  expect(one).toMatchObject({ mark, slots: [`${mark}stock`], schemas: [mark], topics: [] });
  await removeLeftover(one as NonNullable<typeof one>, reach);
  expect(await found()).toEqual([]);
  expect(
    await database.rows(`SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'left%'`),
  ).toEqual([{ name: 'left_by_others' }]);
  expect(await database.rows('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
  await database.rows('DROP SCHEMA left_by_others');
});
