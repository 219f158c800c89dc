import { grouped } from '../../core/grouped.ts';
import { theilSen } from '../../core/intervals.ts';
import type { Metric } from '../../record/record.ts';
import { type Measuring, streamDatasets } from './context.ts';
import { scalar } from './metric.ts';

/** Commits below which a trend is not distinguishable from noise: with fewer, the interval has no ends. */
const MIN_COMMITS = 6;
/** The first part of a phase that the trend leaves out: after a step of the load the backlog first settles. */
const SETTLING_SHARE = 1 / 3;

/** Backlog of a dataset at one moment: changes that were due and not visible. */
interface Point {
  readonly dataset: string;
  readonly phase: string;
  readonly atMs: number;
  readonly pending: number;
  /** Changes that were due by then. */
  readonly due: number;
}

/**
 * `backlog`: the changes that were due by the end of a load phase and not visible then; exact. `backlog_growth`: its
 * trend within the phase, changes per second.
 *
 * Between two commits a backlog grows, and a commit clears it: only what it is right after each commit shows whether a
 * pipeline keeps up. The trend is Theil–Sen's over these points, with its interval, and n counts them. Where no commit showed
 * anything, the backlog grew by every change that was due, and n counts those. Between the two, with too few commits
 * for a trend, n is 0.
 */
export async function backlogMetrics(measuring: Measuring): Promise<Metric[]> {
  const { context, phases } = measuring;
  const loads = phases.filter(({ kind, endMs, startMs }) => kind === 'load' && endMs > startMs);
  if (loads.length === 0) return [];
  const points = grouped(await pointsOf(measuring), ({ dataset, phase }) => `${dataset} ${phase}`);
  return streamDatasets(context).flatMap(({ name: dataset }) =>
    loads.flatMap((phase) => {
      const mine = points.get(`${dataset} ${phase.name}`) ?? [];
      const last = mine.at(-1);
      const labels = { of: dataset, phase: phase.name };
      return [scalar('backlog', labels, last?.due ?? 0, last?.pending ?? 0), growth(labels, mine)];
    }),
  );
}

function growth(
  labels: { readonly of: string; readonly phase: string },
  points: readonly Point[],
): Metric {
  // The first point is the begin of the window, the last one the end of the phase.
  const afterCommits = points.slice(1, -1);
  const [begin, end] = [points.at(0), points.at(-1)];
  if (begin && end && afterCommits.length === 0 && end.due > begin.due) {
    const perS = ((end.pending - begin.pending) * 1_000) / (end.atMs - begin.atMs);
    return scalar('backlog_growth', labels, end.due - begin.due, perS, { low: perS, high: perS });
  }
  if (afterCommits.length < MIN_COMMITS) return scalar('backlog_growth', labels, 0, 0);
  const trend = theilSen(
    afterCommits.map(({ atMs, pending }) => ({ x: atMs / 1_000, y: pending })),
  );
  return scalar('backlog_growth', labels, afterCommits.length, trend.slope, trend);
}

/** The points of every dataset and load phase, in their order: begin of the window, each commit in it, end of the phase. */
function pointsOf({ sql }: Measuring): Promise<readonly Point[]> {
  return sql.rows<Point>(`
    WITH windows AS (
      SELECT name AS phase, start_ms + ${SETTLING_SHARE} * (end_ms - start_ms) AS from_ms, end_ms
      FROM spans WHERE measured AND kind = 'load' AND end_ms > start_ms
    ), moments AS (
      SELECT c.dataset, w.phase, c.seen_ms AS at_ms
      FROM changes c JOIN windows w ON c.seen_ms > w.from_ms AND c.seen_ms < w.end_ms
      UNION SELECT dataset, phase, unnest([from_ms, end_ms]) FROM datasets, windows
    ), dues AS (
      SELECT dataset, due_ms AS at_ms, sum(count(*)) OVER (PARTITION BY dataset ORDER BY due_ms) AS n
      FROM changes GROUP BY dataset, due_ms
    ), seens AS (
      SELECT dataset, at_ms, sum(count(*)) OVER (PARTITION BY dataset ORDER BY at_ms) AS n
      FROM (SELECT dataset, greatest(seen_ms, due_ms) AS at_ms FROM changes WHERE seen_ms IS NOT NULL)
      GROUP BY dataset, at_ms
    )
    SELECT m.dataset, m.phase, m.at_ms AS "atMs", coalesce(d.n, 0)::DOUBLE AS due,
      (coalesce(d.n, 0) - coalesce(s.n, 0))::DOUBLE AS pending
    FROM moments m
      ASOF LEFT JOIN dues d ON m.dataset = d.dataset AND m.at_ms >= d.at_ms
      ASOF LEFT JOIN seens s ON m.dataset = s.dataset AND m.at_ms >= s.at_ms
    ORDER BY m.dataset, m.phase, m.at_ms`);
}
