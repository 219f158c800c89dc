import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Layout } from '../../record/record.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { openReader } from '../clients/duckdb-reader.ts';
import { openKafkaAdmin } from '../clients/kafka-admin.ts';
import { takeIn } from '../load/take-in.ts';
import { type AppendedLog, appendedLogs } from '../truth/appended.ts';
import { type Extent, noneRead, readTables } from '../truth/read-tables.ts';
import { reasonOf } from '../truth/reason.ts';
import { sparkCopies } from '../truth/spark-copy.ts';
import type { TablesUnderTest } from '../truth/tables-under-test.ts';
import type { Session } from './trial-context.ts';

/**
 * What a run came to besides its facts, once nothing is sent any more: with both, everything in its record
 * can be computed, also elsewhere and later. JSON holds all of it. Moments are epoch ms.
 */
export interface Observed
  extends Pick<Session['progress'], 'phases' | 'incidents' | 'drains' | 'compaction'> {
  readonly completed: boolean;
  readonly t0Ms: number;
  /** Nothing due at or after this offset from t0 was sent, ms; null of a run that was cut short. */
  readonly cutMs: number | null;
  /** The last look at the tables: what was not visible by then never was. */
  readonly endedMs: number;
  readonly cores: number;
  /** Widest gap between the wall clock and the monotonic one, ms. */
  readonly clockApartMs: number;
  /** What every partition held in the end; null when nobody could look. */
  readonly logs: readonly AppendedLog[] | null;
  /** Copies of the tables, in `tablesDir`; null of a run that was cut short. */
  readonly tables: TablesUnderTest | null;
  readonly tablesDir: string;
  readonly bucket: Layout['bucket'];
  /** What is missing from the facts, in sentences. */
  readonly missing: readonly string[];
}

/**
 * Ends the load, takes what it has written down into the facts, and looks at Kafka, the tables and the
 * bucket for the last time. `tablesDir` gets the copies of the tables.
 */
export async function observe(
  session: Session,
  { completed, tablesDir }: { readonly completed: boolean; readonly tablesDir: string },
): Promise<Observed> {
  const { load, facts, options, progress, journal } = session;
  const result = completed ? await load.finish() : await load.abort();
  const missing = [...(await takeIn(facts, result))];
  for (const text of missing) journal.note('facts-missing', { text });
  progress.endedMs ??= options.clock.nowMs();
  journal.note('step', { text: 'judging' });
  return {
    completed,
    t0Ms: progress.t0Ms as number,
    cutMs: progress.cutMs,
    endedMs: progress.endedMs,
    cores: availableParallelism(),
    clockApartMs: session.clockApartMs(),
    phases: progress.phases,
    incidents: progress.incidents,
    drains: progress.drains,
    compaction: progress.compaction,
    logs: completed ? await logsOrIncident(session) : null,
    // Before any table is copied: a copy in the bucket is no orphan of the pipeline's.
    bucket: completed ? await bucketOrMissing(session, missing) : null,
    tables: completed ? await copiedTables(session, tablesDir) : null,
    tablesDir,
    missing,
  };
}

/** Without a count of the logs nobody knows whether they hold what was acknowledged: the run is INVALID. */
async function logsOrIncident(session: Session): Promise<readonly AppendedLog[] | null> {
  try {
    return await logsOf(session);
  } catch (error) {
    const fact = `the logs could not be counted: ${reasonOf(error)}`;
    session.progress.incidents.push({
      ...{ atMs: session.options.clock.nowMs(), probe: 'logs', fact },
      ...{ rule: 'acknowledged is appended', limit: 'every partition counted' },
    });
    return null;
  }
}

async function bucketOrMissing(session: Session, missing: string[]): Promise<Layout['bucket']> {
  try {
    return await listedBucket(session);
  } catch (error) {
    missing.push(
      `the bucket could not be listed, so orphan files are not known: ${reasonOf(error)}`,
    );
    return null;
  }
}

async function listedBucket({ probes, journal }: Session): Promise<Layout['bucket']> {
  const { orphanKeys, ...listing } = await probes.layout.bucket();
  if (orphanKeys.length > 0) journal.note('orphans', { keys: orphanKeys });
  return listing;
}

async function logsOf({ stack, pipeline, scenario }: Session): Promise<readonly AppendedLog[]> {
  await using admin = await openKafkaAdmin(stack.endpoints.kafka.brokers);
  const streams = STREAMS.filter((stream) => scenario.traffic[stream] !== null);
  return await appendedLogs(admin, pipeline.place, streams);
}

/** What the tables hold in the end, as the layout probe listed their files. */
async function extentsOf(facts: Session['facts']): Promise<ReadonlyMap<string, Extent>> {
  const rows = await facts.rows<Extent & { table: string }>(`
    SELECT table_name AS "table",
      coalesce(sum(rows) FILTER (content = 'data'), 0)::DOUBLE AS rows,
      coalesce(sum(rows) FILTER (content = 'equality_delete'), 0)::DOUBLE AS "deletedKeys"
    FROM files WHERE mark = 'end' GROUP BY table_name`);
  return new Map(rows.map(({ table, ...extent }) => [table, extent]));
}

/** Copies for the oracles. What cannot be read is not judged; whatever was measured stands. */
async function copiedTables(session: Session, dir: string): Promise<TablesUnderTest> {
  const { stack, options, scenario, pipeline } = session;
  const streams = STREAMS.filter((stream) => scenario.traffic[stream] !== null);
  try {
    await mkdir(dir, { recursive: true });
    await using reader = await openReader(stack.endpoints, options.artifacts.duckdbExtensions, {
      clock: options.clock,
      threads: availableParallelism(),
      memoryMb: 4096,
    });
    // Awaited here, since the reader is closed on the way out.
    return await readTables(reader, pipeline, streams, {
      dir,
      second: sparkCopies({
        ...{ stack, namespace: pipeline.place.namespace, signal: session.signal },
        logDir: join(session.folder.dir, 'logs'),
        onLeftBehind: (table, reason) =>
          session.journal.note('copy-left-behind', { table, reason }),
      }),
      extents: await extentsOf(session.facts),
      onFailure(failure) {
        session.journal.note('oracle-read-failed', failure);
        const { table, engine } = failure;
        options.onEvent({
          kind: 'step',
          text: `${engine} could not read ${table} for the oracles`,
        });
      },
    });
  } catch (error) {
    return noneRead(pipeline.manifest, streams, error);
  }
}
