import { join } from 'node:path';
import { EXIT } from '../../core/exit-codes.ts';
import { runsElsewhere } from '../../record/environment.ts';
import { RUN_FILES } from '../../record/folder.ts';
import type { Journal } from '../../record/journal.ts';
import type { MeasuredEnd, TruthRecord, UnmeasuredRecord } from '../../record/record.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { stockView } from '../../topology/dataset.ts';
import { datasetsOf, enginesUsed, type Manifest } from '../../topology/manifest.ts';
import { writeDimensions } from '../dimensions.ts';
import type { Facts } from '../facts.ts';
import {
  compactionRecord,
  compactionRuns,
  maintenanceRecord,
  maintenanceWork,
} from '../measure/compaction-record.ts';
import type { MeasureContext } from '../measure/context.ts';
import { type Measured, measure } from '../measure/measure.ts';
import { judgeRun } from '../measure/verdict.ts';
import { reasonOf } from '../reason.ts';
import { withReplayed } from '../recording/record.ts';
import { appendedCounts } from '../truth/appended.ts';
import { replayPromises } from '../truth/promises/replay.ts';
import type { Rows } from '../truth/tables-under-test.ts';
import { judgeTruth } from '../truth/truth.ts';
import { drainWarnings, headlineOf } from './headline.ts';
import type { Observed } from './observed.ts';

/** Input from which the record of a run is computed. */
interface RecordInput {
  readonly facts: Facts;
  readonly scenario: Scenario;
  readonly manifest: Manifest;
  readonly observed: Observed;
  /** Folder for the facts as Parquet. */
  readonly dir: string;
  readonly note: Journal['note'];
}

/**
 * Builds the record from the facts: judges the tables by both oracles and computes every metric once. A run that
 * was cut short is measured, but not judged. A part that cannot be judged or written gives a warning and does not
 * affect the rest.
 */
export async function buildRecord(
  input: RecordInput,
  first: UnmeasuredRecord,
): Promise<MeasuredEnd> {
  const { facts, observed, scenario, dir, note } = input;
  const lacking = new MissingParts();
  const context = await measureContext(input, first, lacking);
  // Before the metrics: if computing them fails, they can be computed again from the facts.
  const { paths, failed } = await facts.exportParquet(dir);
  note('facts', { files: paths.length, failed });
  for (const { table, reason } of failed)
    lacking.add(`${table}.parquet was not written: ${reason}`);
  const { warnings, ...measured } = await measure(facts, context, observed.bucket);
  const { completed, cutMs } = observed;
  if (completed && cutMs !== null) {
    const folder = join(dir, RUN_FILES.dimensions);
    const written = await lacking.orNull('the dimensions were not written', () =>
      writeDimensions(facts, { scenario, cutMs, dir: folder }),
    );
    note('dimensions', { ...written });
  }
  const { truth } = context;
  const sections = {
    ...sectionsOf(observed, measured),
    pipeline: { ...first.pipeline, tableKeys: truth?.keysCompared ?? null },
    scenario: await withReplayed(first.scenario, facts),
  };
  const end = {
    ...sections,
    failures: [],
    headline: {
      text: headlineOf(sections),
      warnings: [
        ...observed.missing,
        ...lacking.sentences,
        ...warnings,
        ...drainWarnings(observed.drains, observed.phases),
      ],
    },
  };
  if (!completed) {
    return { ...end, outcome: 'interrupted', exitCode: EXIT.interrupted, verdict: null, truth };
  }
  if (truth === null) throw new Error('the tables of a run that got to its end were not read');
  return { ...end, outcome: 'completed', truth, ...judgeRun({ ...end, truth }) };
}

/** Collects the missing parts of a record as sentences. */
class MissingParts {
  readonly sentences: string[] = [];

  add(text: string): void {
    this.sentences.push(text);
  }

  /** Result of `work`; null if it fails, and then `what` is missing. */
  async orNull<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.add(`${what}: ${reasonOf(error)}`);
      return null;
    }
  }
}

/** Input of the metrics besides the facts: the oracles' findings and the observations. */
async function measureContext(
  input: RecordInput,
  first: UnmeasuredRecord,
  lacking: MissingParts,
): Promise<MeasureContext> {
  const { facts, observed, scenario } = input;
  const { completed, t0Ms, endedMs, cores, servers, clockApartMs, incidents } = observed;
  const rows: Rows = (sql) => facts.rows(sql);
  const appended = observed.logs && (await appendedCounts(rows, observed.logs));
  const truth = await judgedTruth(input);
  const datasets = datasetsOf(input.manifest, scenario.traffic);
  const promises = completed
    ? await lacking.orNull('pickup promises were not judged', () =>
        replayPromises(facts, scenario, { stock: stockView(datasets), t0Ms }),
      )
    : null;
  return {
    ...{ scenario, t0Ms, endedMs, datasets, cores, servers, clockApartMs, appended, incidents },
    shards: (first.shards ?? [])
      .slice(1)
      .flatMap(({ number, cores: its }) => (its === null ? [] : [{ number, cores: its }])),
    engine: enginesUsed(input.manifest, scenario)[0],
    flinkOnOurClock: !runsElsewhere(first.environment),
    compactions: compactionRuns(observed.compactions),
    maintained: observed.maintained === null ? [] : maintenanceWork(observed.maintained),
    ...{ truth, promises },
  };
}

/** The sections of the record from observations and measurements. For a run that was cut short, no check is judged. */
function sectionsOf(
  { completed, t0Ms, endedMs, phases, drains, ...observed }: Observed,
  { compactions: ofFacts, maintained = [], ...measured }: Omit<Measured, 'warnings'>,
) {
  const { layout, checks } = measured;
  const compactions = observed.compactions.map((one) =>
    compactionRecord(one, { compactions: ofFacts, layout, t0Ms }),
  );
  return {
    ...measured,
    ...{ measured: true as const, t0Ms, endedMs: endedMs - t0Ms, drain: drains.final },
    phases: phases.map((phase) => ({
      ...phase,
      startMs: phase.startMs - t0Ms,
      endMs: phase.endMs - t0Ms,
    })),
    compactions,
    checks: completed ? checks : [],
    ...(observed.maintained === null
      ? {}
      : { maintenance: maintenanceRecord(observed.maintained, { maintained, t0Ms }) }),
    ...(observed.views.length === 0 ? {} : { views: [...observed.views] }),
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
