import { grouped } from '../../core/grouped.ts';
import type { Metric, Producing } from '../../record/record.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { Measuring } from './context.ts';
import { distributions, type GroupedValue, scalar } from './metric.ts';

/** A message handed over, or acknowledged after its phase's end, by more than this counts as late, ms. */
export const LATE_AFTER_MS = 250;

/**
 * achieved: of the messages due in a phase, the share acknowledged at most 250 ms after its end. Messages of a
 * load that falls behind and catches up later do not count. slip: hand-over minus intended send, over the same
 * messages.
 */
export async function producingMetrics({ sql }: Measuring): Promise<Metric[]> {
  const rows = await sql.rows<{ of: Stream; phase: string; n: number; done: number }>(`
    SELECT d.stream AS of, d.phase, count(*) AS n,
      count(*) FILTER (d.acked_ms <= s.end_ms + ${LATE_AFTER_MS}) AS done
    FROM due d JOIN spans s ON s.name = d.phase WHERE d.measured GROUP BY ALL`);
  const whole = grouped(rows, (row) => row.of);
  const sum = (list: readonly (typeof rows)[number][], key: 'n' | 'done') =>
    list.reduce((total, row) => total + row[key], 0);
  const slips = await sql.rows<GroupedValue>(`
    SELECT NULL AS of, phase, sent_ms - due_ms AS value, count(*) AS count
    FROM due WHERE measured AND sent_ms IS NOT NULL GROUP BY ALL`);
  return [
    ...rows.map(({ of, phase, n, done }) => scalar('achieved', { of, phase }, n, done / n)),
    ...[...whole].map(([of, list]) => {
      const n = sum(list, 'n');
      return scalar('achieved', { of, phase: null }, n, sum(list, 'done') / n);
    }),
    ...distributions('slip', slips),
  ];
}

/** Messages scheduled, handed over, acknowledged and appended, including the harness's own. */
export async function producingSection({ sql, context }: Measuring): Promise<Producing> {
  const [total] = await sql.rows<Omit<Producing['total'], 'appended'>>(`
    SELECT (SELECT coalesce(sum(scheduled), 0) FROM load)::BIGINT
        + count(*) FILTER (role IN ('marker', 'canary')) AS scheduled,
      count(sent_ms) AS "handedOver", count(acked_ms) AS acknowledged,
      coalesce(sum(bytes), 0)::BIGINT AS bytes
    FROM events
    -- Opening stock that was inserted in bulk was never produced.
    WHERE part IS NOT NULL`);
  if (!total) throw new Error('an aggregate without GROUP BY gave no row');
  const byPhase = await sql.rows<Producing['byPhase'][number]>(`
    SELECT phase, stream, count(*) AS scheduled, count(sent_ms) AS "handedOver",
      count(acked_ms) AS acknowledged, count(kafka_offset) AS appended
    FROM due WHERE phase IS NOT NULL GROUP BY phase, stream ORDER BY min(due_ms), stream`);
  const seconds = await sql.rows<{ scheduled: number; acknowledged: number }>(`
    WITH by_second AS (
      SELECT at_ms, sum(scheduled)::BIGINT AS scheduled, sum(acknowledged)::BIGINT AS acknowledged
      FROM load WHERE at_ms >= ${firstSecond(context.t0Ms)} GROUP BY at_ms
    )
    SELECT coalesce(scheduled, 0) AS scheduled, coalesce(acknowledged, 0) AS acknowledged
    FROM (SELECT unnest(range(${firstSecond(context.t0Ms)}::BIGINT,
        (SELECT max(at_ms) FROM by_second)::BIGINT + 1000, 1000)) AS at_ms)
      LEFT JOIN by_second USING (at_ms) ORDER BY at_ms`);
  const appended = context.appended?.reduce((sum, part) => sum + part.appended, 0);
  return {
    total: { ...total, appended: appended ?? null },
    byPhase,
    series: {
      startMs: firstSecond(context.t0Ms) - context.t0Ms,
      everyMs: 1_000,
      scheduled: seconds.map((second) => second.scheduled),
      acknowledged: seconds.map((second) => second.acknowledged),
    },
    partitions: await busiestPartitions({ sql, context }),
  };
}

/** A partition is skewed if it received at least `times` its even share, and the topic at least `messages`. */
const SKEW = { times: 2, messages: 1_000 } as const;

type Busiest = NonNullable<Producing['partitions']>[number];

/** Per stream the partition that received most messages of the tape, and the key with most messages in it. */
async function busiestPartitions({
  sql,
  context,
}: Pick<Measuring, 'sql' | 'context'>): Promise<Busiest[]> {
  const { partitions } = context.scenario.stack;
  const rows = await sql.rows<Omit<Busiest, 'partitions' | 'skewed'>>(`
    WITH by_key AS (
      SELECT stream, part, store_id, count(*) AS n FROM events
      WHERE part IS NOT NULL AND role IN ('original', 'copy') GROUP BY ALL
    ), by_part AS (
      SELECT stream, part, sum(n)::BIGINT AS received, arg_max(store_id, n) AS store, max(n) AS of_store
      FROM by_key GROUP BY ALL
    )
    SELECT stream, sum(received)::BIGINT AS messages, arg_max(part, received) AS busiest,
      max(received) AS received, arg_max(store, received) AS store, arg_max(of_store, received) AS "ofStore"
    FROM by_part GROUP BY stream ORDER BY stream`);
  return rows.map((row) => ({
    ...row,
    partitions,
    skewed:
      row.messages >= SKEW.messages && (row.received / row.messages) * partitions >= SKEW.times,
  }));
}

/** Rows of `load` begin at whole seconds of the clock. */
function firstSecond(t0Ms: number): number {
  return Math.floor(t0Ms / 1_000) * 1_000;
}
