import { grouped } from '../../core/grouped.ts';
import { distributionOf, type Weighted } from '../../core/stats.ts';
import type { Metric, Queries, QueryResult } from '../../record/record.ts';
import type { Measuring } from './context.ts';
import { distributions, type GroupedValue, scalar } from './metric.ts';

type Mode = QueryResult['mode'];
type Outcome = keyof QueryResult['outcomes'];

interface QueryRow {
  readonly query: string;
  readonly engine: string | null;
  /** The datasets it names, joined by commas; null: unknown. */
  readonly reads: string | null;
  readonly phase: string;
  readonly mode: Mode;
  readonly outcome: Outcome;
  /** From the intended start to the answer or to giving up; null: it was never started. */
  readonly ms: number | null;
  readonly t: number;
  readonly attach: number | null;
  /** Whether it reads a dataset that carries a stream at all. */
  readonly ages: boolean;
  /** null: no change of what it reads happened or was pending in its phase. +Infinity: there was no answer. */
  readonly answerAge: number | null;
  readonly error: string | null;
}

/**
 * Per query that reads a dataset, by its number: the age of what it reads at its start, the maximum over several
 * tables; NULL if it never started. known: whether a change of any of them happened or was pending in its phase.
 */
const AGE_AT_START = `
  SELECT r.nr, count(k.phase) > 0 AS known,
    max(greatest(0, r.start_ms - coalesce(p.oldest, r.start_ms))) AS age
  FROM (
    SELECT nr, phase, start_ms, t.dataset
    FROM (SELECT nr, phase, start_ms, unnest(string_split(reads, ',')) AS dataset FROM numbered_queries)
      JOIN datasets t USING (dataset)
  ) r ASOF LEFT JOIN pending p ON r.dataset = p.dataset AND r.start_ms < p.until_ms
    LEFT JOIN active_phases k ON r.dataset = k.dataset AND r.phase = k.phase
  GROUP BY r.nr`;

/**
 * Latency counts from the intended start, queueing included. A query without an answer — timed out,
 * failed, crashed, skipped because the one before still ran — is a sample at +Infinity.
 */
async function queryRows({ sql, context }: Measuring): Promise<QueryRow[]> {
  return sql.rows<QueryRow>(`
    WITH aged AS (${AGE_AT_START})
    SELECT q.name AS query, q.engine, q.reads, q.phase, q.mode, q.outcome, q.intended_ms - ${context.t0Ms} AS t,
      q.end_ms - q.intended_ms AS ms, q.attach_ms AS attach, q.error,
      a.nr IS NOT NULL AS ages,
      CASE WHEN a.known THEN
        CASE q.outcome WHEN 'ok' THEN a.age + q.end_ms - q.start_ms ELSE 'Infinity'::DOUBLE END
      END AS "answerAge"
    FROM numbered_queries q JOIN spans s ON s.name = q.phase LEFT JOIN aged a USING (nr)
    WHERE s.measured ORDER BY q.intended_ms`);
}

const sampleOf = (row: QueryRow): Weighted => ({
  value: row.outcome === 'ok' && row.ms !== null ? row.ms : Number.POSITIVE_INFINITY,
  count: 1,
});

/**
 * Latency and answer age: in a query phase, of the hot round; in every other phase and over the whole run, of the
 * background queries. Failures are counted over all modes.
 */
export async function queryMetrics(measuring: Measuring): Promise<Metric[]> {
  const rows = await queryRows(measuring);
  const inRound = new Set(
    measuring.phases.filter(({ kind }) => kind === 'query').map(({ name }) => name),
  );
  const hot = rows.filter((row) => row.mode === 'hot' && inRound.has(row.phase));
  const background = rows.filter((row) => row.mode === 'trickle');
  const outsideRounds = background.filter((row) => !inRound.has(row.phase));
  const metricsOf = (name: 'query' | 'answer_age') => [
    ...distributions(name, samplesOf(name, [...outsideRounds, ...hot])).filter(
      (one) => one.phase !== null,
    ),
    ...distributions(name, samplesOf(name, background)).filter((one) => one.phase === null),
  ];
  return [...metricsOf('query'), ...metricsOf('answer_age'), ...failures(rows)];
}

function samplesOf(name: 'query' | 'answer_age', rows: readonly QueryRow[]): GroupedValue[] {
  return rows.flatMap((row) => {
    const labels = { of: row.query, phase: row.phase };
    if (name === 'query') return [{ ...labels, ...sampleOf(row) }];
    if (!row.ages) return [];
    // A label without a sample: n = 0 is what a check has to find.
    return [{ ...labels, value: row.answerAge ?? 0, count: row.answerAge === null ? 0 : 1 }];
  });
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

/** Every query of the run by phase and mode, and every background query by itself. */
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
    results: [...groups.values()].map((rowsOfOne) => ({
      ...resultOf(rowsOfOne),
      engine: rowsOfOne[0]?.engine ?? measuring.context.engine,
    })),
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
    ...(first.reads === null ? {} : { reads: first.reads.split(',') }),
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
