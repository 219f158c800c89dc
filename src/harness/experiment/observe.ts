import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { formatDuration } from '../../core/units.ts';
import type { Layout } from '../../record/record.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { observingEngine } from '../engines/engines.ts';
import { ingestFacts } from '../load/ingest-facts.ts';
import { addressOf } from '../load/targets/targets.ts';
import type { Observed } from '../outcome/observed.ts';
import type { Incident } from '../probes/probe.ts';
import { reasonOf } from '../reason.ts';
import { type AppendedLog, appendedLogs } from '../truth/appended.ts';
import { type Extent, noneRead, type Reading, readTables } from '../truth/read-tables.ts';
import type { TableCopies } from '../truth/tables-under-test.ts';
import type { Course } from './course.ts';
import type { Session } from './trial-context.ts';

/**
 * Ends the load, loads its files into the facts, and reads Kafka's logs, the tables and the bucket for the last
 * time. The copies of the tables go to `tablesDir`.
 */
export async function observe(
  session: Session,
  course: Course & { readonly t0Ms: number },
  tablesDir: string,
): Promise<Observed> {
  const { load, facts, options } = session;
  const completed = course.cutShort === undefined;
  const result = completed ? await load.finish() : await load.abort();
  await facts.raiseMemoryLimit();
  const missing = [...(await ingestFacts(facts, result))];
  for (const text of missing) session.journal.note('facts-missing', { text });
  const endedMs = course.stoppedMs ?? options.clock.nowMs();
  session.state.enter('judging', 'judging');
  const logs = completed ? await logsOrIncident(session) : null;
  return {
    ...{ completed, endedMs, tablesDir, missing },
    t0Ms: course.t0Ms,
    cutMs: course.cutMs,
    cores: availableParallelism(),
    servers: session.stack.servers,
    clockApartMs: session.clockApartMs(),
    phases: course.phases.flatMap(({ realized }) => (realized === null ? [] : [realized])),
    drains: { opening: course.opening, final: course.final },
    compactions: course.phases.flatMap(({ compaction }) =>
      compaction === null ? [] : [compaction],
    ),
    maintained: course.maintained,
    views: session.deployment.views(),
    logs: logs?.found ?? null,
    // Before the tables are copied: copies in the bucket would count as the pipeline's orphans.
    bucket: completed ? await bucketOrMissing(session, missing) : null,
    tables: completed ? await copiedTables(session, tablesDir) : null,
    incidents: [...session.incidents, ...(logs?.incidents ?? [])],
  };
}

/** Without the logs it is unknown whether they hold every acknowledged record: the run is INVALID. */
async function logsOrIncident(session: Session): Promise<{
  readonly found: readonly AppendedLog[] | null;
  readonly incidents: readonly Incident[];
}> {
  try {
    return { found: await logsOf(session), incidents: [] };
  } catch (error) {
    const incident = {
      ...{ atMs: session.options.clock.nowMs(), probe: 'logs' },
      fact: `the logs could not be counted: ${reasonOf(error)}`,
      ...{ rule: 'acknowledged is appended', limit: 'every partition counted' },
    };
    return { found: null, incidents: [incident] };
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
  const streams = STREAMS.filter((stream) => scenario.traffic[stream] !== null);
  const target = addressOf(pipeline.manifest, stack);
  return await appendedLogs(target, pipeline.place, streams);
}

/** Final size of the tables, from the files that the layout probe listed. */
async function extentsOf(facts: Session['facts']): Promise<ReadonlyMap<string, Extent>> {
  const rows = await facts.rows<Extent & { table: string }>(`
    SELECT table_name AS "table",
      coalesce(sum(rows) FILTER (content = 'data'), 0)::DOUBLE AS rows,
      coalesce(sum(rows) FILTER (content = 'equality_delete'), 0)::DOUBLE AS "deletedKeys"
    FROM files WHERE mark = 'end' GROUP BY table_name`);
  return new Map(rows.map(({ table, ...extent }) => [table, extent]));
}

/** Shortest time of a reading that is worth a line of progress, ms. */
const SHOWN_READING_MS = 1_000;

/** A line of progress for a reading that takes a while; null: it does not. */
function readingLine({ table, engine, duckdbMs }: Reading): string | null {
  if (engine === 'DuckDB' && (duckdbMs ?? 0) < SHOWN_READING_MS) return null;
  const estimate = duckdbMs === null ? '' : ` (DuckDB: about ${formatDuration(whole(duckdbMs))})`;
  return `${engine} reads ${table} for the oracles${estimate}`;
}

const whole = (ms: number) => Math.ceil(ms / 1_000) * 1_000;

/** Copies for the oracles. A table that cannot be read is not judged; the measurements stay valid. */
async function copiedTables(session: Session, dir: string): Promise<TableCopies> {
  const { stack, options, deployment, pipeline, visibility } = session;
  const { datasets } = deployment;
  try {
    await mkdir(dir, { recursive: true });
    const engine = observingEngine(pipeline.manifest.engines);
    const logDir = join(session.folder.dir, 'logs');
    await using second = engine.second?.({
      ...{ stack, clock: options.clock, signal: session.signal },
      ...{ namespace: pipeline.place.namespace, logDir },
    });
    await using reader = await engine.open(
      {
        ...{ stack, logDir, namespace: pipeline.place.namespace },
        extensions: options.artifacts.duckdbExtensions,
        warehouse: deployment.engine,
      },
      { clock: options.clock, threads: availableParallelism(), memoryMb: 4096 },
    );
    // Awaited here, because the reader is closed on return.
    return await readTables(
      reader,
      { datasets, place: pipeline.place },
      {
        dir,
        ...(second === undefined ? {} : { second }),
        extents: await extentsOf(session.facts),
        copierOf: (dataset) => visibility.copierOf(dataset),
        onReading(reading) {
          const text = readingLine(reading);
          if (text !== null) options.onEvent({ kind: 'step', text });
        },
        onFailure(failure) {
          session.journal.note('oracle-read-failed', failure);
          const { table, engine } = failure;
          options.onEvent({
            kind: 'step',
            text: `${engine} could not read ${table} for the oracles`,
          });
        },
      },
    );
  } catch (error) {
    return noneRead(datasets, error);
  }
}
