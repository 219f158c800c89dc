import type { Stat } from '../../core/metrics.ts';
import type { Measuring } from './context.ts';

/** Resolution of the census for one dataset, in a phase or the whole run: how exactly it knows when changes became visible. */
export interface Resolution {
  /** The dataset. */
  readonly of: string;
  /** null: of all measured phases. */
  readonly phase: string | null;
  /**
   * Time between the last poll that did not show a change and the first that did, ms: median and maximum over the
   * changes.
   */
  readonly p50Ms: number;
  readonly maxMs: number;
  /** The maximum without the intervals in which a declared fault had a server down that readers ask, ms. */
  readonly judgedMs: number;
  /** Bounds of each statistic of staleness, ms; absent if the statistic includes a change that was never visible. */
  readonly bounds: Readonly<Partial<Record<Stat, Bounds>>>;
}

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Each statistic over a column. Nearest rank, as in core/stats.ts. */
const STAT_SQL: Readonly<Record<Stat, (column: string) => string>> = {
  p50: (column) => `quantile_disc(${column}, 0.5)`,
  p95: (column) => `quantile_disc(${column}, 0.95)`,
  p99: (column) => `quantile_disc(${column}, 0.99)`,
  p999: (column) => `quantile_disc(${column}, 0.999)`,
  max: (column) => `max(${column})`,
  mean: (column) => `avg(${column})`,
  min: (column) => `min(${column})`,
};

const STATS = Object.keys(STAT_SQL) as Stat[];

/**
 * Every change with the interval in which it became visible; it cannot begin before the change happened. While a
 * declared fault has a server down that readers ask, none of them can see a change: such an interval is wide because of
 * the fault, not because of the census.
 */
const INTERVALS = `
  WITH intervals AS (
    SELECT dataset, phase, seen_ms, occurred_ms,
      least(seen_ms, greatest(occurred_ms, coalesce(missed_ms, occurred_ms))) AS from_ms,
      EXISTS (SELECT 1 FROM faults f WHERE list_contains(readers, f.server)
        AND f.start_ms <= seen_ms AND coalesce(f.back_ms, 'Infinity') >= from_ms) AS away
    FROM changes JOIN datasets USING (dataset) WHERE measured
  ), known AS (
    SELECT dataset, phase, away, seen_ms - from_ms AS width_ms,
      coalesce(seen_ms - occurred_ms, 'Infinity'::DOUBLE) AS high,
      coalesce(CASE WHEN away THEN seen_ms ELSE from_ms END - occurred_ms, 'Infinity'::DOUBLE) AS low
    FROM intervals
  )`;

type Row = { readonly dataset: string; readonly phase: string | null } & {
  readonly p50Ms: number | null;
  readonly maxMs: number | null;
  readonly judgedMs: number | null;
} & Readonly<Record<`${Stat}_${'low' | 'high'}`, number>>;

/** Resolutions, weighted by changes. A dataset without a visible change in a phase has no entry for it. */
export async function resolutions({ sql }: Measuring): Promise<Resolution[]> {
  const stats = STATS.flatMap((stat) =>
    (['low', 'high'] as const).map((end) => `${STAT_SQL[stat](end)} AS ${stat}_${end}`),
  );
  const rows = await sql.rows<Row>(`
    ${INTERVALS}
    SELECT dataset, phase, quantile_disc(width_ms, 0.5) AS "p50Ms", max(width_ms) AS "maxMs",
      coalesce(max(width_ms) FILTER (NOT away), 0) AS "judgedMs", ${stats.join(', ')}
    FROM known GROUP BY GROUPING SETS ((dataset, phase), (dataset))`);
  return rows.flatMap((row) => {
    const { dataset, phase, p50Ms, maxMs, judgedMs } = row;
    if (p50Ms === null || maxMs === null || judgedMs === null) return [];
    return [{ of: dataset, phase, p50Ms, maxMs, judgedMs, bounds: boundsOf(row) }];
  });
}

function boundsOf(row: Row): Resolution['bounds'] {
  return Object.fromEntries(
    STATS.flatMap((stat) => {
      const [low, high] = [row[`${stat}_low`], row[`${stat}_high`]];
      return Number.isFinite(high) && Number.isFinite(low) ? [[stat, { low, high }]] : [];
    }),
  );
}
