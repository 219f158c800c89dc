import { tmpdir } from 'node:os';
import { systemClock as clock } from '../../../src/core/clock.ts';
import { readAvro } from '../../../src/harness/clients/avro.ts';
import { openCatalog } from '../../../src/harness/clients/iceberg.ts';
import { openBucket } from '../../../src/harness/clients/s3.ts';
import { openSqlSession, type SqlSession } from '../../../src/harness/clients/sql-gateway.ts';
import { NO_USAGE } from '../../../src/harness/engines/engine.ts';
import { ENGINES } from '../../../src/harness/engines/engines.ts';
import { type Facts, openFacts } from '../../../src/harness/facts.ts';
import type { Incident, ProbeContext } from '../../../src/harness/probes/probe.ts';
import type { RunNamespace } from '../../../src/harness/run-namespace.ts';
import { type Artifacts, locateArtifacts } from '../../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../../src/harness/setup/cache.ts';
import { readLock } from '../../../src/harness/setup/lock.ts';
import type { Stack } from '../../../src/harness/stack/stack.ts';
import { openVisibility } from '../../../src/harness/visibility/sources.ts';
import { events, images, rejected } from '../../support/datasets.ts';
import { clearNamespace, joinSharedStack, testNamespace } from '../../support/shared-stack.ts';

/** Flink SQL on the shared stack, for tests that observe tables rather than Kafka. */
export interface Lakehouse {
  readonly stack: Stack;
  readonly artifacts: Artifacts;
  readonly sql: SqlSession;
  /** Prefix of its tables and jobs. */
  readonly place: RunNamespace;
  /** Name of a table in the SQL of Flink, Spark and DuckDB. */
  table(name: string): string;
  /** Removes everything that was created here, and leaves the stack up. */
  leave(): Promise<void>;
}

/** `name` distinguishes this test's tables from others: lower-case letters and `_`. */
export async function openLakehouse(name: string, checkpointEveryMs: number): Promise<Lakehouse> {
  const { stack } = await joinSharedStack();
  const place = testNamespace(name);
  const { signal } = new AbortController();
  const sql = await openSqlSession(stack.endpoints.flink.gateway, { clock, signal });
  const leave = async () => {
    await sql.close();
    await clearNamespace(place, stack);
    await stack[Symbol.asyncDispose]();
  };
  try {
    const { s3, catalog, internal } = stack.endpoints;
    await sql.run(`SET 'execution.checkpointing.interval' = '${checkpointEveryMs} ms'`);
    await sql.run(`SET 'pipeline.name' = '${place.topicPrefix}job'`);
    await sql.run(`CREATE CATALOG ice WITH ('type' = 'iceberg', 'catalog-type' = 'rest',
      'uri' = '${internal.catalog}', 'warehouse' = '${catalog.warehouse}',
      'io-impl' = 'org.apache.iceberg.aws.s3.S3FileIO', 's3.endpoint' = '${internal.s3}',
      's3.path-style-access' = 'true', 's3.access-key-id' = '${s3.accessKeyId}',
      's3.secret-access-key' = '${s3.secretAccessKey}', 'client.region' = '${s3.region}')`);
    await sql.run(`CREATE DATABASE IF NOT EXISTS ice.${place.namespace}`);
    return {
      ...{ stack, sql, place, leave },
      artifacts: locateArtifacts(defaultCacheDir(), readLock()),
      table: (table) => `ice.${place.namespace}.${table}`,
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Creates tables like those of the pipelines, each filled by a sequence so that every row is known. */
export async function createTables(
  { sql, table }: Lakehouse,
  mergeManifestsAt: number,
): Promise<void> {
  const stamps =
    'event_ts BIGINT, occurred_ms BIGINT, due_ms BIGINT, kafka_ms BIGINT, flink_ms BIGINT';
  const merging = `'format-version' = '2', 'commit.manifest.min-count-to-merge' = '${mergeManifestsAt}'`;
  await sql.run(`CREATE TABLE ${table('pos')} (event_id STRING, store_id INT, ${stamps})
    WITH (${merging})`);
  await sql.run(`CREATE TABLE ${table('inventory')} (event_id STRING, store_id INT NOT NULL,
      sku_id INT NOT NULL, on_hand INT, version BIGINT, deleted BOOLEAN, ${stamps},
      PRIMARY KEY (store_id, sku_id) NOT ENFORCED)
    WITH (${merging}, 'write.upsert.enabled' = 'true', 'write.distribution-mode' = 'hash')`);
  await sql.run(`CREATE TABLE ${table('dead_letter')} (topic STRING, part INT, kafka_offset BIGINT,
      reason STRING, payload BYTES, kafka_ms BIGINT, flink_ms BIGINT)
    WITH ('format-version' = '2')`);
}

interface ManifestEntry {
  readonly status: number;
  readonly sequence_number: bigint | null;
  readonly data_file: { readonly content: number; readonly record_count: bigint };
}

/** The snapshots of a table, and the files of its current one with what decides which deletes apply to which rows. */
export async function describeFiles({ stack, place }: Lakehouse, name: string): Promise<string> {
  using bucket = openBucket(stack.endpoints.s3);
  const table = (await openCatalog(stack.endpoints.catalog, place.namespace).load(name))?.table();
  const snapshots = table?.snapshots ?? [];
  const lines = snapshots.map(
    ({ sequenceNumber, operation, summary }) =>
      `${sequenceNumber} ${operation} ${JSON.stringify(summary)}`,
  );
  const current = snapshots.find(({ id }) => id === table?.currentSnapshotId);
  if (current === undefined) return lines.join('\n');
  const list = await readAvro<{ readonly manifest_path: string; readonly sequence_number: bigint }>(
    await bucket.get(current.manifestList),
  );
  for (const { manifest_path: path, sequence_number: inherited } of list) {
    for (const { status, sequence_number: own, data_file: file } of await readAvro<ManifestEntry>(
      await bucket.get(path),
    )) {
      const kind = ['data', 'position deletes', 'equality deletes'][file.content];
      const state = ['existing', 'added', 'deleted'][status];
      lines.push(
        `${kind} of sequence number ${own ?? inherited}, ${file.record_count} rows, ${state}`,
      );
    }
  }
  return lines.join('\n');
}

/** A probe's context for a real stack, with default values for what a test does not use. */
export async function probeContext(
  { stack, artifacts, place }: Lakehouse,
  over: Partial<ProbeContext> = {},
): Promise<ProbeContext & { readonly facts: Facts; readonly incidents: Incident[] }> {
  const incidents: Incident[] = [];
  const { namespace } = place;
  const read = { stack, namespace, extensions: artifacts.duckdbExtensions, logDir: tmpdir() };
  const facts = over.facts ?? (await openFacts());
  const datasets = over.datasets ?? [events('pos'), images('upsert'), rejected()];
  const t0Ms = over.t0Ms ?? (() => 0);
  return {
    store: stack.endpoints.s3,
    place,
    openReader: (limits) => ENGINES.duckdb.open(read, { ...limits, clock }),
    visibility: await openVisibility({ ...read, place, facts, clock, t0Ms }, datasets),
    facts,
    clock,
    signal: new AbortController().signal,
    scenario: {
      seed: 7,
      retail: {
        stores: 7,
        skus: 11,
        profile: 'grocery',
        assortment: 11,
        assortmentBy: 'popularity',
        storeSizeSigma: 0,
        timeZones: 'one',
        hours: 'flat',
        clocks: 'standard',
      },
      pipeline: {
        use: 'cdc-upsert',
        commitEveryMs: 300,
        format: 2,
        parallelism: 1,
        compaction: { by: 'none' },
      },
      queries: {
        everyMs: 200,
        timeoutMs: 20_000,
        roundSamples: 5,
        roundBudgetMs: 300,
        coldSamples: 3,
      },
      canaries: { perSecond: 2 },
    },
    datasets,
    queries: [],
    phase: () => 'test',
    t0Ms,
    processes: () => stack.processes(),
    queryEngine: () => NO_USAGE,
    sendCanary: () => Promise.reject(new Error('this test sends no canaries')),
    lookupKey: (draw) => ({ store: 1 + draw.integer(7), sku: 1 + draw.integer(11) }),
    underDeclaredFault: () => false,
    incident: (incident) => void incidents.push(incident),
    fail(cause) {
      throw cause;
    },
    incidents,
    ...over,
  };
}
