import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { RedisAddress } from '../../src/harness/clients/endpoints.ts';
import { readLog, versionsIn, writeView } from '../../src/harness/clients/hot-view.ts';
import { openRedis } from '../../src/harness/clients/redis.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { labOn } from '../../src/harness/experiment/lab.ts';
import { openFacts } from '../../src/harness/facts.ts';
import { HotProducts } from '../../src/harness/pipelines/runners/hot-products.ts';
import { HotRows } from '../../src/harness/pipelines/runners/hot-rows.ts';
import { ViewWriter } from '../../src/harness/pipelines/runners/view-writer.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { openVisibility } from '../../src/harness/visibility/sources.ts';
import { querySql } from '../../src/record/query-sql.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { images } from '../support/datasets.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, startStack } from './support/stacks.ts';
import { viewIn } from './support/view.ts';

const folder = ownFolders('hot-view');
const { signal } = new AbortController();
const artifacts = locateArtifacts(defaultCacheDir(), readLock());

describe('a view in Redis', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ runDir: folder(), servers: ['redis'] });
  });
  afterAll(() => stack?.stop());

  const row = (sku: number, version: number | string) => ({ store_id: 1, sku_id: sku, version });

  async function followed(name: string) {
    const dataset = { ...images('upsert', name), visibility: 'redis', subset: 'hot' } as const;
    const place = { apart: false, topicPrefix: '', namespace: 'retail' };
    const facts = await openFacts();
    const extensions = artifacts.duckdbExtensions;
    const context = { stack, place, facts, clock, extensions, t0Ms: () => 0 };
    const source = (await openVisibility(context, [dataset])).follow(dataset);
    const view = await viewIn(stack, `retail.${name}`);
    return { view, facts, poll: () => source.poll(signal) };
  }

  /** Repeats what fails while a client has no connection. */
  async function repeated<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch {
        await clock.sleep(20);
      }
    }
  }

  test('keeps the highest version whatever comes, beyond 2^53 too, and logs what it applied', async () => {
    const name = 'retail.versions';
    const { redis, write } = await viewIn(stack, name);
    const huge = ['9007199254740993', '9007199254740992', '10000000000000000000', '-5', '-6'];
    const shown = [];
    for (const version of ['-7', '-6', '9', '10', ...huge, '10000000000000000000']) {
      await write([row(1, version)]);
      shown.push((await versionsIn(redis, name, ['1/1']))[0]);
    }
    const last = '10000000000000000000';
    expect(shown).toEqual(['-7', '-6', '9', '10', huge[0], huge[0], last, last, last, last]);
    const { batches } = await readLog(redis, name, null);
    expect(batches.map(({ batch, held }) => [batch, held])).toEqual(
      [1, 2, 3, 4, 5, 6].map((batch) => [batch, 1]),
    );
    redis.close();
  });

  test('applies a batch once, and nothing for a writer of an earlier epoch', async () => {
    const name = 'retail.epochs';
    const { redis, begin } = await viewIn(stack, name);
    const rows = Array.from({ length: 1_200 }, (_, i) => ({
      ...{ key: `1/${i}`, version: '1', row: JSON.stringify(row(i, 1)) },
    }));
    const of = (epoch: string) => writeView(redis, { name, epoch }, rows);
    expect([await of('first'), await of('first')]).toEqual([1_200, 0]);
    await begin('second');
    expect([await of('first'), await of('second')]).toEqual([null, 1_200]);
    redis.close();
  });

  test('its rows are gone when Redis is killed: followers find that, and then what is written again', async () => {
    const { view, facts, poll } = await followed('killed');
    expect((await poll()).found).toEqual([]);
    await view.write([row(1, 1), row(2, 1)]);
    const before = (await poll()).found;
    expect(before.map(({ snapshot }) => snapshot.operation)).toEqual(['overwrite']);
    await stack.injectOutage('redis', 'kill');
    await expect(poll()).rejects.toThrow();
    await expect(view.write([row(1, 2)])).rejects.toThrow();
    await stack.restore('redis');
    await repeated(() => view.write([row(1, 2)]));
    // Nothing was written: the view was no longer of its epoch.
    const gone = (await repeated(poll)).found;
    expect(gone.map(({ snapshot }) => snapshot.operation)).toEqual(['vanished']);
    expect(gone[0]?.missedMs).toBeLessThan(gone[0]?.seenMs ?? 0);
    await view.begin('second');
    await view.write([row(1, 2)]);
    const after = (await poll()).found;
    expect(after.map(({ snapshot }) => snapshot.parentId)).toEqual([null]);
    for (const one of [...before, ...gone, ...after]) await one.read(signal);
    expect(
      await facts.rows(`
        SELECT operation, count(sku_id)::INTEGER AS rows, any_value(live_rows)::INTEGER AS held
        FROM commits LEFT JOIN sightings USING (snapshot_id)
        GROUP BY snapshot_id, operation ORDER BY min(sequence_number)`),
    ).toEqual([
      { operation: 'overwrite', rows: 2, held: 2 },
      { operation: 'vanished', rows: 0, held: 0 },
      { operation: 'overwrite', rows: 1, held: 1 },
    ]);
    view.redis.close();
  });

  test('a log without what was applied, and a GET that contradicts it, are found', async () => {
    const { view, poll } = await followed('doubtful');
    await poll();
    await view.write([row(1, 1)]);
    await view.write([row(1, 2)]);
    await view.redis.send(['XTRIM', 'retail.doubtful:log', 'MAXLEN', '1']);
    expect((await poll()).gap).toBe('batches 1 to 1 were no longer in the log when a poll came');
    await view.write([row(2, 7)]);
    await view.redis.send(['HSET', 'retail.doubtful:row:1/2', 'version', '6']);
    expect((await poll()).gap).toBe('the log has version 7 of row 1/2, and a GET gives 6');
    view.redis.close();
  });

  test('a comparison that the end of the run cuts off is none, and one that fails is one unread', async () => {
    const redis = await openRedis(stack.endpoints.redis as RedisAddress);
    const writer = new ViewWriter({
      ...{ redis, name: 'retail.cut', stream: 'inventory', clock },
      hot: new HotRows(new HotProducts({ share: 0.5, keep: 10 }, [1])),
      ends: async () => [],
      rewind: () => {},
      newEpoch: () => 'first',
    });
    await writer.begin();
    const ending = new AbortController();
    const cut = async () => {
      ending.abort();
      return [{ key: '1/1', store: 1, sku: 1, version: '1', row: '{}' }];
    };
    await writer.reconcile({ rows: cut }, ending.signal);
    expect(writer.counts()).toMatchObject({ comparisons: 0, unread: 0, filled: 0 });
    await writer.reconcile({ rows: () => Promise.reject(new Error('no table')) }, signal);
    expect(writer.counts()).toMatchObject({ comparisons: 1, unread: 1, filled: 0 });
    redis.close();
  });
});

const file = 'hot.yaml';
const parsed = {
  ...parseScenario(
    `
name: hot
seed: 8
starts_at: 2026-11-27T10:00
retail: { stores: 6, skus: 200, assortment: 60, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 2400/store/h }
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 5%, delay: 500ms, delay_max: 2s }
    malformed: { rate: 2% }
    redelivery: { every: 5s, last: 20 }
pipeline: { use: hot-view, commit_every: 2s }
stack: { jit: c1, partitions: 2, runtime: ${runtime.kind} }
queries: { every: 10s, timeout: 20s }
canaries: { rate: 0.5/s }
drain_within: 3m
phases:
  - { name: calm, for: 5s, load: 2x, shape: doorbuster }
  - { name: outage, for: 20s, load: 2x, shape: doorbuster }
faults: [{ do: kill, server: redis, during: outage, at: 3s, for: 2s }]
staleness_target: 1s
checks:
  - lost == 0
  - never_visible(hot_stock) == 0
`,
    { file },
  ),
  file,
};

test('Redis is killed under load: the view is rebuilt from the topic, nothing is lost and nothing doubled', {
  timeout: 900_000,
}, async () => {
  const { record, dir } = await labOn({
    chosen: { kind: 'own', runtime: runtime.kind },
    ...{ artifacts, clock },
  }).run({
    ...{ parsed, signal, resultsDir: join(folder(), 'results'), baseDir: packageRoot },
    reproduce: 'doorbuster run hot.yaml',
    onEvent: () => {},
  });
  expect(record.failures).toEqual([]);
  expect(record.outcome).toBe('completed');
  const tables = record.truth?.tables ?? [];
  expect(tables.map(({ table, lost, duplicated }) => [table, lost, duplicated])).toEqual([
    ['pos', 0, 0],
    ['inventory', 0, 0],
    ['hot_stock', 0, 0],
    ['dead_letter', 0, 0],
  ]);
  expect(record.truth).toMatchObject({ wrong: 0, notSeenWithinMs: null });
  const of = (name: string) => tables.find(({ table }) => table === name);
  // A part of the stock, all of which is in the table.
  expect(of('hot_stock')?.expected).toBeGreaterThan(50);
  expect(of('hot_stock')?.expected).toBeLessThan((of('inventory')?.expected ?? 0) / 2);
  expect(of('hot_stock')).toMatchObject({ readBy: 'redis', wrong: 0 });

  const metric = (name: string, what: string) =>
    record.metrics.find((one) => one.name === name && one.of === what && one.phase === null);
  expect(metric('staleness', 'hot_stock')?.n).toBeGreaterThan(100);
  expect(metric('never_visible', 'hot_stock')).toMatchObject({ value: 0 });
  expect(metric('cost', 'redis-view')?.n).toBe(1);
  expect(metric('floor', 'hot_stock')).toBeUndefined();
  // While the view was empty, every change that it had shown was hidden.
  const fault = record.faults.find(({ server }) => server === 'redis');
  const view = fault?.streams.find(({ stream }) => stream === 'hot_stock');
  expect(view?.ageMaxMs).toBeGreaterThan(1_000);
  expect(view?.recoveryMs).toBeLessThan(60_000);
  expect(record.invalid.filter(({ rule }) => /census|resolution|canar/.test(rule))).toEqual([]);

  expect(record.views).toMatchObject([{ name: 'retail.hot_stock', rebuilds: 1 }]);
  const [commits] = await querySql(
    dir,
    `SELECT count(*) FILTER (operation = 'vanished')::INTEGER AS vanished FROM commits`,
  ).then(({ rows }) => rows);
  expect(commits).toEqual([1]);
});
