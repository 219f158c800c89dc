import { METRICS } from '../../core/metrics.ts';
import type { Layout, Metric, Regressions, RunRecord, TruthRecord } from '../../record/record.ts';
import type { Connection } from '../clients/duckdb.ts';
import type { Facts } from '../facts.ts';
import { ageMetrics, stalenessSeries } from './age.ts';
import { backlogMetrics } from './backlog.ts';
import { canarySection, canaryWarnings } from './canaries.ts';
import { judge } from './checks.ts';
import { checksOf, type MeasureContext, type MeasuredPhase, type Measuring } from './context.ts';
import { costMetrics, costSection } from './cost.ts';
import { floorMetrics, floorWarnings } from './floor.ts';
import { type PhaseHealth, phaseHealth, selfSection } from './health.ts';
import { judgeValidity, SATURATED_SHARE } from './invalid.ts';
import { fileMetrics, layoutSection } from './layout.ts';
import { type MaintenanceMeasured, measureMaintained } from './maintained.ts';
import { scalar } from './metric.ts';
import { type CompactionMeasured, measureCompactions, paybackMetric } from './payback.ts';
import { prepareSql } from './prepare.ts';
import { producingMetrics, producingSection } from './producing.ts';
import { lagOf, promiseMetrics, promiseSection } from './promises.ts';
import { queriesSection, queryMetrics } from './queries.ts';
import { faultSection } from './recovery.ts';
import { regressionMetrics, regressionSection } from './regressions.ts';
import { resolutions } from './resolution.ts';
import { changeCounts, stalenessMetrics, waterfalls } from './staleness.ts';
import { storeAges } from './store-age.ts';

/** The sections of a record that are computed from the facts. Times are ms since t0. */
export type Measured = Pick<
  RunRecord,
  | 'metrics'
  | 'faults'
  | 'promises'
  | 'staleness'
  | 'storeAge'
  | 'waterfall'
  | 'changes'
  | 'checks'
  | 'invalid'
> & {
  readonly queries: NonNullable<RunRecord['queries']>;
  readonly layout: Layout;
  readonly regressions: Regressions | null;
  readonly canaries: NonNullable<RunRecord['canaries']>;
  readonly producing: NonNullable<RunRecord['producing']>;
  readonly self: NonNullable<RunRecord['self']>;
  readonly cost: NonNullable<RunRecord['cost']>;
  /** Of the compactions on demand that committed, in their order. */
  readonly compactions: readonly CompactionMeasured[];
  /** Of the runs of maintenance, in their order; absent without one. */
  readonly maintained?: readonly MaintenanceMeasured[];
  /** Notes for the headline that do not make the numbers invalid. */
  readonly warnings: readonly string[];
};

/**
 * Computes the metrics from the facts once, at the end of a run, in SQL over the tables that are
 * exported with the record, so that anyone can recompute them.
 */
export async function measure(
  facts: Pick<Facts, 'connect'>,
  context: MeasureContext,
  bucket: Layout['bucket'] = null,
): Promise<Measured> {
  const sql = await facts.connect();
  try {
    return await sections(await measuringOf(sql, context), bucket);
  } finally {
    sql.close();
  }
}

/** Creates the temporary tables on a connection. */
export async function measuringOf(sql: Connection, context: MeasureContext): Promise<Measuring> {
  await sql.run(prepareSql(context));
  const phases = await sql.rows<MeasuredPhase>(`
    SELECT name, kind, start_ms AS "startMs", end_ms AS "endMs" FROM spans
    WHERE measured ORDER BY start_ms`);
  return { sql, context, phases };
}

async function sections(measuring: Measuring, bucket: Layout['bucket']): Promise<Measured> {
  const checks = checksOf(measuring.context);
  const context = {
    ...measuring.context,
    scenario: { ...measuring.context.scenario, checks },
  };
  const cost = await costSection(measuring);
  const compactions = await measureCompactions(measuring);
  const recovery = await faultSection(measuring);
  const perStore = await storeAges(measuring);
  const known = await resolutions(measuring);
  const staleness = await stalenessMetrics(measuring, known);
  const regressions = await regressionSection(measuring);
  const replay = context.promises;
  const promises =
    replay && promiseSection(replay, (phase) => lagOf(staleness, replay.dataset, phase));
  const metrics = sorted(measuring, [
    ...staleness,
    ...(await backlogMetrics(measuring)),
    ...(await floorMetrics(measuring)),
    ...(await ageMetrics(measuring)),
    ...perStore.metrics,
    ...recovery.metrics,
    ...(await queryMetrics(measuring)),
    ...(await fileMetrics(measuring)),
    ...(await producingMetrics(measuring)),
    ...costMetrics(cost),
    ...paybackMetric(compactions, measuring.phases),
    ...(context.truth ? truthMetrics(context.truth) : []),
    ...(regressions ? regressionMetrics(regressions) : []),
    ...(context.promises ? promiseMetrics(context.promises) : []),
  ]);
  const health = await phaseHealth(measuring);
  const canaries = await canarySection(measuring);
  return {
    metrics,
    faults: recovery.faults,
    regressions,
    promises,
    staleness: await stalenessSeries(measuring),
    storeAge: perStore.storeAge,
    waterfall: await waterfalls(measuring),
    changes: await changeCounts(measuring),
    queries: await queriesSection(measuring),
    layout: await layoutSection(measuring, bucket),
    canaries,
    producing: await producingSection(measuring),
    self: await selfSection(measuring, health),
    cost,
    compactions,
    ...(context.maintained?.length ? { maintained: await measureMaintained(measuring) } : {}),
    checks: checks.map((check) => judge(check, metrics)),
    invalid: judgeValidity({ phases: health, canaries, resolutions: known, context }),
    warnings: [
      ...saturationWarnings(health),
      ...canaryWarnings(canaries),
      ...floorWarnings(measuring, metrics),
    ],
  };
}

/** Sorts by name in the order of METRICS, then by label, then by phase; the whole run comes last. */
function sorted({ phases }: Measuring, metrics: readonly Metric[]): Metric[] {
  const names = Object.keys(METRICS);
  const phaseOf = ({ phase }: Metric) =>
    phase === null ? phases.length : phases.findIndex(({ name }) => name === phase);
  return metrics.toSorted(
    (a, b) =>
      names.indexOf(a.name) - names.indexOf(b.name) ||
      (a.of ?? '').localeCompare(b.of ?? '') ||
      phaseOf(a) - phaseOf(b),
  );
}

/** Findings of the oracles as metrics; n = 0 if no row was expected, and no metric if a table was not judged. */
function truthMetrics(truth: TruthRecord) {
  const { tables, lost, duplicated, wrong, distance, keysCompared, notJudged } = truth;
  if (notJudged !== undefined) return [];
  const whole = { of: null, phase: null };
  const demanded = tables.reduce((total, { expected }) => total + expected, 0);
  const found = tables.reduce((total, table) => total + table.found, 0);
  return [
    ...(lost === undefined ? [] : [scalar('lost', whole, demanded, lost)]),
    ...(duplicated === undefined ? [] : [scalar('duplicated', whole, found, duplicated)]),
    ...(wrong === undefined ? [] : [scalar('wrong', whole, keysCompared ?? 0, wrong)]),
    ...distance.flatMap(({ fault, injected, leaked, dropped }) =>
      leaked === undefined
        ? []
        : [scalar('distance', { of: fault, phase: null }, injected, leaked + dropped)],
    ),
  ];
}

function saturationWarnings(health: readonly PhaseHealth[]): string[] {
  return health.flatMap(({ phase, machineBusy }) =>
    machineBusy !== undefined && machineBusy > SATURATED_SHARE
      ? [
          `the machine was ${(machineBusy * 100).toFixed(0)} % busy during ${phase}: ` +
            'its latencies include waiting for a core',
        ]
      : [],
  );
}
