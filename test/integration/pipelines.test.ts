// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the pipelines stay as they are

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { DoorbusterError } from '../../src/core/errors.ts';
import type { Connection, Database } from '../../src/harness/clients/duckdb.ts';
import { openLakehouse as openDuckdbLakehouse } from '../../src/harness/clients/duckdb-lakehouse.ts';
import type { RedisAddress } from '../../src/harness/clients/endpoints.ts';
import { versionsIn } from '../../src/harness/clients/hot-view.ts';
import { openCatalog } from '../../src/harness/clients/iceberg.ts';
import { kafkaClient } from '../../src/harness/clients/kafka-admin.ts';
import { openRedis } from '../../src/harness/clients/redis.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { openSqlSession } from '../../src/harness/clients/sql-gateway.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { openFacts } from '../../src/harness/facts.ts';
import type { CompactionResult } from '../../src/harness/pipelines/compactions/compaction.ts';
import { compact } from '../../src/harness/pipelines/compactions/compactions.ts';
import { type Deployment, deploy } from '../../src/harness/pipelines/deployment.ts';
import { inNamespace, loadPipeline, type RunPipeline } from '../../src/harness/pipelines/load.ts';
import { topicOf } from '../../src/harness/run-namespace.ts';
import { openVisibility } from '../../src/harness/visibility/sources.ts';
import {
  MALFORMED_KINDS,
  type PipelineUse,
  type Scenario,
  STREAMS,
  type Stream,
} from '../../src/scenario/scenario.ts';
import type { Dataset } from '../../src/topology/dataset.ts';
import { compactionContract } from '../contracts/compaction.ts';
import { type Lakehouse, openLakehouse } from './support/lakehouse.ts';
import { EXPECTED, LOCAL_TIME, QUERY_VALUES, sendTraps } from './support/traps.ts';
import { bytes, damaged, event, type Fields, image } from './support/wire.ts';

/** Products that the view keeps from the start. */
const HOT = [11];

/** A pipeline on a stack of its own, with a DuckDB to look at what it wrote. */
interface World extends AsyncDisposable {
  readonly lake: Lakehouse;
  readonly pipeline: RunPipeline;
  readonly deployment: Deployment;
  readonly scenario: Pick<Scenario, 'pipeline' | 'stack' | 'traffic'>;
  readonly duck: Connection;
  send(stream: Stream, values: readonly (Fields | Buffer | null)[]): Promise<void>;
}

async function world(use: string, over: Partial<PipelineUse> = {}): Promise<World> {
  const lake = await openLakehouse('pipelines', 1_000);
  const workDir = mkdtempSync(join(tmpdir(), 'doorbuster-world-'));
  const undo: (() => unknown)[] = [() => rmSync(workDir, { recursive: true }), () => lake.leave()];
  const dispose = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const pipeline = inNamespace(loadPipeline(use, packageRoot), lake.place);
    const scenario = {
      pipeline: {
        use,
        commitEveryMs: 1_000,
        format: 2,
        parallelism: 1,
        compaction: { by: 'none' },
        ...over,
      },
      stack: { partitions: 2 },
      // Which streams are on is all that a deployment reads of the traffic.
      traffic: Object.fromEntries(STREAMS.map((stream) => [stream, {}])),
    } as unknown as World['scenario'];
    const { signal } = new AbortController();
    const deployment = await deploy(pipeline, {
      ...{ stack: lake.stack, scenario, clock, signal },
      extensions: lake.artifacts.duckdbExtensions,
      hotProducts: () => HOT,
      ...{ workDir, logDir: workDir },
    });
    undo.push(() => deployment[Symbol.asyncDispose]());
    const database = await openDuck(lake);
    undo.push(() => database.close());
    const duck = await database.connect();
    undo.push(() => duck.close());
    const producer = kafkaClient(lake.stack.endpoints.kafka, 'test').producer({
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    undo.push(() => producer.disconnect());
    const send: World['send'] = async (stream, values) => {
      const messages = values.map((value) => ({
        key: '1',
        partition: 0,
        value: value === null || Buffer.isBuffer(value) ? value : bytes(value as Fields),
      }));
      await producer.send({ topic: topicOf(lake.place, stream), acks: -1, messages });
    };
    return { lake, pipeline, deployment, scenario, duck, send, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function openDuck(lake: Lakehouse): Promise<Database> {
  const limits = { memoryMb: 1_024, threads: 1 };
  const { stack, artifacts } = lake;
  const { database, connection } = await openDuckdbLakehouse(
    stack.endpoints,
    artifacts.duckdbExtensions,
    limits,
  );
  connection.close();
  return database;
}

/** Asks until it is so, or fails with the last answer. */
async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const deadline = clock.monotonicMs() + 120_000;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (clock.monotonicMs() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
    await clock.sleep(500);
  }
}

async function count({ duck, lake }: World, where: string): Promise<number> {
  const [row] = await duck.rows<{ n: number }>(`SELECT count(*) AS n FROM ${lake.table(where)}`);
  return row?.n ?? 0;
}

/** Sends a marker behind everything else in these streams and waits until the tables show it. */
async function settled(w: World, id: string, streams: readonly Stream[] = STREAMS): Promise<void> {
  for (const stream of streams) {
    const marker =
      stream === 'inventory'
        ? image({ store: 0, sku: id.length, version: 1, onHand: 0 }, id)
        : event(stream, id, 0);
    await w.send(stream, [marker]);
    await w.send(stream, [bytes({ event_id: `${id}-bad` }).subarray(0, -1)]);
  }
  for (const stream of streams) {
    const table = w.pipeline.manifest.datasets.find(({ carries }) => carries === stream)?.name;
    await until(
      () => count(w, `${table} WHERE event_id = '${id}'`),
      (n) => n === 1,
    );
  }
  await until(
    () => count(w, `dead_letter WHERE contains(payload::VARCHAR, '${id}-bad')`),
    (n) => n === streams.length,
  );
}

/** Every query's rows. */
async function answers(
  w: World,
  values: Readonly<Record<keyof typeof QUERY_VALUES, number>> = QUERY_VALUES,
): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const { name, sql, parameters } of w.pipeline.queries) {
    const given = Object.fromEntries(parameters.map((one) => [one, values[one]]));
    all[name] = await plain(w, sql.replace(/;\s*$/, ''), given);
  }
  return all;
}

/** Rows with every integer as a number. */
async function plain(
  w: World,
  sql: string,
  values: Readonly<Record<string, number>> = {},
): Promise<unknown> {
  const rows = await w.duck.rows(sql, values);
  return JSON.parse(
    JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
  );
}

describe.each(['cdc-upsert', 'append-ledger'])('%s', (name) => {
  let w: World;
  beforeAll(async () => {
    w = await world(name, {
      compaction: name === 'cdc-upsert' ? { by: 'spark' } : { by: 'flink', everyMs: 2_000 },
    });
  });
  afterAll(() => w?.[Symbol.asyncDispose]());

  test('the plans: append sinks take inserts only, nothing is materialized, records are parsed once', async () => {
    const plans = await w.deployment.explain();
    expect(plans.map((plan) => plan.name)).toEqual([...STREAMS]);
    for (const { name: stream, plan } of plans) {
      expect(plan).not.toContain('upsertMaterialize');
      const [, physical = '', run = ''] = plan.split(/^== Optimized \w+ Plan ==$/m);
      const semantics = w.pipeline.manifest.datasets.find(
        ({ carries }) => carries === stream,
      )?.semantics;
      for (const sink of physical.split(/^Sink\(/m).slice(1)) {
        const feeding = sink.split('\n')[1] ?? '';
        const changes = /changelogMode=\[([^\]]*)\]/.exec(feeding)?.[1];
        if (semantics === 'upsert' && sink.includes(`${w.lake.table(stream)}]`)) {
          expect(changes, stream).toMatch(/^I,U/);
        } else {
          expect(changes, `${stream}: ${feeding.slice(0, 80)}`).toBe('I');
        }
      }
      expect(run.match(/\bread_record\(/g), stream).toHaveLength(1);
      expect(run, stream).not.toContain('JSON_VALUE(');
    }
  });

  test('good records arrive typed, once; damaged ones go aside with their reason', async () => {
    await sendTraps(w);
    const reasons: { topic: string; reason: string }[] = [];
    for (const stream of STREAMS) {
      for (const kind of MALFORMED_KINDS) {
        const { value, reason } = damaged(stream, kind);
        await w.send(stream, [value]);
        reasons.push({ topic: stream, reason });
      }
      await w.send(stream, [null]);
      reasons.push({ topic: stream, reason: 'tombstone' });
    }
    await w.send('pos', [
      event('pos', 'no-sku', 1, {
        lines: [{ quantity: 1, unit_price_cents: 1, extended_cents: 1 }],
      }),
    ]);
    reasons.push({ topic: 'pos', reason: 'missing_key:lines[*].sku_id' });
    await settled(w, 'marker-a');

    const refused = await w.duck.rows<{ topic: string; reason: string }>(
      `SELECT topic, reason FROM ${w.lake.table('dead_letter')}
       WHERE payload IS NULL OR NOT contains(payload::VARCHAR, 'marker-')`,
    );
    const sorted = (list: { topic: string; reason: string }[]) =>
      list.map(({ topic, reason }) => `${topic} ${reason}`).sort();
    expect(sorted(refused)).toEqual(sorted(reasons));
    const [kept] = await w.duck.rows<{ hex: string }>(
      `SELECT hex(payload) AS hex FROM ${w.lake.table('dead_letter')} WHERE topic = 'pos' AND reason = 'bad_utf8'`,
    );
    expect(kept?.hex.toLowerCase()).toBe(damaged('pos', 'bad_utf8').value.toString('hex'));

    for (const stream of ['pos', 'wms', 'cart', 'loyalty'] as const) {
      const rows = await w.duck.rows<Record<string, unknown>>(
        `SELECT event_id, event_type, kafka_ms, flink_ms, occurred_ms, due_ms
         FROM ${w.lake.table(stream)} WHERE store_id > 0 AND event_id LIKE '${stream}-%'
         AND event_id NOT IN ('pos-return', 'pos-no-lines') ORDER BY event_id`,
      );
      expect(rows.map((row) => row.event_id)).toEqual(
        ['1', '2', 'ahead'].map((n) => `${stream}-${n}`),
      );
      expect(rows[1]?.event_type).toBe(`${stream}.test`);
      for (const row of rows) {
        const [kafkaMs, flinkMs] = [Number(row.kafka_ms), Number(row.flink_ms)];
        expect(kafkaMs).toBeGreaterThan(clock.nowMs() - 600_000);
        expect(flinkMs).toBeGreaterThanOrEqual(kafkaMs);
        expect(flinkMs).toBeLessThanOrEqual(clock.nowMs());
        expect(Number(row.due_ms) - Number(row.occurred_ms)).toBe(5);
      }
    }
    const [receipt] = await w.duck.rows(
      `SELECT store_id, terminal_id, total_cents, customer_id, line_sku_ids, line_quantities,
         line_unit_price_cents, line_extended_cents FROM ${w.lake.table('pos')} WHERE event_id = 'pos-1'`,
    );
    expect(receipt).toMatchObject({
      store_id: 1,
      terminal_id: 3,
      total_cents: 1_500,
      customer_id: null,
      line_sku_ids: [11, 12],
      line_quantities: [2, 1],
    });
  });

  test('every query answers what the records say', async () => {
    expect(await answers(w)).toEqual(EXPECTED);
  });

  test('a drifted record is a row with its numbers, those of its lines too', async () => {
    expect(
      await plain(
        w,
        `SELECT total_cents, terminal_id, training, local_time, line_sku_ids, line_quantities,
           line_unit_price_cents, line_extended_cents
         FROM ${w.lake.table('pos')} WHERE event_id = 'drifted-pos'`,
      ),
    ).toEqual([
      {
        ...{ total_cents: 1_999, terminal_id: 3, training: false, local_time: null },
        ...{ line_sku_ids: [11, 13], line_quantities: [3, -1] },
        ...{ line_unit_price_cents: [500, 499], line_extended_cents: [1_500, -499] },
      },
    ]);
    const one = (columns: string, stream: Stream) =>
      plain(
        w,
        `SELECT ${columns} FROM ${w.lake.table(stream)} WHERE event_id = 'drifted-${stream}'`,
      );
    expect(await one('quantity', 'wms')).toEqual([{ quantity: -7 }]);
    expect(await one('points', 'loyalty')).toEqual([{ points: -40 }]);
    expect(
      await one('value_cents, item_sku_ids, item_quantities, item_price_cents', 'cart'),
    ).toEqual([
      { value_cents: 1_234, item_sku_ids: [11], item_quantities: [2], item_price_cents: [617] },
    ]);
    expect(await one('store_id, sku_id, on_hand, version, deleted', 'inventory')).toEqual([
      { store_id: 4, sku_id: 13, on_hand: 6, version: 5, deleted: false },
    ]);
  });

  test('a training receipt is in the table, marked as one', async () => {
    const columns = 'training, local_time, total_cents';
    expect(
      await plain(w, `SELECT ${columns} FROM ${w.lake.table('pos')} WHERE event_id = 'training'`),
    ).toEqual([{ training: true, local_time: LOCAL_TIME, total_cents: 99_900 }]);
  });

  test('a deleted row is in no answer until a newer image lists it again', async () => {
    const key = { store: 5, sku: 21 };
    const listed = async () => {
      const all = await answers(w, { ...QUERY_VALUES, ...key });
      return [...(all['store-lookup'] as []), ...(all['store-page'] as [])].length;
    };
    const newest = () =>
      plain(
        w,
        `SELECT max(version) AS version, arg_max(deleted, version) AS deleted
         FROM ${w.lake.table('inventory')} WHERE store_id = ${key.store} AND sku_id = ${key.sku}`,
      );
    await w.send('inventory', [
      image({ ...key, version: 1, onHand: 2 }, 'list'),
      image({ ...key, version: 4, onHand: 2, deleted: true }, 'delist'),
      image({ ...key, version: 3, onHand: 3 }, 'older'),
    ]);
    await settled(w, 'marker-deleted', ['inventory']);
    expect(await newest()).toEqual([{ version: 4, deleted: true }]);
    expect(await listed()).toBe(0);
    expect(await answers(w)).toEqual(EXPECTED);

    await w.send('inventory', [image({ ...key, version: 5, onHand: 1 }, 'list-again')]);
    await settled(w, 'marker-listed-again', ['inventory']);
    expect(await newest()).toEqual([{ version: 5, deleted: false }]);
    expect(await listed()).toBe(2);
    expect((await answers(w))['low-stock']).toContainEqual({ store_id: 5, sku_id: 21, on_hand: 1 });

    await w.send('inventory', [
      image({ ...key, version: 6, onHand: 1, deleted: true }, 'delist-again'),
    ]);
    await settled(w, 'marker-deleted-again', ['inventory']);
    expect(await answers(w)).toEqual(EXPECTED);
  });

  if (name === 'cdc-upsert') spark(() => w);
  if (name === 'append-ledger') {
    inSink(() => w);
    losesATable(() => w);
  } else {
    drains(() => w);
  }
});

/** Snapshots of a table, as the catalog serves them. */
async function operations(w: World, table: string): Promise<readonly string[]> {
  const { uri } = w.lake.stack.endpoints.catalog;
  const answer = await fetch(`${uri}/v1/namespaces/${w.lake.place.namespace}/tables/${table}`);
  const { metadata } = (await answer.json()) as {
    metadata: { snapshots?: readonly { summary: { operation: string } }[] };
  };
  return (metadata.snapshots ?? []).map((snapshot) => snapshot.summary.operation);
}

/** Compaction in the sink needs no more slots than the job, and changes no answer. */
function inSink(current: () => World): void {
  test('the sink thins out its own files, and no other table', async () => {
    const w = current();
    let version = 100;
    const seen = await until(
      async () => {
        // Small files to rewrite: markers of store 0, which no query counts.
        const row = { store: 0, sku: 1, version: version++, onHand: 0 };
        await w.send('inventory', [image(row, `small-${version}`)]);
        return operations(w, 'inventory');
      },
      (all) => all.includes('replace'),
    );
    expect(seen.filter((one) => one !== 'append' && one !== 'replace')).toEqual([]);
    expect(await answers(w)).toEqual(EXPECTED);
    for (const table of ['pos', 'dead_letter']) {
      expect(new Set(await operations(w, table))).toEqual(new Set(['append']));
    }
  });
}

/** Stopping with a savepoint commits what was read. */
function drains(current: () => World): void {
  test('draining ends every job, and everything is still there', async () => {
    const w = current();
    const watching = w.deployment.watch(new AbortController().signal);
    await w.deployment.drain();
    await watching;
    expect(await answers(w)).toEqual(EXPECTED);
  });
}

/** A job that cannot commit is named with its innermost cause. */
function losesATable(current: () => World): void {
  test('a job whose table is gone is named, with its innermost cause', async () => {
    const w = current();
    const { catalog, flink, internal } = w.lake.stack.endpoints;
    await using sql = await openSqlSession(flink.gateway, {
      clock,
      signal: AbortSignal.timeout(60_000),
    });
    await sql.run(`CREATE CATALOG ice WITH ('type' = 'iceberg', 'catalog-type' = 'rest',
      'uri' = '${internal.catalog}', 'warehouse' = '${catalog.warehouse}')`);
    const watching = w.deployment.watch(AbortSignal.timeout(120_000));
    await sql.run(`DROP TABLE ${w.lake.table('loyalty')}`);
    await w.send('loyalty', [event('loyalty', 'after-the-end', 1)]);
    await expect(watching).rejects.toThrow(
      /Flink job loyalty .*(NoSuchTable|Table does not exist)/,
    );
  });
}

function spark(current: () => World): void {
  const sparks = () =>
    readdirSync('/proc').filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('SparkSQLCLIDriver');
      } catch {
        return false;
      }
    });

  test('Spark compacts during the running job, and changes no answer', async () => {
    const w = current();
    const { stack } = w.lake;
    const dir = mkdtempSync(join(tmpdir(), 'doorbuster-compact-'));
    const options = {
      stack,
      scenario: w.scenario,
      clock,
      logDir: dir,
    };
    try {
      const { manifest, place } = w.pipeline;
      const stock = manifest.datasets.find(({ name }) => name === 'inventory') as Dataset;
      const extensions = w.lake.artifacts.duckdbExtensions;
      await using facts = await openFacts();
      await using visibility = await openVisibility(
        { stack, extensions, place, facts, clock, t0Ms: () => 0 },
        [stock],
      );
      const signal = AbortSignal.timeout(540_000);
      let done: CompactionResult | undefined;
      const tables = [`${place.namespace}.inventory`];
      // A rewrite of the manifests could meet a commit of the job, and fail.
      const maintain = { actions: ['rewrite', 'orphans', 'expire'], tables } as const;
      await using planted = await plant(w);
      // As if a minute had passed: the age alone protects nothing any more.
      const later = { ...clock, nowMs: () => clock.nowMs() + 61_000 };
      const deletes = async () =>
        ((await visibility.files(stock, signal)) ?? [])
          .filter(({ content }) => content === 'equality_delete')
          .map(({ path }) => path);
      const deletesBefore = await deletes();
      await compactionContract({
        async compact() {
          done = await compact(w.pipeline, { ...options, clock: later, maintain, signal });
          return done;
        },
        shown: () => answers(w),
        files: async () => (await visibility.files(stock, signal)) ?? [],
      });
      expect(await answers(w)).toEqual(EXPECTED);
      // All rows are in new files, so that no delete applies any more. Those of the last commit are not known to be too old.
      const deletesLeft = await deletes();
      expect(deletesBefore.length).toBeGreaterThan(3);
      expect(deletesBefore.filter((path) => deletesLeft.includes(path)).length).toBeLessThan(2);
      expect(await planted.left()).toEqual(['data/young.parquet', '_by_store/data/old.parquet']);
      expect(done?.removedOrphans).toBeGreaterThanOrEqual(1);
      expect(done?.removedOrphanBytes).toBeGreaterThanOrEqual('old.parquet'.length);
      expect(done?.tables).toEqual(tables);
      expect(done?.steps.map(({ action }) => action)).toEqual(maintain.actions);
      for (const step of done?.steps ?? []) expect(step.endMs).toBeGreaterThan(step.startMs);
      // Each action has answered.
      const answered = done?.output.split('\n').filter((line) => /^\d+(?:\t\d+)+$/.test(line));
      expect(answered?.map((line) => line.split('\t').length)).toEqual([5, 6]);
      expect(done?.expiredFiles).toBeGreaterThan(0);
      const abort = new AbortController();
      const before = sparks();
      const stopped = compact(w.pipeline, { ...options, signal: abort.signal });
      // In a container it takes a moment to be there.
      const now = async () => sparks().filter((pid) => !before.includes(pid));
      await until(now, (started) => started.length > 0);
      abort.abort(new Error('enough'));
      await expect(stopped).rejects.toThrow('enough');
      await until(now, (left) => left.length === 0);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }, 600_000);
}

/**
 * Files that no metadata names, in the folder of the stock table and next to it: `old` is older than three commits of the
 * job, and `young` is as young as a file that the job has not committed yet.
 */
async function plant(w: World) {
  const { s3, catalog } = w.lake.stack.endpoints;
  const bucket = openBucket(s3);
  const table = (await openCatalog(catalog, w.lake.place.namespace).load('inventory'))?.table();
  const [old, young, sibling] = [
    '/data/old.parquet',
    '/data/young.parquet',
    '_by_store/data/old.parquet',
  ].map((path) => `${table?.location}${path}`) as [string, string, string];
  for (const path of [old, sibling]) await bucket.put(path, 'old.parquet');
  for (const id of ['marker-one', 'marker-two-', 'marker-three'])
    await settled(w, id, ['inventory']);
  await bucket.put(young, 'young.parquet');
  return {
    async left(): Promise<readonly string[]> {
      const sizes = await Promise.all([old, young, sibling].map((path) => bucket.size(path)));
      return [old, young, sibling]
        .filter((_, i) => sizes[i] !== null)
        .map((path) => path.slice(table?.location.length).replace(/^\//, ''));
    },
    async [Symbol.asyncDispose]() {
      for (const path of [old, young, sibling]) await bucket.remove(path);
      bucket.close();
    },
  };
}

describe('a folder of the user’s own, on format 3', () => {
  let w: World;
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-own-'));
  beforeAll(async () => {
    cpSync(join(packageRoot, 'pipelines', 'cdc-upsert'), join(dir, 'mine'), { recursive: true });
    // No checkpoint comes by itself: whatever is committed, draining has committed.
    w = await world(join(dir, 'mine'), { format: 3, commitEveryMs: 3_600_000 });
  });
  afterAll(async () => {
    await w?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  test('draining commits everything that was read', async () => {
    await sendTraps(w);
    const { rest } = w.lake.stack.endpoints.flink;
    // What each source hands on: every good record of sendTraps, copies included.
    const sent: Record<Stream, number> = { pos: 9, wms: 6, cart: 6, loyalty: 6, inventory: 13 };
    for (const { jobId, name } of w.deployment.jobs) {
      await until(
        async () => {
          const job = (await (await fetch(`${rest}/jobs/${jobId}`)).json()) as {
            vertices: { name: string; metrics: { 'write-records': number } }[];
          };
          return job.vertices.find((one) => one.name.startsWith('Source:'))?.metrics[
            'write-records'
          ];
        },
        (written) => (written ?? 0) >= sent[name],
      );
    }
    expect(await count(w, 'pos')).toBe(0);
    await w.deployment.drain();
    expect(await answers(w)).toEqual(EXPECTED);
    const metadata = await fetch(
      `${w.lake.stack.endpoints.catalog.uri}/v1/namespaces/${w.lake.place.namespace}/tables/inventory`,
    );
    const { metadata: table } = (await metadata.json()) as {
      metadata: { 'format-version': number };
    };
    expect(table['format-version']).toBe(3);
  });
});

describe('a statement that Flink refuses', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-refused-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  test.each([
    {
      what: 'of jobs.sql is named by its line',
      from: 'member_id, points, kind',
      to: 'member_id, pionts, kind',
      message: /^mine\/jobs\.sql:(\d+): .*pionts/s,
      hint: undefined,
    },
    {
      what: 'that is generated is named, and how to see it',
      from: "SET 'pipeline.name' = 'wms';",
      to: "CREATE TEMPORARY VIEW wms_raw AS SELECT 1 AS x;\nSET 'pipeline.name' = 'wms';",
      message: /^wms_fields \(generated\): .*payload/s,
      hint: `doorbuster explain ${join(dir, 'mine')} --sql shows it`,
    },
  ])('$what', async ({ from, to, message, hint }) => {
    const mine = join(dir, 'mine');
    cpSync(join(packageRoot, 'pipelines', 'cdc-upsert'), mine, { recursive: true });
    const jobs = readFileSync(join(mine, 'jobs.sql'), 'utf8');
    expect(jobs.split(from)).toHaveLength(2);
    writeFileSync(join(mine, 'jobs.sql'), jobs.replace(from, to));
    const error = await world(mine).then(
      () => null,
      (reason: DoorbusterError) => reason,
    );
    expect(error?.message).toMatch(message);
    expect(error).toMatchObject({ exitCode: 3, hint });
    const line = message.exec(error?.message ?? '')?.[1];
    if (line !== undefined) {
      expect(jobs.split('\n')[Number(line) - 1]).toBe('INSERT INTO ice.${namespace}.loyalty');
    }
  });
});

describe('hot-view', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-hot-'));
  beforeAll(() => {
    for (const name of ['cdc-upsert', 'hot-view']) {
      cpSync(join(packageRoot, 'pipelines', name), join(dir, name), { recursive: true });
    }
    const file = join(dir, 'hot-view', 'pipeline.yaml');
    const text = readFileSync(file, 'utf8');
    const often = text.replace('reconcile_every_ms: 15000', 'reconcile_every_ms: 1000');
    expect(often).not.toBe(text);
    writeFileSync(file, often);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('keeps the hot rows alone, and repairs from the table what Redis has lost or has too old', async () => {
    // Of the test: it drains the view, and an attempt after that would find none.
    await using w = await world(join(dir, 'hot-view'));
    const stock = (store: number, sku: number, version: number) =>
      image({ store, sku, version, onHand: version }, `${store}-${sku}-${version}`);
    await w.send('inventory', [stock(1, 11, 2), stock(1, 11, 1), stock(2, 11, 5), stock(1, 12, 1)]);
    await settled(w, 'marker-hot', ['inventory']);
    const redis = await openRedis(w.lake.stack.endpoints.redis as RedisAddress);
    const name = `${w.lake.place.namespace}.hot_stock`;
    const keys = ['1/11', '2/11', '3/11', '1/12'];
    const shown = () => versionsIn(redis, name, keys);
    await until(shown, (versions) => isDeepStrictEqual(versions, ['2', '5', null, null]));
    await redis.send(['DEL', `${name}:row:1/11`]);
    await redis.send(['HSET', `${name}:row:2/11`, 'version', '4']);
    await until(shown, ([first, second]) => first === '2' && second === '5');
    const row = String(await redis.send(['HGET', `${name}:row:1/11`, 'row']));
    expect(JSON.parse(row)).toMatchObject({ store_id: 1, sku_id: 11, version: 2, on_hand: 2 });
    await w.deployment.drain();
    expect(w.deployment.views()).toMatchObject([
      { name, unread: 0, filled: 1, repaired: 1, rebuilds: 0, products: 1 },
    ]);
    redis.close();
  });
});
