import { join } from 'node:path';
import { RUN_FILES } from '../../record/folder.ts';
import type { RunRecord, TruthRecord } from '../../record/record.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { stockView } from '../../topology/dataset.ts';
import { datasetsOf, type Manifest } from '../../topology/manifest.ts';
import { writeDimensions } from '../dimensions.ts';
import type { Facts } from '../facts.ts';
import { compactionRecord, compactionRuns } from '../measure/compaction-record.ts';
import type { MeasureContext } from '../measure/context.ts';
import { measure } from '../measure/measure.ts';
import { judgeRun } from '../measure/verdict.ts';
import { withReplayed } from '../recording/record.ts';
import { appendedCounts } from '../truth/appended.ts';
import { replayPromises } from '../truth/promises/replay.ts';
import { reasonOf } from '../truth/reason.ts';
import type { Rows } from '../truth/tables-under-test.ts';
import { judgeTruth } from '../truth/truth.ts';
import { runsElsewhere } from './first-record.ts';
import { drainWarnings, headlineOf } from './headline.ts';
import type { Observed } from './observed.ts';

/** What the record of a run is computed from, besides its facts. */
interface RecordInput {
  readonly facts: Facts;
  readonly scenario: Scenario;
  readonly manifest: Manifest;
  readonly observed: Observed;
  /** The folder that gets the facts as Parquet. */
  readonly dir: string;
  readonly note: (kind: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * From facts to the record: the tables are judged against both oracles, and every metric is computed once. Of
 * a run that was cut short, what was observed is still measured, and nothing is judged. What cannot be judged or
 * written is told, and takes nothing from what was measured.
 */
export async function buildRecord(
  input: RecordInput,
  first: RunRecord,
): Promise<Partial<RunRecord>> {
  const { facts, observed, scenario, dir, note } = input;
  const { completed, t0Ms, cutMs, endedMs, cores, clockApartMs, incidents } = observed;
  const rows: Rows = (sql) => facts.rows(sql);
  const appended = observed.logs && (await appendedCounts(rows, observed.logs));
  const truth = await judgedTruth(input);
  const datasets = datasetsOf(input.manifest, scenario.traffic);
  const lacking: string[] = [];
  const orTell = async <T>(what: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      lacking.push(`${what}: ${reasonOf(error)}`);
      return null;
    }
  };
  const promises = completed
    ? await orTell('pickup promises were not judged', () =>
        replayPromises(facts, scenario, { stock: stockView(datasets), t0Ms }),
      )
    : null;
  const context: MeasureContext = {
    ...{ scenario, t0Ms, endedMs, datasets, cores, clockApartMs, appended, incidents },
    shards: (first.shards ?? [])
      .slice(1)
      .flatMap(({ number, cores: its }) => (its === undefined ? [] : [{ number, cores: its }])),
    flinkOnOurClock: !runsElsewhere(first),
    compactions: compactionRuns(observed.compactions),
    ...{ truth, promises },
  };
  // Before anything is computed: whatever becomes of that, it can be computed again from the facts.
  const { paths, failed } = await facts.exportParquet(dir);
  note('facts', { files: paths.length, failed });
  lacking.push(...failed.map((one) => `${one.table}.parquet was not written: ${one.reason}`));
  const {
    warnings,
    compactions: measuredCompactions,
    ...measured
  } = await measure(facts, context, observed.bucket);
  if (completed && cutMs !== null) {
    const folder = join(dir, RUN_FILES.dimensions);
    const written = await orTell('the dimensions were not written', () =>
      writeDimensions(facts, { scenario, cutMs, dir: folder }),
    );
    note('dimensions', { ...written });
  }
  const compactions = observed.compactions.map((one) =>
    compactionRecord(one, { compactions: measuredCompactions, layout: measured.layout, t0Ms }),
  );
  const outcome = completed ? ('completed' as const) : ('interrupted' as const);
  const { invalid, checks, regressions } = measured;
  const judged = judgeRun({ outcome, truth, regressions, invalid, checks });
  const record: Partial<RunRecord> = {
    ...measured,
    ...judged,
    outcome,
    t0Ms,
    endedMs: endedMs - t0Ms,
    truth,
    phases: observed.phases.map((phase) => ({
      ...phase,
      startMs: phase.startMs - t0Ms,
      endMs: phase.endMs - t0Ms,
    })),
    drain: observed.drains.final,
    compaction: compactions.at(-1) ?? null,
    compactions,
    pipeline: { ...first.pipeline, tableKeys: truth?.keysCompared ?? null },
    scenario: await withReplayed(first.scenario, facts),
    checks: completed ? measured.checks : [],
  };
  return {
    ...record,
    headline: {
      text: headlineOf({ ...first, ...record }),
      warnings: [
        ...observed.missing,
        ...lacking,
        ...warnings,
        ...drainWarnings(observed.drains, observed.phases),
      ],
    },
  };
}

async function judgedTruth(input: RecordInput): Promise<TruthRecord | null> {
  const { facts, scenario, manifest, observed } = input;
  const { tables, cutMs, drains } = observed;
  const datasets = datasetsOf(manifest, scenario.traffic);
  if (tables === null || cutMs === null) return null;
  const drained = drains.final?.drained === true;
  return judgeTruth({
    ...{ facts, scenario, tables: { ...tables, datasets }, cutMs },
    notSeenWithinMs: drained ? null : scenario.drainWithinMs,
  });
}
