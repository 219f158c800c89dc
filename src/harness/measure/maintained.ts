import { grouped } from '../../core/grouped.ts';
import { MIN_SAMPLES } from '../../core/metrics.ts';
import type { MaintenanceRecord } from '../../record/record.ts';
import { liveAround, type Meanwhile, meanwhile } from './at-work.ts';
import type { Measuring } from './context.ts';
import { gainLasts } from './gain-lasts.ts';
import { complete, costOf, paybackOf, type RoundQuery } from './payback.ts';

/** The part of the record of a run of maintenance that is computed from the facts. */
export type MaintenanceMeasured = Meanwhile &
  Pick<
    MaintenanceRecord['runs'][number],
    | 'before'
    | 'after'
    | 'roundBefore'
    | 'roundAfter'
    | 'payback'
    | 'gainLastsMs'
    | 'gainLastsInterval'
  >;

/**
 * Effects of each run of maintenance by a trigger. There is no round of queries before and after it: the background
 * queries nearest to it are taken for one, as many of each as a round has at least. The nearest, since files accumulate
 * again: the mean over the whole time between two runs would be the same on either side of any of them.
 */
export async function measureMaintained(measuring: Measuring): Promise<MaintenanceMeasured[]> {
  const runs = measuring.context.maintained ?? [];
  const measured: MaintenanceMeasured[] = [];
  for (const [i, run] of runs.entries()) {
    const window = {
      fromMs: runs[i - 1]?.endMs ?? Number.NEGATIVE_INFINITY,
      toMs: runs[i + 1]?.startMs ?? Number.POSITIVE_INFINITY,
    };
    measured.push({
      ...(await meanwhile(measuring, run)),
      ...(await liveAround(measuring, run)),
      ...(run.committed
        ? await gained(measuring, run, window)
        : { payback: { kind: 'no data', reason: 'the run did not commit' } }),
    });
  }
  return measured;
}

type Window = { readonly fromMs: number; readonly toMs: number };

async function gained(
  measuring: Measuring,
  run: NonNullable<Measuring['context']['maintained']>[number],
  window: Window,
) {
  const before = await nearest(measuring, { fromMs: window.fromMs, toMs: run.startMs }, 'last');
  const after = await nearest(measuring, { fromMs: run.endMs, toMs: window.toMs }, 'first');
  return {
    ...(complete(before) ? { roundBefore: costOf(before) } : {}),
    ...(complete(after) ? { roundAfter: costOf(after) } : {}),
    payback: paybackOf(run.coreSeconds, before, after),
    ...(await gainLasts(measuring, run, window)),
  };
}

/** The first or last background queries of a window, as samples of a round. Skipped ones were never started. */
async function nearest(
  { sql }: Measuring,
  { fromMs, toMs }: Window,
  which: 'first' | 'last',
): Promise<RoundQuery[]> {
  const rows = await sql.rows<{ name: string; cpu: number | null }>(
    `SELECT name, CASE outcome WHEN 'ok' THEN cpu_s END AS cpu
     FROM first_engine_queries
     WHERE mode = 'trickle' AND outcome <> 'skipped' AND start_ms >= $from AND end_ms <= $to
     QUALIFY row_number() OVER (PARTITION BY name ORDER BY start_ms ${which === 'first' ? '' : 'DESC'})
       <= ${MIN_SAMPLES}
     ORDER BY name, start_ms`,
    { from: fromMs, to: toMs },
  );
  return [...grouped(rows, ({ name }) => name)].map(([name, of]) => {
    return { name, coreSeconds: of.map(({ cpu }) => cpu) };
  });
}
