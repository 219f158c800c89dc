import { quoted } from '../../core/sql.ts';
import { HARNESS, MACHINE } from '../../record/facts.ts';
import type { Connection } from '../clients/duckdb.ts';
import type { MeasureContext } from './context.ts';

/** CPU seconds that each server used between two samples. A server's counter continues after a restart. */
export const USED = `
  SELECT server, lag(at_ms) OVER w AS from_ms, at_ms AS to_ms,
    cpu_s - lag(cpu_s) OVER w AS cpu_s, programs_s - lag(programs_s) OVER w AS programs_s
  FROM resources_here WHERE cpu_s IS NOT NULL
  WINDOW w AS (PARTITION BY server ORDER BY at_ms)
  QUALIFY from_ms IS NOT NULL`;

/**
 * Core-seconds of a server in [fromMs, toMs); a sample that overlaps partly counts in proportion.
 * undefined: there is no sample.
 */
export async function coreSeconds(
  sql: Connection,
  server: string,
  fromMs: number,
  toMs: number,
): Promise<number | undefined> {
  const [row] = await sql.rows<{ cpu: number | null }>(
    `SELECT sum(cpu_s * (least(to_ms, $to) - greatest(from_ms, $from)) / (to_ms - from_ms)) AS cpu
     FROM (${USED}) WHERE server = $server AND to_ms > $from AND from_ms < $to AND to_ms > from_ms`,
    { server, from: fromMs, to: toMs },
  );
  return row?.cpu ?? undefined;
}

/**
 * Share of the machine's cores, 0..1, used by programs that are neither servers nor the harness: the CPU time of all
 * programs less that of every account. Noise may make it slightly negative. undefined: there is no sample, or the process
 * of one of `servers` cannot be read, so that it would count as another program, or no server was started here (null).
 */
export async function foreignShare(
  sql: Connection,
  { cores, servers }: Pick<MeasureContext, 'cores' | 'servers'>,
  fromMs: number,
  toMs: number,
): Promise<number | undefined> {
  if (servers === null) return undefined;
  const overlap = '(least(to_ms, $to) - greatest(from_ms, $from))';
  const [row] = await sql.rows<{ programs: number | null; ours: number | null; ms: number }>(
    `WITH parts AS (
       SELECT server, coalesce(programs_s, cpu_s) * ${overlap} / (to_ms - from_ms) AS used_s,
         programs_s, ${overlap} AS ms
       FROM (${USED}) WHERE to_ms > $from AND from_ms < $to AND to_ms > from_ms
     )
     SELECT sum(used_s) FILTER (programs_s IS NOT NULL) AS programs,
       sum(used_s) FILTER (server <> '${MACHINE}') AS ours,
       sum(ms) FILTER (server = '${MACHINE}') AS ms
     FROM parts WHERE (SELECT count(DISTINCT server) FROM resources_here
       WHERE list_contains([${servers.map(quoted).join(', ')}], server)) = ${servers.length}`,
    { from: fromMs, to: toMs },
  );
  if (!row || row.programs === null || row.ours === null || !(row.ms > 0)) return undefined;
  return (row.programs - row.ours) / ((row.ms / 1_000) * cores);
}

/** CPU use of the harness and of all programs on the machine of another shard, as shares of its cores. */
export async function shardShares(
  sql: Connection,
  { number, cores }: { readonly number: number; readonly cores: number },
  fromMs: number,
  toMs: number,
): Promise<{
  readonly harnessShare: number | undefined;
  readonly machineBusy: number | undefined;
  readonly steal: number | undefined;
}> {
  const [row] = await sql.rows<{
    harness: number | null;
    busy: number | null;
    steal: number | null;
  }>(
    `WITH parts AS (
       SELECT *, least(to_ms, $to) - greatest(from_ms, $from) AS ms FROM (
         SELECT server, busy, steal, lag(at_ms) OVER w AS from_ms, at_ms AS to_ms,
           cpu_s - lag(cpu_s) OVER w AS cpu_s
         FROM resources WHERE shard = $shard WINDOW w AS (PARTITION BY server ORDER BY at_ms)
         QUALIFY from_ms IS NOT NULL)
       WHERE to_ms > $from AND from_ms < $to AND to_ms > from_ms
     )
     SELECT 1000 * sum(cpu_s * ms / (to_ms - from_ms)) FILTER (server = '${HARNESS}')
         / (sum(ms) FILTER (server = '${HARNESS}') * $cores) AS harness,
       sum(busy * ms) FILTER (server = '${MACHINE}')
         / sum(ms) FILTER (server = '${MACHINE}' AND busy IS NOT NULL) AS busy,
       sum(steal * ms) FILTER (server = '${MACHINE}')
         / sum(ms) FILTER (server = '${MACHINE}' AND steal IS NOT NULL) AS steal
     FROM parts`,
    { shard: number, cores, from: fromMs, to: toMs },
  );
  return {
    harnessShare: row?.harness ?? undefined,
    machineBusy: row?.busy ?? undefined,
    steal: row?.steal ?? undefined,
  };
}
