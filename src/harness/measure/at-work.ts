import { grouped } from '../../core/grouped.ts';
import { quoted } from '../../core/sql.ts';
import { distributionOf, type Weighted } from '../../core/stats.ts';
import { ALL_APIS } from '../../record/facts.ts';
import type { CompactionRecord } from '../../record/record.ts';
import type { Measuring } from './context.ts';
import { increase } from './cost.ts';

/** A span in which an engine was at work, epoch ms, and the tables that it was about. */
interface Work {
  readonly startMs: number;
  readonly endMs: number;
  readonly tables: readonly string[];
  /** Its actions, one after the other. */
  readonly steps: readonly { readonly startMs: number; readonly endMs: number }[];
}

/** Live files when an action began and ended, and the traffic of the object store in between. */
export type StepEffect = Pick<
  NonNullable<CompactionRecord['steps']>[number],
  'before' | 'after' | 's3'
>;

/** What happened meanwhile, of events due and queries intended in the span; what of it is unknown, and why. */
export type Meanwhile = Required<
  Pick<CompactionRecord, 'staleness' | 'queries' | 's3' | 's3Before' | 'writtenBytes' | 'lacking'>
> & { readonly steps: readonly StepEffect[] };

/** Staleness, latency, and the traffic of the object store in a span of work. */
export async function meanwhile(measuring: Measuring, work: Work): Promise<Meanwhile> {
  const { startMs, endMs } = work;
  const staleness = await stalenessDuring(measuring, work);
  const queries = await queriesDuring(measuring, work);
  const s3 = await traffic(measuring, startMs, endMs);
  return {
    ...{ staleness, queries, s3 },
    s3Before: await traffic(measuring, 2 * startMs - endMs, startMs),
    writtenBytes: await bytesWritten(measuring, work),
    steps: await stepEffects(measuring, work),
    lacking: [
      ...(staleness.length === 0 ? ['staleness: nothing was due while it ran'] : []),
      ...(queries.length === 0 ? ['query latency: no query was intended while it ran'] : []),
      ...(s3 === null
        ? ['S3 requests: the object store was not sampled from its start to its end']
        : []),
    ],
  };
}

async function stepEffects(
  measuring: Measuring,
  { tables, steps }: Work,
): Promise<readonly StepEffect[]> {
  const effects: StepEffect[] = [];
  for (const { startMs, endMs } of steps) {
    effects.push({
      ...(await liveAround(measuring, { startMs, endMs, tables })),
      s3: await traffic(measuring, startMs, endMs),
    });
  }
  return effects;
}

async function stalenessDuring(
  { sql }: Measuring,
  { startMs, endMs }: Work,
): Promise<CompactionRecord['staleness']> {
  const rows = await sql.rows<Weighted & { dataset: string }>(
    `SELECT dataset, coalesce(seen_ms - occurred_ms, 'Infinity'::DOUBLE) AS value, count(*) AS count
     FROM changes WHERE due_ms >= $from AND due_ms < $to GROUP BY ALL ORDER BY dataset`,
    { from: startMs, to: endMs },
  );
  return [...grouped(rows, ({ dataset }) => dataset)].map(([stream, values]) => {
    const { n, censored, stats } = distributionOf(values);
    return { stream, n, censored, stats };
  });
}

async function queriesDuring(
  { sql }: Measuring,
  { startMs, endMs }: Work,
): Promise<CompactionRecord['queries']> {
  const rows = await sql.rows<Weighted & { query: string }>(
    `SELECT name AS query, count(*) AS count,
       CASE WHEN outcome = 'ok' THEN end_ms - intended_ms ELSE 'Infinity'::DOUBLE END AS value
     FROM first_engine_queries WHERE mode = 'trickle' AND intended_ms >= $from AND intended_ms < $to
     GROUP BY ALL ORDER BY name`,
    { from: startMs, to: endMs },
  );
  return [...grouped(rows, ({ query }) => query)].map(([query, values]) => {
    const { n, stats } = distributionOf(values);
    return { query, n, stats };
  });
}

/**
 * Requests and bytes of the object store in [fromMs, toMs), those of all its clients; a sample that overlaps partly counts in
 * proportion. null: the samples do not cover the span.
 */
async function traffic({ sql }: Measuring, fromMs: number, toMs: number): Promise<Meanwhile['s3']> {
  const counters = ['requests', 'bytes_in', 'bytes_out'] as const;
  const share = '(least(at_ms, $to) - greatest(from_ms, $from)) / (at_ms - from_ms)';
  const total = (counter: string) =>
    `round(coalesce(sum((${increase(counter)}) * ${share}), 0))::DOUBLE AS ${counter}`;
  const [row] = await sql.rows<Record<(typeof counters)[number] | 'ms', number | null>>(
    `SELECT sum(least(at_ms, $to) - greatest(from_ms, $from)) AS ms, ${counters.map(total).join(', ')}
     FROM (SELECT *, lag(at_ms) OVER w AS from_ms,
         ${counters.map((one) => `lag(${one}) OVER w AS ${one}_before`).join(', ')}
       FROM s3 WHERE api = '${ALL_APIS}' WINDOW w AS (ORDER BY at_ms))
     WHERE at_ms > $from AND from_ms < $to AND at_ms > from_ms`,
    { from: fromMs, to: toMs },
  );
  if (!row || row.ms === null || row.ms < toMs - fromMs - 1) return null;
  return {
    requests: row.requests ?? 0,
    bytesIn: row.bytes_in ?? 0,
    bytesOut: row.bytes_out ?? 0,
  };
}

/** Snapshots of the tables by their own time, which is that of the machine that committed them. */
function commitsOf(tables: readonly string[], where: string): string {
  const names = tables.map(quoted).join(', ');
  return `FROM commits WHERE table_name IN (${names || "''"}) AND ${where}`;
}

/** Bytes of the files that rewrites added in the span. */
async function bytesWritten({ sql }: Measuring, { startMs, endMs, tables }: Work): Promise<number> {
  const [row] = await sql.rows<{ bytes: number }>(
    `SELECT coalesce(sum(added_bytes), 0)::DOUBLE AS bytes
     ${commitsOf(tables, "operation = 'replace' AND snapshot_ms >= $from AND snapshot_ms <= $to")}`,
    { from: startMs, to: endMs },
  );
  return row?.bytes ?? 0;
}

/** Live files and bytes of the tables when a span began and ended; absent before their first commit. */
export async function liveAround(
  measuring: Measuring,
  { startMs, endMs, tables }: Pick<Work, 'startMs' | 'endMs' | 'tables'>,
): Promise<Pick<CompactionRecord, 'before' | 'after'>> {
  const before = await liveAt(measuring, tables, startMs);
  const after = await liveAt(measuring, tables, endMs);
  return { ...(before && { before }), ...(after && { after }) };
}

/** Live files and bytes of the tables after their last commit until `atMs`; null: there was none. */
async function liveAt(
  { sql }: Measuring,
  tables: readonly string[],
  atMs: number,
): Promise<NonNullable<CompactionRecord['before']> | null> {
  const [row] = await sql.rows<
    NonNullable<CompactionRecord['before']> & { readonly commits: number }
  >(
    `SELECT count(*)::DOUBLE AS commits, sum(data_files)::DOUBLE AS "dataFiles",
       sum(equality_delete_files)::DOUBLE AS "equalityDeleteFiles",
       sum(position_delete_files)::DOUBLE AS "positionDeleteFiles", sum(live_bytes)::DOUBLE AS bytes
     FROM (SELECT * ${commitsOf(tables, 'snapshot_ms <= $at')}
       QUALIFY row_number() OVER (PARTITION BY table_name ORDER BY sequence_number DESC) = 1)`,
    { at: atMs },
  );
  if (!row || row.commits === 0) return null;
  const { commits: _, ...live } = row;
  return live;
}
