import { duration } from '../../core/readable.ts';
import { quoted } from '../../core/sql.ts';
import type { Metric } from '../../record/record.ts';
import { type Measuring, streamDatasets } from './context.ts';
import { scalar } from './metric.ts';

/** Both stamps are whole milliseconds: on one clock a snapshot is stamped at most this much after it was served. */
const STAMP_TOLERANCE_MS = 2;
/**
 * A median this share below the floor gives a warning. If a phase is not a whole number of commit intervals,
 * its changes sample the wait for a commit unevenly; from two intervals on the effect on the median is smaller.
 */
const SHORTFALL = 0.2;
const FEW_INTERVALS = 2;
/** With fewer changes the median is not compared. */
const MIN_CHANGES = 20;

const CAUSES =
  'Either tables were committed more often than commit_every says, or a phase was too short or its load too uneven ' +
  'to be compared with a floor, or the census is wrong.';

interface CommitTimes {
  readonly dataset: string;
  /** Commits that added rows. */
  readonly n: number;
  /** Median and minimum time from a snapshot's own stamp until the catalog served it, ms. */
  readonly commit: number | null;
  readonly least: number | null;
}

/**
 * Half a commit interval plus the median duration of a commit, per dataset that is
 * committed in such intervals: a view in memory is not. Empty if Flink, which stamps
 * snapshots, uses another clock than the census.
 */
export async function floorMetrics({ sql, context }: Measuring): Promise<Metric[]> {
  const views = streamDatasets(context).flatMap(({ name, visibility }) =>
    visibility === 'redis' ? [name] : [],
  );
  const commits = await sql.rows<CommitTimes>(`
    SELECT t.dataset, count(c.seen_ms) AS n, median(c.seen_ms - c.snapshot_ms) AS commit,
      min(c.seen_ms - c.snapshot_ms) AS least
    FROM datasets t LEFT JOIN commits c
      ON c.table_name = t.dataset AND c.added_rows > 0 AND c.operation <> 'replace'
    WHERE t.dataset NOT IN (${views.map(quoted).join(', ') || "''"})
    GROUP BY t.dataset`);
  const early = commits.some(({ least }) => least !== null && least < -STAMP_TOLERANCE_MS);
  if (early || !context.flinkOnOurClock) return [];
  return commits.map(({ dataset, n, commit }) => {
    const floor = context.scenario.pipeline.commitEveryMs / 2 + (commit ?? 0);
    return scalar('floor', { of: dataset, phase: null }, n, floor);
  });
}

/**
 * Warns if the median of staleness is below the floor, or if the floor is withheld. The measurement stays
 * valid: either the assumptions of the floor do not hold, or an instrument is wrong.
 */
export function floorWarnings(
  { context, phases }: Pick<Measuring, 'context' | 'phases'>,
  metrics: readonly Metric[],
): string[] {
  const floors = metrics.filter((one) => one.name === 'floor');
  if (floors.length === 0 && metrics.some(({ name, n }) => name === 'staleness' && n > 0)) {
    return ['the floor is withheld: Flink stamps snapshots by another clock than this machine'];
  }
  return floors.flatMap((floor) => {
    if (floor.shape !== 'scalar' || floor.value === null || floor.n === 0) return [];
    const limit = (1 - SHORTFALL) * floor.value;
    const below = metrics.flatMap((one) => {
      if (one.name !== 'staleness' || one.of !== floor.of || one.shape !== 'distribution')
        return [];
      const { p50 } = one.stats;
      const span = phases.find(({ name }) => name === one.phase);
      if (!span || one.n < MIN_CHANGES || typeof p50 !== 'number' || p50 >= limit) return [];
      const intervals = (span.endMs - span.startMs) / context.scenario.pipeline.commitEveryMs;
      const few =
        intervals < FEW_INTERVALS ? `, over ${intervals.toFixed(1)} commit intervals` : '';
      return [`p50 ${duration(p50)} in ${span.name} (n ${one.n}${few})`];
    });
    if (below.length === 0) return [];
    return [
      `staleness of ${floor.of} is below its floor of ${duration(floor.value)}: ${below.join('; ')}. ${CAUSES}`,
    ];
  });
}
