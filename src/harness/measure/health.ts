import { distributionOf } from '../../core/stats.ts';
import { HARNESS, MACHINE } from '../../record/facts.ts';
import type { Self } from '../../record/record.ts';
import type { MeasuredPhase, Measuring } from './context.ts';
import { LATE_AFTER_MS } from './producing.ts';
import { coreSeconds, foreignShare, shardShares } from './resources.ts';

/** CPU usage of one machine, as shares of all its cores, 0..1; undefined: not sampled. */
export interface MachineShares {
  readonly harnessShare: number | undefined;
  readonly machineBusy: number | undefined;
  readonly steal: number | undefined;
}

/** Health of the harness in one measured phase: what the INVALID rules judge. */
export interface PhaseHealth extends MachineShares {
  readonly phase: string;
  readonly kind: MeasuredPhase['kind'];
  /** Messages due in it. */
  readonly n: number;
  /** Of these, the number that waited for a broker during a declared outage. */
  readonly waited: number;
  /** Share handed over more than 250 ms late, 0..1, not counting that wait. */
  readonly lateShare: number | undefined;
  /** Not counting that wait either. undefined: nothing was due. */
  readonly slipP99Ms: number | undefined;
  /** Event-loop delay p99 of the worst producing thread, ms; undefined: nothing was produced. */
  readonly loopP99Ms: number | undefined;
  /** The same of the main thread, which stamps what the census observes; undefined: not sampled. */
  readonly mainLoopP99Ms: number | undefined;
  /**
   * Commits that the catalog served before the phase ended and the census had not read by then, of the
   * worst table; undefined: catalog or object store were down at that time by a declared fault.
   */
  readonly censusBehind: number | undefined;
  /** The same of the other machines of a distributed load. */
  readonly shards: readonly ({ readonly number: number } & MachineShares)[];
  /** Share of all cores used by programs that are neither servers nor the harness; undefined: unknown. */
  readonly foreignShare: number | undefined;
}

/** One entry per measured phase, in their order. */
export async function phaseHealth(measuring: Measuring): Promise<PhaseHealth[]> {
  const { sql, phases, context } = measuring;
  const slips = await sql.rows<{
    phase: string;
    n: number;
    waited: number;
    late: number;
    p99: number | null;
  }>(`
    SELECT phase, count(*) AS n, count(*) FILTER (wait_ms > 0) AS waited,
      count(*) FILTER (sent_ms - due_ms - wait_ms > ${LATE_AFTER_MS}) AS late,
      quantile_disc(sent_ms - due_ms - wait_ms, 0.99) AS p99
    FROM due WHERE measured AND sent_ms IS NOT NULL GROUP BY phase`);
  const loops = await sql.rows<{ phase: string; producing: number | null; main: number | null }>(`
    SELECT phase, max(p99) FILTER (worker IS NOT NULL) AS producing,
      max(p99) FILTER (worker IS NULL) AS main
    FROM (
      SELECT s.name AS phase, worker, quantile_disc(delay_ms, 0.99) AS p99
      FROM loop_delay l JOIN spans s ON l.at_ms >= s.start_ms AND l.at_ms < s.end_ms
      WHERE s.measured GROUP BY ALL) GROUP BY phase`);
  const behind = await sql.rows<{ phase: string; commits: number }>(UNREAD_AT_END);
  const away = await sql.rows<{ phase: string }>(OUTAGE_AT_END);
  const machine = await sql.rows<{ phase: string; busy: number | null; steal: number | null }>(`
    SELECT s.name AS phase, avg(busy) AS busy, avg(steal) AS steal
    FROM resources_here r JOIN spans s ON r.at_ms >= s.start_ms AND r.at_ms < s.end_ms
    WHERE r.server = '${MACHINE}' AND s.measured GROUP BY ALL`);
  return Promise.all(
    phases.map(async ({ name, kind, startMs, endMs }) => {
      // Servers, query engine and compaction have rows of their own.
      const used = await coreSeconds(sql, HARNESS, startMs, endMs);
      const slip = slips.find(({ phase }) => phase === name);
      const loop = loops.find(({ phase }) => phase === name);
      const around = machine.find(({ phase }) => phase === name);
      const seconds = ((endMs - startMs) / 1_000) * context.cores;
      return {
        phase: name,
        kind,
        n: slip?.n ?? 0,
        waited: slip?.waited ?? 0,
        lateShare: slip ? slip.late / slip.n : undefined,
        slipP99Ms: slip?.p99 ?? undefined,
        loopP99Ms: loop?.producing ?? undefined,
        mainLoopP99Ms: loop?.main ?? undefined,
        censusBehind: away.some(({ phase }) => phase === name)
          ? undefined
          : (behind.find(({ phase }) => phase === name)?.commits ?? 0),
        harnessShare: used === undefined || seconds <= 0 ? undefined : used / seconds,
        machineBusy: around?.busy ?? undefined,
        steal: around?.steal ?? undefined,
        shards: await Promise.all(
          (context.shards ?? []).map(async (shard) => ({
            number: shard.number,
            ...(await shardShares(sql, shard, startMs, endMs)),
          })),
        ),
        foreignShare: await foreignShare(sql, context, startMs, endMs),
      };
    }),
  );
}

/**
 * Commits that the catalog served before a phase ended and that the census had not read by then, of
 * the table that was furthest behind: all tables commit at the same moment.
 */
const UNREAD_AT_END = `
  SELECT phase, max(commits) AS commits FROM (
    SELECT s.name AS phase, s.start_ms, c.table_name, count(c.seen_ms) AS commits
    FROM spans s LEFT JOIN commits c
      ON c.seen_ms <= s.end_ms AND (c.read_ms IS NULL OR c.read_ms > s.end_ms)
    GROUP BY ALL)
  GROUP BY phase, start_ms ORDER BY start_ms`;

/** Phases at whose end catalog or object store were down by a declared fault, so that the census could not read. */
const OUTAGE_AT_END = `
  SELECT DISTINCT s.name AS phase FROM spans s JOIN faults f
    ON f.server IN ('minio', 'catalog') AND f.start_ms <= s.end_ms
      AND s.end_ms <= coalesce(f.back_ms, 'Infinity')`;

/** Health of the harness, as the record keeps it. */
export async function selfSection(
  measuring: Measuring,
  health: readonly PhaseHealth[],
): Promise<Self> {
  const { sql, phases, context } = measuring;
  const slips = await sql.rows<{ phase: string; value: number; count: number }>(`
    SELECT phase, sent_ms - due_ms - wait_ms AS value, count(*) AS count
    FROM due WHERE measured AND sent_ms IS NOT NULL GROUP BY ALL`);
  const eventLoop = await sql.rows<Self['eventLoop'][number]>(`
    SELECT coalesce('producer ' || worker, 'main') AS thread, quantile_disc(delay_ms, 0.99) AS "p99Ms",
      max(delay_ms) AS "maxMs"
    FROM loop_delay l JOIN spans s ON l.at_ms >= s.start_ms AND l.at_ms < s.end_ms
    WHERE s.measured GROUP BY worker ORDER BY worker`);
  // Mean over the phases that were sampled: a phase without a sample is not an idle one.
  const mean = (key: 'harnessShare' | 'machineBusy') => {
    const seen = phases.flatMap(({ name, startMs, endMs }) => {
      const share = health.find(({ phase }) => phase === name)?.[key];
      return share === undefined ? [] : [{ share, ms: endMs - startMs }];
    });
    const total = seen.reduce((sum, { ms }) => sum + ms, 0);
    if (total <= 0) return {};
    return { [key]: seen.reduce((sum, { share, ms }) => sum + share * ms, 0) / total };
  };
  const steals = health.flatMap(({ steal }) => (steal === undefined ? [] : [steal]));
  return {
    slip: health.map(({ phase, n, waited, lateShare }) => ({
      phase,
      n,
      ...(waited > 0 ? { waited } : {}),
      stats: distributionOf(slips.filter((slip) => slip.phase === phase)).stats,
      ...(lateShare === undefined ? {} : { lateShare }),
    })),
    eventLoop,
    censusBehind: await sql.rows<Self['censusBehind'][number]>(UNREAD_AT_END),
    ...mean('harnessShare'),
    ...mean('machineBusy'),
    foreign: health.flatMap(({ phase, foreignShare: share }) =>
      share === undefined ? [] : [{ phase, share }],
    ),
    ...(steals.length === 0 ? {} : { stealMax: Math.max(...steals) }),
    clockApartMs: context.clockApartMs,
    series: await selfSeries(measuring),
  };
}

/**
 * Per second from t0: CPU use of the harness and the machine, and slip of the load. Samples are about a
 * second apart and cover the time since the previous one: a second takes the first sample after its middle.
 */
async function selfSeries({ sql, context }: Measuring): Promise<Self['series']> {
  const { t0Ms, cores } = context;
  const rows = await sql.rows<{
    harness: number | null;
    machine: number | null;
    slip: number | null;
  }>(`
    WITH seconds AS (
      SELECT unnest(range(0, greatest(0, ceil(((SELECT max(end_ms) FROM spans) - ${t0Ms}) / 1000))
        ::BIGINT)) AS s, ${t0Ms} + s * 1000 + 500 AS middle_ms
    ), around AS (
      SELECT at_ms, busy AS machine FROM resources_here WHERE server = '${MACHINE}' AND busy IS NOT NULL
    ), own AS (
      SELECT to_ms, cpu_s / (to_ms - from_ms) * 1000 / ${cores} AS harness
      FROM (
        SELECT lag(at_ms) OVER w AS from_ms, at_ms AS to_ms,
          greatest(0, cpu_s - lag(cpu_s) OVER w) AS cpu_s
        FROM resources_here WHERE server = '${HARNESS}' WINDOW w AS (ORDER BY at_ms)
        QUALIFY from_ms IS NOT NULL AND to_ms > from_ms
      )
    ), late AS (
      SELECT floor((due_ms - ${t0Ms}) / 1000)::BIGINT AS s,
        quantile_disc(sent_ms - due_ms, 0.99) AS slip FROM due GROUP BY s
    )
    SELECT harness, machine, slip
    FROM seconds ASOF LEFT JOIN around ON middle_ms <= at_ms
      ASOF LEFT JOIN own ON middle_ms <= to_ms LEFT JOIN late USING (s)
    ORDER BY s`);
  return {
    startMs: 0,
    everyMs: 1_000,
    harness: rows.map((row) => row.harness),
    machine: rows.map((row) => row.machine),
    slipP99: rows.map((row) => row.slip),
  };
}
