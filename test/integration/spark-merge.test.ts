import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { openCatalog } from '../../src/harness/clients/iceberg.ts';
import { kafkaClient } from '../../src/harness/clients/kafka-admin.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import type { Reader } from '../../src/harness/engines/engine.ts';
import { ENGINES } from '../../src/harness/engines/engines.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { openFacts } from '../../src/harness/facts.ts';
import { type Deployment, deploy } from '../../src/harness/pipelines/deployment.ts';
import { inNamespace, loadPipeline, type RunPipeline } from '../../src/harness/pipelines/load.ts';
import { type RunNamespace, topicOf } from '../../src/harness/run-namespace.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { fetchArtifacts } from '../../src/harness/setup/setup.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { openVisibility } from '../../src/harness/visibility/sources.ts';
import {
  MALFORMED_KINDS,
  type Scenario,
  STREAMS,
  type Stream,
} from '../../src/scenario/scenario.ts';
import { clearNamespace, joinSharedStack, testNamespace } from '../support/shared-stack.ts';
import { passingRun } from './support/passing-run.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, until } from './support/stacks.ts';
import { EXPECTED, QUERY_VALUES, sendTraps } from './support/traps.ts';
import { bytes, damaged, event, type Fields, image } from './support/wire.ts';

/** Micro-batches that Spark merges into Iceberg format 3, on the real servers. */

const lock = readLock();
const artifacts = locateArtifacts(defaultCacheDir(), lock);
const extensions = artifacts.duckdbExtensions;
const { signal } = new AbortController();
const dir = ownFolders('spark-merge');
let on: SharedStack;
beforeAll(async () => {
  if (runtime.kind === 'processes') {
    await fetchArtifacts({
      ...{ cacheDir: defaultCacheDir(), lock, clock, signal, onProgress: () => {} },
      only: ['spark-kafka'],
    });
  }
  on = await joinSharedStack();
}, 600_000);
afterAll(() => on?.stack[Symbol.asyncDispose]());

describe('the pipeline spark-merge', () => {
  let place: RunNamespace;
  let pipeline: RunPipeline;
  let deployment: Deployment;
  let reader: Reader;
  const undo: (() => unknown)[] = [];
  let send: (stream: Stream, values: readonly (Fields | Buffer | null)[]) => Promise<void>;

  beforeAll(async () => {
    const { stack } = on;
    place = testNamespace('spark_merge');
    undo.push(() => clearNamespace(place, stack));
    pipeline = inNamespace(loadPipeline('spark-merge', packageRoot), place);
    const scenario = {
      pipeline: { use: 'spark-merge', commitEveryMs: 1_000 },
      stack: { partitions: 2, jit: 'c1' },
      traffic: Object.fromEntries(STREAMS.map((stream) => [stream, {}])),
    } as unknown as Scenario;
    deployment = await deploy(pipeline, {
      ...{ stack, scenario, extensions, clock, signal },
      hotProducts: () => [],
      ...{ workDir: dir(), logDir: dir() },
    });
    undo.push(() => deployment[Symbol.asyncDispose]());
    const context = { stack, extensions, namespace: place.namespace, logDir: dir() };
    reader = await ENGINES.duckdb.open(context, { clock });
    undo.push(() => reader.close());
    const producer = kafkaClient(stack.endpoints.kafka, 'test').producer();
    await producer.connect();
    undo.push(() => producer.disconnect());
    send = async (stream, values) => {
      const messages = values.map((value) => ({
        key: '1',
        partition: 0,
        value: value === null || Buffer.isBuffer(value) ? value : bytes(value as Fields),
      }));
      await producer.send({ topic: topicOf(place, stream), acks: -1, messages });
    };
  }, 600_000);
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });

  const table = (name: string) => `ice.${place.namespace}.${name}`;
  const rows = async (sql: string, values: Readonly<Record<string, number>> = {}) => {
    const answer = await reader.query(sql, values, { timeoutMs: 60_000 });
    expect(answer.error).toBeNull();
    return JSON.parse(
      JSON.stringify(answer.rows, (_, one) => (typeof one === 'bigint' ? Number(one) : one)),
    ) as Record<string, unknown>[];
  };
  const count = async (from: string) =>
    Number((await rows(`SELECT count(*) AS n FROM ${table(from)}`))[0]?.n);
  /** Resolves when the tables show a record of each stream that is sent now, with what was sent before. */
  const settled = async (id: string, streams: readonly Stream[] = STREAMS) => {
    for (const stream of streams) {
      const stock = image({ store: 0, sku: id.length, version: 1, onHand: 0 }, id);
      await send(stream, [stream === 'inventory' ? stock : event(stream, id, 0)]);
    }
    for (const stream of streams) {
      await until(async () => (await count(`${stream} WHERE event_id = '${id}'`)) === 1, 60_000);
    }
  };

  test('good records arrive typed, once; damaged ones go aside with their reason', async () => {
    await sendTraps({ send });
    const reasons: { topic: string; reason: string }[] = [];
    for (const stream of STREAMS) {
      for (const kind of MALFORMED_KINDS) {
        const { value, reason } = damaged(stream, kind);
        await send(stream, [value]);
        reasons.push({ topic: stream, reason });
      }
      await send(stream, [null]);
      reasons.push({ topic: stream, reason: 'tombstone' });
    }
    await send('pos', [event('pos', 'no-sku', 1, { lines: [{ line_no: 1, quantity: 1 }] })]);
    reasons.push({ topic: 'pos', reason: 'missing_key:lines[*].sku_id' });
    await settled('last');
    const found = await rows(`SELECT topic, reason FROM ${table('dead_letter')} ORDER BY ALL`);
    const text = ({ topic, reason }: Record<string, unknown>) => `${topic} ${reason}`;
    expect(found.map(text)).toEqual(reasons.map(text).sort());
    const [kept] = await rows(
      `SELECT hex(payload) AS hex FROM ${table('dead_letter')} WHERE topic = 'pos' AND reason = 'bad_utf8'`,
    );
    expect(String(kept?.hex).toLowerCase()).toBe(damaged('pos', 'bad_utf8').value.toString('hex'));
    const [receipt] = await rows(
      `SELECT event_type, terminal_id, customer_id, line_sku_ids, line_extended_cents, training
       FROM ${table('pos')} WHERE event_id = 'pos-1'`,
    );
    expect(receipt).toEqual({
      ...{ event_type: 'pos.test', terminal_id: 3, customer_id: null, training: false },
      ...{ line_sku_ids: [11, 12], line_extended_cents: [1_000, 500] },
    });
  });

  test('every query answers what the records say', async () => {
    const answers: Record<string, unknown> = {};
    for (const { name, sql, parameters } of pipeline.queries) {
      const given = Object.fromEntries(parameters.map((one) => [one, QUERY_VALUES[one]]));
      answers[name] = await rows(sql.replace(/;\s*$/, ''), given);
    }
    expect(answers).toEqual(EXPECTED);
  });

  test('a record that comes again in a later micro-batch is no second row', async () => {
    await send('pos', [
      event('pos', 'pos-1', 1),
      event('pos', 'pos-2', 2, { event_type: 'again' }),
    ]);
    await settled('after-the-copies', ['pos']);
    expect(
      await rows(
        `SELECT event_id, event_type FROM ${table('pos')} WHERE event_id IN ('pos-1', 'pos-2') ORDER BY ALL`,
      ),
    ).toEqual([
      { event_id: 'pos-1', event_type: 'pos.test' },
      { event_id: 'pos-2', event_type: 'pos.test' },
    ]);
  });

  test('an update leaves a deletion vector and no equality delete, and keeps the row id', async () => {
    const { stack } = on;
    const stock = Array.from({ length: 50 }, (_, i) => ({ store: 8, sku: i + 1 }));
    const ofVersion = (version: number, some: typeof stock) =>
      some.map((key) => image({ ...key, version, onHand: version }, `${key.sku}-${version}`));
    await send('inventory', ofVersion(1, stock));
    await settled('first-images', ['inventory']);
    const ids = async () =>
      (await rows(
        `SELECT sku_id, version, _row_id FROM ${table('inventory')} WHERE store_id = 8 ORDER BY sku_id`,
      )) as { sku_id: number; version: number; _row_id: number }[];
    const before = await ids();
    await send('inventory', ofVersion(3, stock.slice(0, 30)));
    await send('inventory', ofVersion(2, stock.slice(0, 30)));
    await settled('next-images', ['inventory']);
    const after = await ids();
    expect(before.map((row) => row.version)).toEqual(Array(50).fill(1));
    expect(new Set(before.map((row) => row._row_id)).size).toBe(50);
    expect(after).toEqual(before.map((row, i) => (i < 30 ? { ...row, version: 3 } : row)));

    await using facts = await openFacts();
    await using visibility = await openVisibility(
      { stack, extensions, place, facts, clock, t0Ms: () => 0 },
      deployment.datasets,
    );
    const kinds = new Set<string>();
    const catalog = openCatalog(stack.endpoints.catalog, place.namespace);
    for (const dataset of deployment.datasets) {
      expect((await catalog.load(dataset.name))?.table().formatVersion).toBe(3);
      for (const { content } of (await visibility.files(dataset, signal)) ?? []) kinds.add(content);
    }
    expect([...kinds].sort()).toEqual(['data', 'dv']);
  });

  test('draining merges everything, and ends the process', async () => {
    const watching = deployment.watch(new AbortController().signal);
    await send('wms', [event('wms', 'before-the-end', 1)]);
    await deployment.drain();
    await watching;
    expect(deployment.processes()).toEqual([]);
    expect(await count(`wms WHERE event_id = 'before-the-end'`)).toBe(1);
  });
});

const SCENARIO = `
name: spark-merge-truth
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
pipeline: { use: spark-merge, commit_every: 2s }
stack: { partitions: 2, jit: c1 }
queries: { every: 2s, timeout: 20s }
drain_within: 3m
phases: [{ name: load, for: 16s }]
checks:
  - lost == 0
  - duplicated == 0
  - wrong == 0
  - never_visible(inventory) during load == 0
  - cost(loader) > 0
`;

/** Kills the Spark process of the run when it has written a file of the stock that is not committed. */
async function killInMerge(): Promise<void> {
  const { s3 } = on.stack.endpoints;
  using bucket = openBucket(s3);
  const written = async () => {
    const keys: string[] = [];
    for await (const { key } of bucket.list('')) {
      if (/inventory\/data\//.test(key)) keys.push(key);
    }
    return keys.length;
  };
  const before = await written();
  await until(async () => (await written()) > before, 60_000);
  for (const pid of merging()) process.kill(pid, 'SIGKILL');
}

/** The Spark process that merges, which this process has started, or the container engine for it. */
function merging(): readonly number[] {
  const found = readdirSync('/proc').filter((pid) => {
    try {
      const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      const isOurs = runtime.kind === 'containers' || Number(parent) === process.pid;
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0MergeJob\0');
    } catch {
      return false;
    }
  });
  expect(found).toHaveLength(1);
  return found.map(Number);
}

test('a run agrees with the oracles, with a process that is killed in a merge', {
  timeout: 600_000,
}, async () => {
  const file = 'spark-merge-truth.yaml';
  let killing: Promise<unknown> = Promise.resolve('not killed');
  let begun = false;
  const record = await passingRun({ chosen: { kind: 'shared', on }, artifacts, clock }, SCENARIO, {
    file,
    resultsDir: join(dir(), 'results'),
    onEvent(event) {
      if (event.kind !== 'tick' || event.tick.phase !== 'load' || begun) return;
      begun = true;
      killing = killInMerge().catch((error: unknown) => error);
    },
  });
  expect(await killing).toBeUndefined();
  expect(record.canaries).toMatchObject({ never: 0, disjoint: 0 });
  expect(record.truth?.tables.map(({ lost, duplicated }) => lost + duplicated)).toEqual(
    Array(4).fill(0),
  );
  expect(record.truth?.tables.every(({ expected }) => expected > 0)).toBe(true);
});
