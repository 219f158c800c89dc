import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { BatchLog, batchesFolder } from '../../src/harness/batches/batch-log.ts';
import { kafkaClient } from '../../src/harness/clients/kafka-admin.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { ENGINES } from '../../src/harness/engines/engines.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { type Deployment, deploy } from '../../src/harness/pipelines/deployment.ts';
import { inNamespace, loadPipeline, type RunPipeline } from '../../src/harness/pipelines/load.ts';
import { type RunNamespace, topicOf } from '../../src/harness/run-namespace.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { type Scenario, STREAMS } from '../../src/scenario/scenario.ts';
import { engineContract } from '../contracts/engine.ts';
import { clearNamespace, joinSharedStack, testNamespace } from '../support/shared-stack.ts';
import { passingRun } from './support/passing-run.ts';
import { ownFolders } from './support/stacks.ts';
import { bytes, event } from './support/wire.ts';

/** Loaders that stage, and one engine that merges and answers, on the real servers. */

const artifacts = locateArtifacts(defaultCacheDir(), readLock());
const extensions = artifacts.duckdbExtensions;
const dir = ownFolders('warehouse');
let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

describe('the pipeline warehouse', () => {
  let place: RunNamespace;
  let pipeline: RunPipeline;
  let deployment: Deployment;
  const undo: (() => unknown)[] = [];
  let send: (ids: readonly string[]) => Promise<void>;

  beforeAll(async () => {
    const { stack } = on;
    place = testNamespace('warehouse');
    undo.push(() => clearNamespace(place, stack));
    const loaded = loadPipeline('warehouse', packageRoot);
    const stages = loaded.manifest.stages.map((stage) => ({ ...stage, loaders: 2 }));
    const manifest = { ...loaded.manifest, stages } as typeof loaded.manifest;
    pipeline = inNamespace({ ...loaded, manifest }, place);
    const scenario = {
      pipeline: { use: 'warehouse', commitEveryMs: 1_000 },
      stack: { partitions: 4 },
      traffic: Object.fromEntries(STREAMS.map((stream) => [stream, {}])),
    } as unknown as Scenario;
    const { signal } = new AbortController();
    deployment = await deploy(pipeline, {
      ...{ stack, scenario, extensions, clock, signal },
      hotProducts: () => [],
      ...{ workDir: dir(), logDir: dir() },
    });
    undo.push(() => deployment[Symbol.asyncDispose]());
    const producer = kafkaClient(stack.endpoints.kafka, 'test').producer();
    await producer.connect();
    undo.push(() => producer.disconnect());
    send = async (ids) => {
      const messages = ids.map((id, i) => ({
        ...{ key: String(i), partition: i % 4 },
        value: bytes(event('loyalty', id, 1 + (i % 9))),
      }));
      await producer.send({ topic: topicOf(place, 'loyalty'), acks: -1, messages });
    };
  }, 300_000);
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });

  const open = () =>
    ENGINES.warehouse.open(
      {
        ...{ stack: on.stack, extensions, namespace: place.namespace, logDir: dir() },
        warehouse: deployment.engine,
      },
      { clock },
    );
  const rows = async (sql: string) => {
    await using reader = await open();
    const answer = await reader.query(sql, {}, { timeoutMs: 60_000 });
    expect(answer.error).toBeNull();
    return answer.rows;
  };
  const counted = async () => {
    const [found] = await rows(
      `SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ice.${place.namespace}.loyalty
       WHERE event_id LIKE 'kill-%'`,
    );
    return { n: Number(found?.n), ids: Number(found?.ids) };
  };

  /** Kills `pid()` when an object under `prefix` shows that it is at work. */
  const killAt = async (pid: () => number | null | undefined, atWork: () => Promise<boolean>) => {
    const deadline = clock.monotonicMs() + 60_000;
    while (!(await atWork())) {
      if (clock.monotonicMs() > deadline) throw new Error('it was never seen at work');
    }
    const killed = pid();
    if (typeof killed !== 'number') throw new Error('there is no process');
    process.kill(killed, 'SIGKILL');
    while (pid() === killed || typeof pid() !== 'number') await clock.sleep(50);
  };

  test('an engine that is killed during a merge, and a loader, lose and duplicate nothing', async () => {
    using bucket = openBucket(on.stack.endpoints.s3);
    const log = new BatchLog(bucket, place.namespace);
    const folder = batchesFolder(place.namespace);
    const keys = async (prefix: string) => {
      const found: string[] = [];
      for await (const { key } of bucket.list(prefix)) found.push(key);
      return found;
    };
    let sent = 0;
    const more = async () => {
      await send(Array.from({ length: 400 }, () => `kill-${sent++}`));
    };
    await more();
    // Files of a batch that is not published: the merge is at work.
    await killAt(
      () => deployment.engine?.pid,
      async () => {
        const written = await keys(`${folder}loyalty/`);
        const newest = (await log.newest(null))?.number ?? 0;
        return written.some((key) => Number(/\/batch-(\d+)-/.exec(key)?.[1] ?? 0) > newest);
      },
    );
    // A file of a load that is not staged: the loader is at work.
    const staging = `${folder}_staged/1/`;
    const staged = (await keys(staging)).length;
    await more();
    await killAt(
      () => deployment.processes()[1]?.pid,
      async () => (await keys(staging)).length > staged,
    );
    await more();
    const deadline = clock.monotonicMs() + 120_000;
    while ((await counted()).ids < sent && clock.monotonicMs() < deadline) await clock.sleep(200);
    expect(await counted()).toEqual({ n: sent, ids: sent });
  }, 300_000);

  engineContract('warehouse', () => ({
    open,
    table: `(SELECT unnest([1, 2]) AS n)`,
    endless: 'range(3000000000) r(id)',
  }));

  test('draining merges everything, and the engine answers on', async () => {
    await send(['before-the-end']);
    const watching = deployment.watch(AbortSignal.timeout(60_000));
    await deployment.drain();
    expect(deployment.processes()).toEqual([]);
    const found = await rows(
      `SELECT event_id FROM ice.${place.namespace}.loyalty WHERE event_id = 'before-the-end'`,
    );
    expect(found).toHaveLength(1);
    await deployment[Symbol.asyncDispose]();
    await watching;
  }, 120_000);
});

const SCENARIO = `
name: warehouse-truth
seed: 7
starts_at: 2026-11-27T10:00
retail: { stores: 6, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 1200/store/h }
  wms: { delist: 20% }
  inventory: { via: bulk }
  faults:
    duplicates: { rate: 10%, delay: 1s, delay_max: 4s }
    malformed: { rate: 2% }
    redelivery: { every: 6s, last: 20 }
pipeline: { use: warehouse, commit_every: 2s }
stack: { partitions: 2 }
queries: { every: 2s, timeout: 20s }
drain_within: 3m
phases: [{ name: load, for: 12s }]
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
  - never_visible(inventory) during load == 0
`;

test('a run agrees with the oracles', { timeout: 600_000 }, async () => {
  const file = 'warehouse-truth.yaml';
  const record = await passingRun({ chosen: { kind: 'shared', on }, artifacts, clock }, SCENARIO, {
    file,
    resultsDir: join(dir(), 'results'),
  });
  expect(record.canaries).toMatchObject({ never: 0, disjoint: 0 });
  expect(record.truth?.tables.map(({ lost, duplicated }) => lost + duplicated)).toEqual(
    Array(4).fill(0),
  );
});
