import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { BatchLog, batchesFolder } from '../../src/harness/batches/batch-log.ts';
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
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { openVisibility } from '../../src/harness/visibility/sources.ts';
import {
  MALFORMED_KINDS,
  type Scenario,
  STREAMS,
  type Stream,
} from '../../src/scenario/scenario.ts';
import { clearNamespace, joinSharedStack, testNamespace } from '../support/shared-stack.ts';
import { loaders } from './support/loaders.ts';
import { passingRun } from './support/passing-run.ts';
import { ownFolders } from './support/stacks.ts';
import { EXPECTED, QUERY_VALUES, sendTraps } from './support/traps.ts';
import { bytes, damaged, event, type Fields } from './support/wire.ts';

/** The scheduled load into Parquet files, on the real servers. */

const artifacts = locateArtifacts(defaultCacheDir(), readLock());
const extensions = artifacts.duckdbExtensions;
const dir = ownFolders('batch');
let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

/** Asks until it is so, or fails with the last answer. */
async function until<T>(
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
  everyMs = 200,
): Promise<T> {
  const deadline = clock.monotonicMs() + 120_000;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (clock.monotonicMs() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
    await clock.sleep(everyMs);
  }
}

describe('the pipeline batch', () => {
  let place: RunNamespace;
  let pipeline: RunPipeline;
  let deployment: Deployment;
  let reader: Reader;
  const undo: (() => unknown)[] = [];
  let send: (stream: Stream, values: readonly (Fields | Buffer | null)[]) => Promise<void>;

  beforeAll(async () => {
    const { stack } = on;
    place = testNamespace('batch');
    undo.push(() => clearNamespace(place, stack));
    pipeline = inNamespace(loadPipeline('batch', packageRoot), place);
    const scenario = {
      pipeline: { use: 'batch', commitEveryMs: 1_000 },
      stack: { partitions: 2 },
      traffic: Object.fromEntries(STREAMS.map((stream) => [stream, {}])),
    } as unknown as Scenario;
    const { signal } = new AbortController();
    deployment = await deploy(pipeline, {
      ...{ stack, scenario, extensions, clock, signal },
      hotProducts: () => [],
      ...{ workDir: dir(), logDir: dir() },
    });
    undo.push(() => deployment[Symbol.asyncDispose]());
    const { namespace } = place;
    const context = { stack, extensions, namespace, logDir: dir() };
    reader = await ENGINES['duckdb-parquet'].open(context, { clock });
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
  }, 300_000);
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
    await send('pos', [
      event('pos', 'no-sku', 1, { lines: [{ line_no: 1, quantity: 1 }] }),
      event('pos', 'last', 0),
    ]);
    reasons.push({ topic: 'pos', reason: 'missing_key:lines[*].sku_id' });
    await until(
      () => count(`pos WHERE event_id = 'last'`),
      (n) => n === 1,
    );
    const found = await until(
      () => rows(`SELECT topic, reason FROM ${table('dead_letter')} ORDER BY ALL`),
      ({ length }) => length >= reasons.length,
    );
    const text = ({ topic, reason }: Record<string, unknown>) => `${topic} ${reason}`;
    expect(found.map(text)).toEqual(reasons.map(text).sort());
    const [kept] = await rows(
      `SELECT hex(payload) AS hex FROM ${table('dead_letter')} WHERE topic = 'pos' AND reason = 'bad_utf8'`,
    );
    expect(String(kept?.hex).toLowerCase()).toBe(damaged('pos', 'bad_utf8').value.toString('hex'));
    const [receipt] = await rows(
      `SELECT event_type, terminal_id, customer_id, line_sku_ids, line_extended_cents
       FROM ${table('pos')} WHERE event_id = 'pos-1'`,
    );
    expect(receipt).toEqual({
      ...{ event_type: 'pos.test', terminal_id: 3, customer_id: null },
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

  test('a loader that is killed during a load loses and duplicates nothing, and leaves orphans', async () => {
    using bucket = openBucket(on.stack.endpoints.s3);
    const log = new BatchLog(bucket, place.namespace);
    /** Files that no batch names: a load has written them, and has not published yet. */
    const unpublished = async () => {
      const keys: string[] = [];
      for await (const { key } of bucket.list(batchesFolder(place.namespace))) keys.push(key);
      const newest = await log.newest(null);
      const number = newest?.number ?? 0;
      const later = (key: string) => Number(/\/batch-(\d+)-/.exec(key)?.[1] ?? 0) > number;
      return keys.filter(later).length;
    };
    let sent = 0;
    const kill = async () => {
      for (let tries = 0; tries < 60; tries++) {
        const events = Array.from({ length: 200 }, () =>
          event('loyalty', `kill-${sent++}`, 1 + (sent % 7)),
        );
        await send('loyalty', events);
        const pid = deployment.processes()[0]?.pid;
        const deadline = clock.monotonicMs() + 1_500;
        while (pid !== undefined && clock.monotonicMs() < deadline) {
          if ((await unpublished()) === 0) continue;
          process.kill(pid, 'SIGKILL');
          await until(
            async () => deployment.processes()[0]?.pid,
            (now) => now !== undefined && now !== pid,
          );
          return;
        }
      }
      throw new Error('no load was seen at work');
    };
    await kill();
    await kill();
    await send('loyalty', [event('loyalty', 'after-the-kills', 1)]);
    await until(
      () => count(`loyalty WHERE event_id = 'after-the-kills'`),
      (n) => n === 1,
    );
    expect(
      await rows(
        `SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ${table('loyalty')} WHERE event_id LIKE 'kill-%'`,
      ),
    ).toEqual([{ n: sent, ids: sent }]);
    await using facts = await openFacts();
    await using visibility = await openVisibility(
      { stack: on.stack, extensions, place, facts, clock, t0Ms: () => 0 },
      deployment.datasets,
    );
    const { orphans, orphanKeys } = await visibility.storage(AbortSignal.timeout(60_000));
    expect(orphans).toBeGreaterThan(0);
    expect(orphanKeys[0]).toContain(`${batchesFolder(place.namespace)}`);
  });

  test('draining loads everything, and ends the loader', async () => {
    const watching = deployment.watch(new AbortController().signal);
    await send('wms', [event('wms', 'before-the-end', 1)]);
    await deployment.drain();
    await watching;
    expect(deployment.processes()).toEqual([]);
    expect(await count(`wms WHERE event_id = 'before-the-end'`)).toBe(1);
  });
});

const SCENARIO = `
name: batch-truth
seed: 7
starts_at: 2026-11-27T10:00
retail: { stores: 6, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 1200/store/h }
  wms: { delist: 20% }
  cart: { sessions: 2/s }
  loyalty: {}
  inventory: { via: bulk }
  faults:
    duplicates: { rate: 10%, delay: 1s, delay_max: 4s }
    malformed: { rate: 2% }
    redelivery: { every: 6s, last: 20 }
pipeline: { use: batch, commit_every: 2s }
stack: { partitions: 2 }
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

test('a run agrees with the oracles, with a loader that is killed', {
  timeout: 600_000,
}, async () => {
  const file = 'batch-truth.yaml';
  let killed = 0;
  const record = await passingRun({ chosen: { kind: 'shared', on }, artifacts, clock }, SCENARIO, {
    file,
    resultsDir: join(dir(), 'results'),
    onEvent(event) {
      if (event.kind !== 'tick' || event.tick.phase !== 'load' || killed > 0) return;
      for (const pid of loaders()) killed += Number(process.kill(pid, 'SIGKILL'));
    },
  });
  expect(killed).toBe(1);
  expect(record.canaries).toMatchObject({ never: 0, disjoint: 0 });
  expect(record.truth?.tables.map(({ lost, duplicated }) => lost + duplicated)).toEqual(
    Array(6).fill(0),
  );
  expect(record.truth?.tables.every(({ expected }) => expected > 0)).toBe(true);
});
