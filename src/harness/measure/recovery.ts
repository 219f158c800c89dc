import type { FaultRecord, Metric } from '../../record/record.ts';
import type { Measuring } from './context.ts';
import { scalar } from './metric.ts';
import { pendingSteps } from './pending.ts';

/** Recovery is measured over all datasets together: by the oldest pending change of any. */
const ALL_DATASETS = '*';

/**
 * Age in steps, per dataset and over all of them: during [from_ms, until_ms) it is t − oldest, and between two
 * steps 0. Age is exact at every moment, without sampling.
 */
const STEPS = `
  CREATE OR REPLACE TEMP TABLE steps AS
  SELECT dataset, from_ms, until_ms, oldest FROM pending WHERE oldest IS NOT NULL
  UNION ALL
  SELECT dataset, from_ms, until_ms, oldest
  FROM (${pendingSteps({ dataset: `'${ALL_DATASETS}'` })}) WHERE oldest IS NOT NULL`;

/**
 * Each fault with the end of its watch: the start of the next fault after its server is back, or the end of the last
 * phase, because the load changes after that. If the phase never ended, it is the end of the run.
 */
const watchedSql = (endedMs: number) => `
  CREATE OR REPLACE TEMP TABLE watched AS
  SELECT f.*, row_number() OVER (ORDER BY f.start_ms, f.server) AS n,
    least(CASE WHEN f.phase IN (SELECT name FROM spans) THEN (SELECT max(end_ms) FROM spans)
        ELSE ${endedMs} END,
      coalesce((SELECT min(o.start_ms) FROM faults o WHERE o.start_ms > f.back_ms), 'Infinity'))
      AS watch_end_ms
  FROM faults f`;

/**
 * Per fault and dataset: the last moment of the watch with age above the target, and the integral of the excess from
 * the start of the fault until then, s·s. open: above when the watch ended. before: above when the fault began.
 */
const TIME_ABOVE_TARGET = `
  WITH pieces AS (
    SELECT w.n, s.dataset, s.oldest, s.from_ms, greatest(s.from_ms, s.oldest, w.start_ms) AS a,
      greatest(a, s.oldest + $target) AS above_a, least(s.until_ms, w.watch_end_ms) AS z,
      s.until_ms >= w.watch_end_ms AS lasts, w.start_ms
    FROM watched w, steps s
    WHERE greatest(s.from_ms, s.oldest, w.start_ms) < least(s.until_ms, w.watch_end_ms)
  )
  SELECT n, dataset, max(z - oldest) AS "ageMaxMs", max(z) FILTER (above_a < z) AS "lastMs",
    coalesce(bool_or(lasts) FILTER (above_a < z), false) AS open,
    coalesce(bool_or(from_ms < start_ms AND oldest + $target < start_ms), false) AS before,
    coalesce(sum((z - oldest - $target) ** 2 - (above_a - oldest - $target) ** 2)
      FILTER (above_a < z), 0) / 2e6 AS area
  FROM pieces GROUP BY ALL ORDER BY n, dataset`;

interface AboveRow {
  readonly n: number;
  readonly dataset: string;
  readonly ageMaxMs: number;
  readonly lastMs: number | null;
  readonly open: boolean;
  readonly before: boolean;
  readonly area: number;
}

interface FaultRow {
  readonly n: number;
  readonly act: FaultRecord['act'];
  readonly server: FaultRecord['server'];
  readonly phase: string;
  readonly intended_ms: number;
  readonly start_ms: number;
  readonly away_ms: number | null;
  readonly back_ms: number | null;
  readonly watch_end_ms: number;
}

/**
 * Results of each fault. recovery: from the time the server was back to the last moment above the target; 0 if age
 * was no longer above it by then, +∞ if it still was when the watch ended.
 */
export async function faultSection({
  sql,
  context,
}: Measuring): Promise<{ readonly metrics: readonly Metric[]; readonly faults: FaultRecord[] }> {
  const { scenario } = context;
  const targetMs = scenario.stalenessTargetMs;
  if (targetMs === null) return { metrics: [], faults: [] };
  await sql.run(STEPS);
  await sql.run(watchedSql(context.endedMs));
  const happened = await sql.rows<FaultRow>('SELECT * FROM watched ORDER BY n');
  const above = await sql.rows<AboveRow>(TIME_ABOVE_TARGET, { target: targetMs });
  const faults = happened.map((row) =>
    recordOf(
      row,
      above.filter(({ n }) => n === row.n),
      { t0Ms: context.t0Ms, targetMs },
    ),
  );
  return { metrics: recoveryMetrics(faults), faults };
}

function recordOf(
  row: FaultRow,
  above: readonly AboveRow[],
  { t0Ms, targetMs }: { readonly t0Ms: number; readonly targetMs: number },
): FaultRecord {
  const since = (ms: number | null) => (ms === null ? null : ms - t0Ms);
  const whole = above.find(({ dataset }) => dataset === ALL_DATASETS);
  const each = above.filter(({ dataset }) => dataset !== ALL_DATASETS);
  return {
    act: row.act,
    server: row.server,
    during: row.phase,
    intendedMs: row.intended_ms - t0Ms,
    startMs: row.start_ms - t0Ms,
    awayMs: since(row.away_ms),
    backMs: since(row.back_ms),
    targetMs,
    watchedToMs: row.watch_end_ms - t0Ms,
    aboveBefore: whole?.before ?? false,
    // If no change happened or was pending meanwhile, there was nothing to recover.
    ...(row.back_ms === null || whole === undefined
      ? {}
      : measuredOf(whole, row.start_ms, row.back_ms)),
    streams: each.map((one) => ({
      stream: one.dataset,
      ageMaxMs: one.ageMaxMs,
      ...(row.back_ms === null ? {} : measuredOf(one, row.start_ms, row.back_ms)),
    })),
  };
}

function measuredOf({ lastMs, open, area }: AboveRow, startMs: number, backMs: number) {
  return {
    recoveryMs: open ? null : Math.max(0, (lastMs ?? backMs) - backMs),
    staleForMs: open ? null : (lastMs ?? startMs) - startMs,
    areaAboveTarget: area,
  };
}

/**
 * Of several faults of one server, the worst. Not counted: a fault whose server never came back, and one during which
 * no change happened or was pending, because a pipeline without input is never late.
 */
function recoveryMetrics(faults: readonly FaultRecord[]): Metric[] {
  return [...new Set(faults.map(({ server }) => server))].flatMap((server) => {
    const mine = faults.filter((one) => one.server === server && one.recoveryMs !== undefined);
    const open = mine.some(({ recoveryMs }) => recoveryMs === null);
    const worst = (of: (one: FaultRecord) => number | null | undefined) =>
      open ? Number.POSITIVE_INFINITY : Math.max(0, ...mine.map((one) => of(one) ?? 0));
    const labels = { of: server, phase: null };
    return [
      scalar(
        'recovery',
        labels,
        mine.length,
        worst(({ recoveryMs }) => recoveryMs),
      ),
      scalar(
        'area_above_target',
        labels,
        mine.length,
        worst(({ areaAboveTarget }) => areaAboveTarget),
      ),
    ];
  });
}
