import { distributionOf, type Weighted } from '../../core/stats.ts';
import type { Metric, Queries, QueryResult } from '../../record/record.ts';
import type { Measuring } from './context.ts';
import { grouped } from './grouped.ts';
import { distributions, scalar } from './metric.ts';

type Mode = QueryResult['mode'];
type Outcome = keyof QueryResult['outcomes'];

interface QueryRow {
  readonly query: string;
  readonly phase: string;
  readonly mode: Mode;
  readonly outcome: Outcome;
  /** From the intended start; of a query without an answer, how long it was waited for. */
  readonly ms: number;
  readonly t: number;
  readonly attach: number | null;
  readonly error: string | null;
}

/**
 * Latency counts from the intended start, queueing included. A query without an answer — timed out,
 * failed, crashed, skipped because the one before still ran — is a sample at +Infinity.
 */
async function queryRows({ sql, context }: Measuring): Promise<QueryRow[]> {
  return sql.rows<QueryRow>(`
    SELECT q.name AS query, q.phase, q.mode, q.outcome, q.intended_ms - ${context.t0Ms} AS t,
      coalesce(q.end_ms - q.intended_ms, 0) AS ms, q.attach_ms AS attach, q.error
    FROM queries q JOIN spans s ON s.name = q.phase WHERE s.measured
    ORDER BY q.intended_ms`);
}

const sampleOf = (row: QueryRow): Weighted => ({
  value: row.outcome === 'ok' ? row.ms : Number.POSITIVE_INFINITY,
  count: 1,
});

/**
 * In a query phase, a query's latency is that of the hot round; in every other one, and over the
 * whole run, that of the trickle. Failures are counted over all modes.
 */
export async function queryMetrics(measuring: Measuring): Promise<Metric[]> {
  const rows = await queryRows(measuring);
  const inRound = new Set(
    measuring.phases.filter(({ kind }) => kind === 'query').map(({ name }) => name),
  );
  const asSamples = (list: readonly QueryRow[]) =>
    list.map((row) => ({ ...sampleOf(row), of: row.query, phase: row.phase }));
  const hot = rows.filter((row) => row.mode === 'hot' && inRound.has(row.phase));
  const trickle = rows.filter((row) => row.mode === 'trickle');
  const calm = trickle.filter((row) => !inRound.has(row.phase));
  const whole = distributions('query', asSamples(trickle)).filter(({ phase }) => phase === null);
  const byPhase = distributions('query', asSamples([...calm, ...hot])).filter(
    ({ phase }) => phase !== null,
  );
  return [...byPhase, ...whole, ...failures(rows)];
}

function failures(rows: readonly QueryRow[]): Metric[] {
  const groups = grouped(
    rows.flatMap((row) => [row.phase, null].map((phase) => ({ row, phase }))),
    ({ row, phase }) => JSON.stringify([row.query, phase]),
  );
  return [...groups].map(([key, members]) => {
    const [of, phase] = JSON.parse(key) as [string, string | null];
    const failed = members.filter(({ row }) => row.outcome !== 'ok').length;
    return scalar('query_failed', { of, phase }, members.length, failed);
  });
}

/** Every query of the run, told apart by phase and mode, and the trickle tick by tick. */
export async function queriesSection(measuring: Measuring): Promise<Queries> {
  const rows = await queryRows(measuring);
  const { everyMs, timeoutMs } = measuring.context.scenario.queries;
  const groups = grouped(rows, (row) => JSON.stringify([row.query, row.phase, row.mode]));
  const trickle = grouped(
    rows.filter((row) => row.mode === 'trickle'),
    (row) => row.query,
  );
  return {
    everyMs,
    timeoutMs,
    results: [...groups.values()].map(resultOf),
    trickle: [...trickle].map(([query, ticks]) => ({
      query,
      tMs: ticks.map(({ t }) => t),
      latencyMs: ticks.map(({ ms }) => ms),
      outcome: ticks.map(({ outcome }) => outcome),
    })),
    crashes: rows.filter(({ outcome }) => outcome === 'crashed').length,
  };
}

function resultOf(rows: readonly QueryRow[]): QueryResult {
  const [first] = rows as [QueryRow, ...QueryRow[]];
  const outcomes = { ok: 0, timeout: 0, failed: 0, crashed: 0, skipped: 0 };
  for (const { outcome } of rows) outcomes[outcome] += 1;
  const { n, censored, stats, samples } = distributionOf(rows.map(sampleOf));
  const attach = distributionOf(
    rows.flatMap((row) => (row.attach === null ? [] : { value: row.attach, count: 1 })),
  );
  const error = rows.find((row) => row.error !== null)?.error;
  return {
    query: first.query,
    phase: first.phase,
    mode: first.mode,
    outcomes,
    n,
    censored,
    stats,
    samples,
    ...(first.mode === 'cold' && attach.stats.p50 ? { attachP50Ms: attach.stats.p50 } : {}),
    ...(error ? { error } : {}),
  };
}
