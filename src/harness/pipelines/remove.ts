import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { batchesFolder } from '../batches/batch-log.ts';
import { lakeFolder } from '../batches/lake.ts';
import { connectRest } from '../clients/connect-rest.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { flinkRest, hasEnded } from '../clients/flink-rest.ts';
import { removeView } from '../clients/hot-view.ts';
import { type Catalog, openCatalog } from '../clients/iceberg.ts';
import { type KafkaAdmin, openKafkaAdmin } from '../clients/kafka-admin.ts';
import { openRedis } from '../clients/redis.ts';
import { removeFromDatabase } from '../clients/replication.ts';
import { type Bucket, openBucket } from '../clients/s3.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { ServerName, Stack } from '../stack/stack.ts';

export interface RemoveOptions {
  readonly endpoints: Endpoints;
  /** The servers of the stack; null: external clusters, which are taken to have all. */
  readonly servers: Stack['servers'];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What was found in a namespace and removed. */
export interface Removed {
  readonly jobs: number;
  readonly topics: number;
  readonly tables: number;
  /** Files in the tables' folders, left by a catalog that drops a table without its files, and those of tables without one. */
  readonly objects: number;
}

const POLL_MS = 200;
const CANCELLED_WITHIN_MS = 60_000;
/** Longest wait for the tasks of removed connectors, ms; without it, their groups remain until Kafka removes them. */
const LEFT_WITHIN_MS = 20_000;

/**
 * Removes everything that a run created in its isolated namespace on a stack: running jobs and connectors, what it has in the
 * stores' database, topics and consumer groups, tables with all their files, views in memory, the namespace itself. It finds them by name, and so also removes leftovers of a
 * killed run. Refuses a namespace that is not isolated, whose names other runs may use.
 */
export async function removeAll(place: RunNamespace, options: RemoveOptions): Promise<Removed> {
  if (!place.apart) throw new Error('a run removes only an isolated namespace');
  return removeNamed({ topicPrefix: place.topicPrefix, namespaces: [place.namespace] }, options);
}

/** Names of everything that is removed: those that begin with the prefix, and the namespaces. */
interface Names {
  readonly topicPrefix: string;
  readonly namespaces: readonly string[];
}

/** As `removeAll`, for names that the caller knows to be those of one run. */
export async function removeNamed(names: Names, options: RemoveOptions): Promise<Removed> {
  const has = (server: ServerName) => options.servers?.includes(server) ?? true;
  const cancelled = has('flink-jobmanager') ? await cancelJobs(names, options) : 0;
  const connectors = await removeConnectors(names, options);
  const jobs = cancelled + connectors;
  await using admin = await openKafkaAdmin(options.endpoints.kafka);
  if (connectors > 0) await allLeft(admin, names, options);
  const { postgres } = options.endpoints;
  if (postgres !== null) await removeFromDatabase(postgres, names.topicPrefix, options);
  const topics = await admin.removeAll(names.topicPrefix);
  using bucket = openBucket(options.endpoints.s3);
  let [tables, objects] = [0, 0];
  for (const namespace of names.namespaces) {
    const none = { tables: 0, objects: 0 };
    const dropped = has('catalog') ? await dropTables(namespace, options) : none;
    await removeViews(namespace, options);
    tables += dropped.tables;
    objects += dropped.objects;
    for (const folder of [batchesFolder(namespace), lakeFolder(namespace)]) {
      objects += await bucket.removeAll(folder);
    }
  }
  return { jobs, topics: topics.length, tables, objects };
}

/** Connectors would write again, as jobs would. */
async function removeConnectors(
  { topicPrefix }: Names,
  { endpoints, clock, signal }: RemoveOptions,
): Promise<number> {
  if (endpoints.connect === null) return 0;
  const rest = connectRest(endpoints.connect.rest, clock);
  const names = (await rest.statuses(signal)).map(({ name }) => name);
  const own = names.filter((name) => name.startsWith(topicPrefix));
  for (const name of own) await rest.remove(name, signal);
  return own.length;
}

/**
 * Connect confirms the removal of a connector before its tasks have stopped. A task closes its file while it stops, and
 * its group cannot be removed before it has left.
 */
async function allLeft(
  admin: Pick<KafkaAdmin, 'hasMembers'>,
  { topicPrefix }: Names,
  { clock, signal }: RemoveOptions,
): Promise<void> {
  const startedMs = clock.monotonicMs();
  while (await admin.hasMembers(topicPrefix)) {
    // A worker that hangs, or was killed: Kafka counts its tasks as members for a while.
    if (clock.monotonicMs() - startedMs > LEFT_WITHIN_MS) return;
    await clock.sleep(POLL_MS, signal);
  }
}

async function removeViews(namespace: string, { endpoints }: RemoveOptions): Promise<void> {
  if (endpoints.redis === null) return;
  const redis = await openRedis(endpoints.redis);
  try {
    await removeView(redis, `${namespace}.*`);
  } finally {
    redis.close();
  }
}

async function cancelJobs(
  { topicPrefix }: Names,
  { endpoints, clock, signal }: RemoveOptions,
): Promise<number> {
  const rest = flinkRest(endpoints.flink.rest, clock);
  const running = async () =>
    (await rest.jobs(signal)).filter((job) => job.name.startsWith(topicPrefix) && !hasEnded(job));
  const found = await running();
  await Promise.all(found.map(({ jobId }) => rest.cancel(jobId, signal)));
  const startedMs = clock.monotonicMs();
  // A running job would write its files again.
  while ((await running()).length > 0) {
    if (clock.monotonicMs() - startedMs > CANCELLED_WITHIN_MS) {
      throw stackBroke(
        `Flink has not cancelled the jobs ${topicPrefix}* within ${CANCELLED_WITHIN_MS / 1_000} s`,
        `curl ${endpoints.flink.rest}/jobs/overview`,
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
  return found.length;
}

async function dropTables(
  namespace: string,
  { endpoints, signal }: RemoveOptions,
): Promise<Pick<Removed, 'tables' | 'objects'>> {
  const catalog = openCatalog(endpoints.catalog, namespace);
  using bucket = openBucket(endpoints.s3);
  const names = await catalog.tables(signal);
  let objects = 0;
  for (const name of names) objects += await dropTable(name, { catalog, bucket, signal });
  await catalog.dropNamespace(signal);
  return { tables: names.length, objects };
}

/** Drops a table and removes its folder; returns the number of files that the catalog had left there. */
async function dropTable(
  name: string,
  {
    catalog,
    bucket,
    signal,
  }: {
    readonly catalog: Pick<Catalog, 'load' | 'drop'>;
    readonly bucket: Pick<Bucket, 'removeAll'>;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const table = await catalog.load(name, { snapshots: 'refs', signal });
  await catalog.drop(name, signal);
  return table === null
    ? 0
    : await bucket.removeAll(`${table.table().location.replace(/\/$/, '')}/`);
}
