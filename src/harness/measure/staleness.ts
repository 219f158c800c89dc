import { HOPS } from '../../core/metrics.ts';
import type { Changes, Metric, Waterfall } from '../../record/record.ts';
import { type Measuring, streamDatasets } from './context.ts';
import { distributions, type GroupedValue, scalar } from './metric.ts';
import type { Resolution } from './resolution.ts';

/** Each hop is the difference of two stamps of `changes`; their sum is seen_ms − occurred_ms. */
const HOP_SQL: Readonly<Record<(typeof HOPS)[number], string>> = {
  transport: 'due_ms - occurred_ms',
  slip: 'sent_ms - due_ms',
  produce: 'kafka_ms - sent_ms',
  broker_to_flink: 'flink_ms - kafka_ms',
  flink_to_snapshot: 'snapshot_ms - flink_ms',
  snapshot_to_visible: 'seen_ms - snapshot_ms',
};

const STAMPED = `(${Object.values(HOP_SQL).join(' + ')}) IS NOT NULL`;

/** Staleness with its resolution, the changes that were never visible, and the hops. */
export async function stalenessMetrics(
  measuring: Measuring,
  known: readonly Resolution[],
): Promise<Metric[]> {
  const { sql } = measuring;
  const values = await sql.rows<GroupedValue>(`
    SELECT dataset AS of, phase, coalesce(seen_ms - occurred_ms, 'Infinity'::DOUBLE) AS value,
      count(*) AS count
    FROM changes WHERE measured GROUP BY ALL`);
  const resolutionOf = (of: string | null, phase: string | null) => {
    const found = known.find((one) => one.of === of && one.phase === phase);
    return found && { resolution: found.p50Ms / 2, resolutionMax: found.maxMs / 2 };
  };
  return [
    ...distributions('staleness', values, resolutionOf),
    ...(await neverVisible(measuring)),
    ...distributions('hop', await hopValues(measuring)),
  ];
}

async function hopValues({ sql }: Measuring): Promise<GroupedValue[]> {
  const each = HOPS.map(
    (hop) => `
    SELECT '${hop}' AS of, phase, ${HOP_SQL[hop]} AS value, count(*) AS count
    FROM changes WHERE measured AND ${STAMPED} GROUP BY ALL`,
  );
  return sql.rows<GroupedValue>(each.join(' UNION ALL '));
}

/** A phase in which no change was due has n = 0. */
async function neverVisible({ sql, phases, context }: Measuring): Promise<Metric[]> {
  const rows = await sql.rows<{ dataset: string; phase: string; n: number; never: number }>(`
    SELECT dataset, phase, count(*) AS n, count(*) FILTER (seen_ms IS NULL) AS never
    FROM changes WHERE measured GROUP BY ALL`);
  return streamDatasets(context).flatMap(({ name: dataset }) => {
    const mine = rows.filter((row) => row.dataset === dataset);
    const total = (list: typeof mine, key: 'n' | 'never') =>
      list.reduce((sum, row) => sum + row[key], 0);
    return [...phases.map(({ name }) => name), null].map((phase) => {
      const list = phase === null ? mine : mine.filter((row) => row.phase === phase);
      const labels = { of: dataset, phase };
      return scalar('never_visible', labels, total(list, 'n'), total(list, 'never'));
    });
  });
}

/** Mean of every hop over the rows that have all stamps, so that the means add up. */
export async function waterfalls({ sql }: Measuring): Promise<Waterfall[]> {
  const means = HOPS.flatMap((hop) => [
    `avg(${HOP_SQL[hop]}) AS ${hop}_mean`,
    `count(*) FILTER (${HOP_SQL[hop]} < 0) AS ${hop}_negatives`,
  ]);
  const rows = await sql.rows<Record<string, number> & { dataset: string; phase: string }>(`
    SELECT dataset, phase, count(*) AS n, avg(seen_ms - occurred_ms) AS mean, ${means.join(', ')}
    FROM changes WHERE measured AND ${STAMPED}
    GROUP BY dataset, phase ORDER BY min(due_ms), dataset`);
  return rows.map((row) => ({
    stream: row.dataset,
    phase: row.phase,
    n: row.n as number,
    meanMs: row.mean as number,
    hops: HOPS.map((hop) => ({
      hop,
      meanMs: row[`${hop}_mean`] as number,
      negatives: row[`${hop}_negatives`] as number,
    })),
  }));
}

/** Number of changes per outcome in each dataset and phase, including those without a staleness sample. */
export async function changeCounts({ sql }: Measuring): Promise<Changes[]> {
  return sql.rows<Changes>(`
    WITH sampled AS (
      SELECT dataset, phase,
        count(*) FILTER (what = 'shown' AND seen_ms IS NOT NULL) AS shown,
        count(*) FILTER (what = 'superseded') AS superseded,
        count(*) FILTER (what = 'guarded' AND seen_ms IS NOT NULL) AS guarded,
        count(*) FILTER (seen_ms IS NULL) AS never
      FROM changes WHERE measured GROUP BY ALL
    ), others AS (
      SELECT dataset, phase, count(*) FILTER (role = 'copy') AS copies,
        count(*) FILTER (role = 'original' AND expect = 'duplicate') AS mistaken,
        count(*) FILTER (role = 'original' AND expect = 'dead_letter') AS damaged
      FROM due JOIN datasets USING (stream) LEFT JOIN held USING (dataset, store_id, sku_id)
      WHERE measured AND (NOT subset OR version > from_version) GROUP BY ALL
    )
    SELECT dataset AS stream, phase, coalesce(shown, 0) AS shown, coalesce(superseded, 0) AS superseded,
      coalesce(guarded, 0) AS guarded, coalesce(never, 0) AS never, copies, mistaken, damaged
    FROM others LEFT JOIN sampled USING (dataset, phase) ORDER BY dataset, phase`);
}
