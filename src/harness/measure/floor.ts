import { duration } from '../../core/readable.ts';
import type { Metric } from '../../record/record.ts';
import type { Measuring } from './context.ts';
import { scalar } from './metric.ts';

/** A snapshot's stamp is a whole millisecond, and so is ours: on one clock none is stamped later than it is served by more. */
const GRAIN_MS = 2;
/**
 * A median this share below the floor is a finding. Changes of a phase that is no whole number of commit intervals are no
 * even sample of the wait for a commit: from two intervals on that takes less off the median.
 */
const SHORTFALL = 0.2;
const FEW_INTERVALS = 2;
/** Fewer changes have no median that says anything. */
const ENOUGH = 20;

const CAUSES =
  'Either tables were committed more often than commit_every says, or a phase was too short or its load too uneven ' +
  'to be compared with a floor, or the census is wrong.';

interface CommitTimes {
  readonly dataset: string;
  /** Commits that added rows. */
  readonly n: number;
  /** Median and least from a snapshot's own stamp to the catalog serving it, ms. */
  readonly commit: number | null;
  readonly least: number | null;
}

/**
 * Half a commit interval and the commit itself, per dataset. Withheld where Flink, which stamps snapshots, runs on
 * another clock than the census: none is told then.
 */
export async function floorMetrics({ sql, context }: Measuring): Promise<Metric[]> {
  const commits = await sql.rows<CommitTimes>(`
    SELECT t.dataset, count(c.seen_ms) AS n, median(c.seen_ms - c.snapshot_ms) AS commit,
      min(c.seen_ms - c.snapshot_ms) AS least
    FROM datasets t LEFT JOIN commits c
      ON c.table_name = t.dataset AND c.added_rows > 0 AND c.operation <> 'replace'
    GROUP BY t.dataset`);
  const early = commits.some(({ least }) => least !== null && least < -GRAIN_MS);
  if (early || !context.flinkOnOurClock) return [];
  return commits.map(({ dataset, n, commit }) => {
    const floor = context.scenario.pipeline.commitEveryMs / 2 + (commit ?? 0);
    return scalar('floor', { of: dataset, phase: null }, n, floor);
  });
}

/**
 * Where the median of staleness lies below what the design can reach, and where the floor was withheld. No
 * reason to distrust what was measured: either the floor's assumptions do not hold, or an instrument is wrong.
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
      if (!span || one.n < ENOUGH || typeof p50 !== 'number' || p50 >= limit) return [];
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
