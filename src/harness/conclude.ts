import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { RUN_FILES } from '../record/folder.ts';
import type { Layout, RunRecord, TruthRecord } from '../record/record.ts';
import { STREAMS, type Stream } from '../scenario/scenario.ts';
import { openReader } from './clients/duckdb-reader.ts';
import { openKafkaAdmin } from './clients/kafka-admin.ts';
import { writeDimensions } from './dimensions.ts';
import { drainWarnings, headlineOf } from './headline.ts';
import { takeIn } from './load/take-in.ts';
import { compactionRecord, compactionRun } from './measure/compaction-record.ts';
import type { MeasureContext } from './measure/context.ts';
import { measure } from './measure/measure.ts';
import { judgeRun } from './measure/verdict.ts';
import { withReplayed } from './recording/record.ts';
import type { Session } from './session.ts';
import { type AppendedCount, appendedCounts } from './truth/appended.ts';
import { replayPromises } from './truth/promises/replay.ts';
import { judgeTruth } from './truth/truth.ts';

/**
 * From facts to the record: the load's files are taken in, the tables are judged against both
 * oracles, and every metric is computed once. `completed` says whether the run got to its end; of one that
 * did not, what was observed is still measured, and nothing is judged.
 */
export async function conclude(
  session: Session,
  first: RunRecord,
  completed: boolean,
): Promise<Partial<RunRecord>> {
  const { load, facts, options, progress, folder, journal, scenario } = session;
  const result = completed ? await load.finish() : await load.abort();
  const missing = await takeIn(facts, result);
  for (const text of missing) journal.note('facts-missing', { text });
  progress.endedMs ??= options.clock.nowMs();
  const t0Ms = progress.t0Ms as number;
  journal.note('step', { text: 'judging' });

  const appended = completed ? await countAppended(session) : null;
  const truth = completed ? await judgedTruth(session) : null;
  const tables = tablesOf(session);
  const view = { table: tables.inventory, t0Ms };
  const promises = completed ? await replayPromises(facts, scenario, view) : null;
  const bucket = completed ? await listedBucket(session) : null;
  const context: MeasureContext = {
    scenario,
    t0Ms,
    endedMs: progress.endedMs,
    tables,
    cores: availableParallelism(),
    clockApartMs: session.clockApartMs(),
    appended,
    incidents: progress.incidents,
    compaction: compactionRun(progress.compaction),
    truth,
    promises,
  };
  const { warnings, compaction, ...measured } = await measure(facts, context, bucket);
  const exported = await facts.exportParquet(folder.dir);
  journal.note('facts', { files: exported.length });
  if (completed) {
    const dir = join(folder.dir, RUN_FILES.dimensions);
    const rows = await writeDimensions(facts, { scenario, cutMs: progress.cutMs as number, dir });
    journal.note('dimensions', { ...rows });
  }
  const outcome = completed ? ('completed' as const) : ('interrupted' as const);
  const judged = judgeRun({ outcome, truth, invalid: measured.invalid, checks: measured.checks });
  const record: Partial<RunRecord> = {
    ...measured,
    ...judged,
    outcome,
    t0Ms,
    truth,
    phases: progress.phases.map((phase) => ({
      ...phase,
      startMs: phase.startMs - t0Ms,
      endMs: phase.endMs - t0Ms,
    })),
    drain: progress.drains.final,
    compaction:
      progress.compaction &&
      compactionRecord(
        progress.compaction,
        compaction,
        measured.layout,
        compactMarks(session),
        t0Ms,
      ),
    pipeline: { ...first.pipeline, tableKeys: truth?.keysCompared ?? null },
    scenario: await withReplayed(first.scenario, facts),
    checks: completed ? measured.checks : [],
  };
  return {
    ...record,
    headline: {
      text: headlineOf({ ...first, ...record }),
      warnings: [...missing, ...warnings, ...drainWarnings(progress.drains, progress.phases)],
    },
  };
}

async function listedBucket({ probes, journal }: Session): Promise<Layout['bucket']> {
  const { orphanKeys, ...listing } = await probes.layout.bucket();
  if (orphanKeys.length > 0) journal.note('orphans', { keys: orphanKeys });
  return listing;
}

/** The marks that phases.ts sets around a compaction. */
function compactMarks({ scenario }: Session): { readonly before: string; readonly after: string } {
  const name = scenario.phases.find(({ kind }) => kind === 'compact')?.name ?? '';
  return { before: `${name}:start`, after: name };
}

function tablesOf({ pipeline, scenario }: Session): Partial<Record<Stream, string>> {
  const on = STREAMS.filter((stream) => scenario.traffic[stream] !== null);
  return Object.fromEntries(
    on.flatMap((stream) => {
      const table = pipeline.manifest.streams[stream]?.table;
      return table === undefined ? [] : [[stream, table]];
    }),
  );
}

async function countAppended({
  stack,
  pipeline,
  facts,
  scenario,
}: Session): Promise<readonly AppendedCount[]> {
  await using admin = await openKafkaAdmin(stack.endpoints.kafka.brokers);
  const streams = STREAMS.filter((stream) => scenario.traffic[stream] !== null);
  return await appendedCounts(admin, (sql) => facts.rows(sql), pipeline.place, streams);
}

async function judgedTruth(session: Session): Promise<TruthRecord> {
  const { stack, options, facts, scenario, pipeline, progress } = session;
  const dir = join(session.workDir, 'truth');
  await mkdir(dir, { recursive: true });
  await using reader = await openReader(stack.endpoints, options.artifacts.duckdbExtensions, {
    clock: options.clock,
    threads: availableParallelism(),
    memoryMb: 4096,
  });
  const drained = progress.drains.final?.drained === true;
  // Awaited here, since the reader is closed on the way out.
  return await judgeTruth({
    reader,
    facts,
    scenario,
    pipeline,
    dir,
    cutMs: progress.cutMs as number,
    notSeenWithinMs: drained ? null : scenario.drainWithinMs,
  });
}
