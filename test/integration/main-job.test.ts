import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { Ledger } from '../../src/generators/stock/ledger.ts';
import { preloadOf, tapeOf } from '../../src/generators/tape.ts';
import {
  kafkaClient,
  openKafkaAdmin,
  type PartitionLog,
} from '../../src/harness/clients/kafka-admin.ts';
import { localObject, openBucket } from '../../src/harness/clients/s3.ts';
import { openReader } from '../../src/harness/engines/duckdb-reader.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { labOn } from '../../src/harness/experiment/lab.ts';
import type { RunEvent } from '../../src/harness/experiment/progress.ts';
import { spark } from '../../src/harness/pipelines/compactions/spark.ts';
import { inNamespace, loadPipeline } from '../../src/harness/pipelines/load.ts';
import { removeAll } from '../../src/harness/pipelines/remove.ts';
import { type RunNamespace, topicOf } from '../../src/harness/run-namespace.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { readJournal } from '../../src/record/journal.ts';
import { querySql } from '../../src/record/query-sql.ts';
import { readRecord } from '../../src/record/read.ts';
import { type RunRecord, recordSchema } from '../../src/record/record.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { endOf } from '../support/completed.ts';
import { runIn } from '../support/doorbuster.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { ownFolders } from './support/stacks.ts';

/** Small enough for a minute, with every stream and no fault that breaks identity. */
const SMALL = `
name: small
about: a test's own
seed: 11
starts_at: 2026-11-27T10:00
retail: { stores: 4, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  wms: {}
  cart: { sessions: 1/s }
  loyalty: {}
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 5%, kinds: { identical: 100%, new_id: 0%, changed_payload: 0%, constant_id: 0% }, delay: 200ms, delay_max: 1s }
    malformed: { rate: 1% }
pipeline: { use: cdc-upsert, commit_every: 2s }
stack: { partitions: 2 }
queries: { every: 2s, timeout: 20s, round_budget: 200ms }
phases:
  - { name: load, for: 15s }
checks:
  - lost == 0
`;

/** Two jobs instead of five, for what needs no other stream: a job costs seconds of CPU to start. */
const TWO_STREAMS = SMALL.replace(/^ {2}(wms|cart|loyalty): .*\n/gm, '');

interface World {
  readonly dir: string;
  readonly scenario: Scenario;
  /** Runs the scenario on the stack; with `keep`, its tables and topics stay for independent observations. */
  run(how?: {
    readonly keep?: boolean;
    readonly onEvent?: (event: RunEvent) => void;
  }): Promise<{ record: RunRecord; dir: string }>;
}

const folder = ownFolders('main');
const artifacts = locateArtifacts(defaultCacheDir(), readLock());

let on: SharedStack;
let stack: Stack;
beforeAll(async () => {
  on = await joinSharedStack();
  stack = on.stack;
});
afterAll(() => stack?.[Symbol.asyncDispose]());

function world(set: readonly string[] = [], text = SMALL): World {
  const dir = folder();
  const parsed = { ...parseScenario(text, { file: 'small.yaml', set }), file: 'small.yaml' };
  return {
    dir,
    scenario: parsed.scenario,
    run: ({ keep = false, onEvent = () => {} } = {}) =>
      labOn({ chosen: { kind: 'shared', on }, artifacts, clock }).run({
        parsed,
        resultsDir: join(dir, 'results'),
        baseDir: packageRoot,
        keep,
        signal: new AbortController().signal,
        reproduce: 'doorbuster run small.yaml',
        onEvent,
      }),
  };
}

/** Number of records that were ever appended. */
const sizeOf = (logs: readonly PartitionLog[]) =>
  Number(logs.reduce((sum, { high }) => sum + high, 0n));

/** Removes what lies before these offsets from the broker's log of receipts. */
async function removeBefore(topic: string, logs: readonly PartitionLog[]): Promise<void> {
  const admin = kafkaClient(stack.endpoints.kafka, 'remover').admin();
  await admin.connect();
  // kafkajs learns who leads the partitions by this.
  await admin.fetchTopicOffsets(topic);
  const partitions = logs.map(({ partition, high }) => ({ partition, offset: String(high) }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
}

/** `store/sku=on-hand`, sorted: a stock that two readers can be held against each other by. */
type Stock = readonly string[];

async function stockByDuckdb(place: RunNamespace): Promise<Stock> {
  await using reader = await openReader(stack.endpoints, artifacts.duckdbExtensions, {
    clock,
    threads: 2,
    memoryMb: 2048,
  });
  const answer = await reader.query(
    `SELECT store_id || '/' || sku_id || '=' || on_hand AS line FROM ice.${place.namespace}.inventory
     WHERE store_id > 0 AND sku_id < 9000001 AND NOT deleted`,
    {},
    { timeoutMs: 120_000 },
  );
  expect(answer.outcome).toBe('ok');
  return answer.rows.map(({ line }) => String(line)).sort();
}

async function stockBySpark({ dir }: World, place: RunNamespace): Promise<Stock> {
  const pipeline = inNamespace(loadPipeline('cdc-upsert', packageRoot), place);
  const text = `SELECT concat('stock ', store_id, '/', sku_id, '=', on_hand) FROM ice.${place.namespace}.inventory
    WHERE store_id > 0 AND sku_id < 9000001 AND NOT deleted;`;
  const asked = { ...pipeline, compact: { path: 'stock.sql', text } };
  const answer = await spark.run(asked, {
    stack,
    clock,
    signal: new AbortController().signal,
    logDir: dir,
  });
  expect(answer.error).toBeNull();
  const lines = answer.output.split('\n').filter((line) => line.startsWith('stock '));
  return lines.map((line) => line.slice('stock '.length)).sort();
}

/** BOOK, folded from the business events of the tape, and not from the images that were sent. */
function stockByBook({ scenario }: World, cutMs: number): Stock {
  const stores = Array.from({ length: scenario.retail.stores }, (_, i) => i + 1);
  const ledger = new Ledger(scenario);
  for (const event of preloadOf(scenario, stores)) ledger.apply(event);
  for (const event of tapeOf(scenario, stores)) {
    if (event.dueMs >= cutMs) break;
    ledger.apply(event);
  }
  const rows = [...ledger.entries()];
  return rows.map(({ store, sku, book }) => `${store}/${sku}=${book.onHand}`).sort();
}

/** Where the run has put its topics and tables: a stack that is given is a shared one. */
function placeOf(record: RunRecord): RunNamespace {
  expect(record.stack).toMatchObject({ name: 'tests' });
  return { apart: true, ...(record.stack as NonNullable<RunRecord['stack']>) };
}

function cutOf(dir: string): number {
  const cut = readJournal(dir).entries.find(({ kind }) => kind === 'cut');
  if (cut?.kind !== 'cut') throw new Error(`${dir} has no cut in its journal`);
  return cut.cutMs;
}

function hop(record: RunRecord, stream: string, name: string): number {
  const found = record.waterfall.find((one) => one.stream === stream && one.phase === 'load');
  return found?.hops.find((one) => one.hop === name)?.meanMs as number;
}

/** Commits every 6 s: a change waits 0 to 6 s for its snapshot, 3 s on average. */
const COMMIT_MS = 6_000;

/** Visibility that is delayed by a known amount comes out, in the right hop. */
async function delayIsWhereItWasPut(record: RunRecord, dir: string): Promise<void> {
  for (const stream of ['pos', 'inventory']) {
    const wait = hop(record, stream, 'flink_to_snapshot');
    expect(wait, stream).toBeGreaterThan(COMMIT_MS / 4);
    expect(wait, stream).toBeLessThan(COMMIT_MS);
    for (const other of [
      'transport',
      'slip',
      'produce',
      'broker_to_flink',
      'snapshot_to_visible',
    ]) {
      expect(hop(record, stream, other), `${stream} ${other}`).toBeLessThan(wait);
    }
  }
  // The canaries know nothing of the census, and saw the same.
  const waited = await querySql(
    dir,
    "SELECT avg(first_hit_ms - due_ms) FROM canaries WHERE outcome = 'seen'",
  );
  expect(Number(waited.rows[0]?.[0])).toBeGreaterThan(COMMIT_MS / 4);
  expect(
    record.metrics.find(({ name, of }) => name === 'floor' && of === 'inventory'),
  ).toMatchObject({ shape: 'scalar' });
}

describe('the main job on the real stack', { timeout: 600_000 }, () => {
  test('its record agrees with independent observations', async () => {
    const here = world([`pipeline.commit_every=${COMMIT_MS}ms`, 'phases.load.for=24s']);
    const { record, dir } = await here.run({ keep: true });

    expect(endOf(record)).toBe('completed');
    expect(recordSchema.parse(record)).toEqual(record);
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, bookUnits: 0 });
    expect(record.truth?.keysCompared).toBe(4 * 40);
    expect(record.producing?.total.acknowledged).toBeGreaterThan(500);
    expect(record.producing?.total.appended).toBe(record.producing?.total.acknowledged);
    expect(record.checks).toMatchObject([{ text: 'lost == 0', verdict: 'PASS', measured: 0 }]);
    for (const stream of ['pos', 'wms', 'cart', 'loyalty', 'inventory']) {
      const stale = record.metrics.find(
        ({ name, of, phase }) => name === 'staleness' && of === stream && phase === 'load',
      );
      expect(stale, stream).toMatchObject({ shape: 'distribution', censored: 0 });
      expect(stale?.n, stream).toBeGreaterThan(0);
    }
    expect(record.canaries).toMatchObject({ disjoint: 0, never: 0, failed: 0 });
    expect(record.canaries?.compared).toBeGreaterThan(5);
    await delayIsWhereItWasPut(record, dir);

    // Rows in Kafka, by its own account.
    expect(record.stack).toMatchObject({ kept: true });
    const place = placeOf(record);
    let inKafka = 0n;
    await using admin = await openKafkaAdmin(stack.endpoints.kafka);
    for (const stream of ['pos', 'wms', 'cart', 'loyalty', 'inventory'] as const) {
      for (const { low, high } of await admin.logs(topicOf(place, stream))) inKafka += high - low;
    }
    const handed = await querySql(dir, 'SELECT count(acked_ms)::INTEGER AS n FROM events');
    expect(Number(inKafka)).toBe(handed.rows[0]?.[0]);

    // The stock, by two engines and by the books.
    const byDuckdb = await stockByDuckdb(place);
    expect(byDuckdb).toHaveLength(4 * 40);
    expect(await stockBySpark(here, place)).toEqual(byDuckdb);
    expect(stockByBook(here, cutOf(dir))).toEqual(byDuckdb);

    // All of it is found by its names, and nothing is left of it.
    const { endpoints, servers } = stack;
    const { signal } = new AbortController();
    using bucket = openBucket(endpoints.s3);
    // The store accepts the signature of a request without the SDK, whose answer is the SDK's.
    const objects: number[] = [];
    for await (const { key } of bucket.list(`${place.namespace}/`)) {
      if (!key.endsWith('metadata.json')) continue;
      const unaided = await localObject(endpoints.s3, key, signal);
      expect(unaided?.length).toBe(await bucket.size(key));
      objects.push(unaided?.length ?? 0);
      if (objects.length === 3) break;
    }
    expect(objects).toHaveLength(3);
    const removed = await removeAll(place, { endpoints, servers, clock, signal });
    expect(removed).toMatchObject({ jobs: 0, topics: 5, tables: 6 });
    await expect(admin.logs(topicOf(place, 'pos'))).rejects.toThrow('no topic');
    const namespaces = await fetch(`${endpoints.catalog.uri}/v1/namespaces`);
    const { namespaces: left } = (await namespaces.json()) as { namespaces: string[][] };
    expect(left).not.toContainEqual([place.namespace]);
    for await (const { key } of bucket.list(`${place.namespace}/`)) {
      expect(key, 'left in the bucket').toBeUndefined();
    }
    const again = await removeAll(place, { endpoints, servers, clock, signal });
    expect(again).toEqual({ jobs: 0, topics: 0, tables: 0, objects: 0 });
  });

  test('rows that only the stop of the jobs commits are in the tables, and count as never visible', async () => {
    // Flink draws the time of its first checkpoint from the interval: of an hour it rarely draws this half minute.
    const late = ['pipeline.commit_every=1h', 'phases.load.for=8s', 'drain_within=3s'];
    const here = world(late, TWO_STREAMS);
    const { record, dir } = await here.run();
    expect(endOf(record)).toBe('completed');
    expect(record.drain).toMatchObject({ drained: false });
    // The savepoint committed all of it.
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
    const [seen, stops] = (
      await querySql(
        dir,
        `SELECT count(*) FILTER (c.seen_ms > m.at_ms), count(DISTINCT m.at_ms)
         FROM sightings s JOIN commits c USING (table_name, snapshot_id), milestones m
         WHERE m.name = 'stop'`,
      )
    ).rows[0] as unknown[];
    expect(Number(seen)).toBeGreaterThan(0);
    expect(Number(stops)).toBe(1);
    for (const stream of ['pos', 'inventory']) {
      const of = (name: string) =>
        record.metrics.find(
          (one) => one.name === name && one.of === stream && one.phase === 'load',
        );
      const n = of('staleness')?.n as number;
      expect(n, stream).toBeGreaterThan(0);
      expect(of('staleness')).toMatchObject({ censored: n, stats: { p50: null, max: null } });
      expect(of('never_visible')).toMatchObject({ value: n });
    }
  });

  test('events removed behind the broker are counted lost', async () => {
    const busy = ['phases.load.for=20s', 'traffic.pos.receipts=7200/store/h'];
    const here = world(busy, TWO_STREAMS);
    const manager = stack.processes().find(({ server }) => server === 'flink-taskmanager');
    let removed = 0;
    let removing: Promise<void> | undefined;
    const remove = async () => {
      await using admin = await openKafkaAdmin(stack.endpoints.kafka);
      const pos = topicOf(placeOf(readRecord(runIn(join(here.dir, 'results')) as string)), 'pos');
      // Flink is held still while receipts pile up, so that what is removed was not read.
      process.kill(manager?.pid as number, 'SIGSTOP');
      try {
        const before = sizeOf(await admin.logs(pos));
        let after = await admin.logs(pos);
        // Its open requests get what comes first: enough has to come later, and not all at once.
        for (let grown = 0, waited = 0; grown < 5 || removed - before < 30; waited += 200) {
          if (waited > 10_000) throw new Error(`only ${removed - before} receipts in 10 s`);
          await clock.sleep(200);
          after = await admin.logs(pos);
          if (sizeOf(after) > removed) grown += 1;
          removed = sizeOf(after);
        }
        await removeBefore(pos, after);
      } finally {
        process.kill(manager?.pid as number, 'SIGCONT');
      }
    };
    const { record } = await here.run({
      onEvent: ({ kind }) => {
        if (kind !== 'phase-begin') return;
        removing = clock.sleep(5_000).then(remove);
        // It is awaited below; until then a failure is not unheard of.
        removing.catch(() => {});
      },
    });
    await removing;
    expect(endOf(record)).toBe('completed');
    expect(record.truth?.lost, `of ${removed} removed`).toBeGreaterThan(0);
    expect(record.truth?.lost).toBeLessThanOrEqual(removed);
    expect(record.verdict).toBe('FAIL');
    expect(record.exitCode).toBe(4);
    expect(record.checks).toMatchObject([{ text: 'lost == 0', verdict: 'FAIL' }]);
  });
});
