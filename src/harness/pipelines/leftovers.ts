import { badInput } from '../../core/errors.ts';
import { connectRest } from '../clients/connect-rest.ts';
import { flinkRest, hasEnded } from '../clients/flink-rest.ts';
import { listNamespaces, openCatalog } from '../clients/iceberg.ts';
import { openKafkaAdmin } from '../clients/kafka-admin.ts';
import { namesInDatabase } from '../clients/replication.ts';
import { markOf, startOfMark } from '../run-namespace.ts';
import type { ServerName } from '../stack/stack.ts';
import { type Removed, type RemoveOptions, removeNamed } from './remove.ts';

/** What a run, or a distributed load, has left on a shared stack. Everything in it is found by its names alone. */
export interface Leftover {
  /** Its names begin with this: prefix, start, id. */
  readonly mark: string;
  /** By the clock of the machine that started it, epoch ms; null for a distributed load, whose name has no time. */
  readonly startedMs: number | null;
  /** Jobs that have not ended, and connectors. */
  readonly jobs: readonly string[];
  readonly topics: readonly string[];
  readonly groups: readonly string[];
  readonly namespaces: readonly string[];
  readonly tables: readonly string[];
  /** Replication slots, for which the database keeps its log, and schemas of the stores' tables. */
  readonly slots: readonly string[];
  readonly schemas: readonly string[];
  /** Whether it has begun, or a message was appended to a topic of it, within `QUIET_MS`: it may be running. */
  readonly recent: boolean;
}

/**
 * A run sends canaries and receipts all the time, but for its draining and judging, which take minutes: after this long without
 * a message it is not running, ms.
 */
export const QUIET_MS = 15 * 60_000;

interface FindOptions extends RemoveOptions {
  /** Prefix of the names of all runs there. */
  readonly prefix: string;
  /** Ids of distributed loads that are searched as well: their names have no pattern of their own. */
  readonly loads: readonly string[];
}

/** Finds what runs have left, the oldest first. */
export async function findLeftovers(options: FindOptions): Promise<readonly Leftover[]> {
  const { endpoints, servers, clock, signal, prefix, loads } = options;
  const markIn = (name: string) => markOf(name, prefix, loads);
  await using admin = await openKafkaAdmin(endpoints.kafka);
  const { topics, groups } = await admin.names(prefix);
  const has = (server: ServerName) => servers?.includes(server) ?? true;
  const all = has('flink-jobmanager')
    ? await flinkRest(endpoints.flink.rest, clock).jobs(signal)
    : [];
  const connectors =
    endpoints.connect === null
      ? []
      : await connectRest(endpoints.connect.rest, clock).statuses(signal);
  const jobs = [...all.filter((job) => !hasEnded(job)), ...connectors];
  const namespaces = has('catalog') ? await listNamespaces(endpoints.catalog, signal) : [];
  const { slots, schemas } =
    endpoints.postgres === null
      ? { slots: [], schemas: [] }
      : await namesInDatabase(endpoints.postgres, `${prefix}_`);
  const jobNames = jobs.map(({ name }) => name);
  const named = [...topics, ...groups, ...jobNames, ...namespaces, ...slots, ...schemas];
  requireOneLoad([...topics, ...jobNames], options);
  const marks = new Set(named.map(markIn).filter((mark) => mark !== null));
  const found: Leftover[] = [];
  for (const mark of marks) {
    const own = (names: readonly string[]) => names.filter((name) => markIn(name) === mark);
    const startedMs = startOfMark(mark, prefix);
    const sinceMs = clock.nowMs() - QUIET_MS;
    const tables: string[] = [];
    for (const namespace of own(namespaces)) {
      const inside = await openCatalog(endpoints.catalog, namespace).tables(signal);
      tables.push(...inside.map((table) => `${namespace}.${table}`));
    }
    const begun = startedMs !== null && startedMs > sinceMs;
    found.push({
      ...{ mark, startedMs, jobs: own(jobNames), topics: own(topics), groups: own(groups) },
      ...{ namespaces: own(namespaces), tables, slots: own(slots), schemas: own(schemas) },
      recent: begun || (await writtenSince(own(topics), admin, sinceMs)),
    });
  }
  return found.toSorted(
    (a, b) => (a.startedMs ?? 0) - (b.startedMs ?? 0) || (a.mark < b.mark ? -1 : 1),
  );
}

/**
 * Throws DoorbusterError (exit 2) for a load whose id begins the id of another one: their names cannot be distinguished.
 * Names of streams have no `_`.
 */
function requireOneLoad(
  topicsAndJobs: readonly string[],
  { prefix, loads }: Pick<FindOptions, 'prefix' | 'loads'>,
): void {
  for (const load of loads) {
    const mark = `${prefix}_${load}_`;
    const other = topicsAndJobs.find(
      (name) => name.startsWith(mark) && name.slice(mark.length).includes('_'),
    );
    if (other === undefined) continue;
    throw badInput(
      `${other} begins with ${mark}, and may be of another load`,
      'remove by hand what is certainly of this one',
    );
  }
}

async function writtenSince(
  topics: readonly string[],
  admin: Pick<Awaited<ReturnType<typeof openKafkaAdmin>>, 'writtenSince'>,
  sinceMs: number,
): Promise<boolean> {
  for (const topic of topics) if (await admin.writtenSince(topic, sinceMs)) return true;
  return false;
}

/** Removes what was found: jobs first, which would write again; then topics, groups, tables with their files, namespaces. */
export async function removeLeftover(
  { mark, namespaces }: Leftover,
  options: RemoveOptions,
): Promise<Removed> {
  return removeNamed({ topicPrefix: mark, namespaces }, options);
}
